"""Sandboxes whose metrics the extension's own code makes, at any time: requests for a back end."""

from __future__ import annotations

from itertools import count
from typing import Literal

from extension.aws.call import CompletedCall
from extension.telemetry.assembly.cache_use import CacheAnswer
from extension.telemetry.assembly.finished import Invocation
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.health import Health
from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.otlp.resource import build_resource
from extension.telemetry.reading.xray import TraceContext
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.resource_identity import BYTES_PER_MIB, ResourceIdentity
from extension.telemetry.tap.cause import Cause
from extension.telemetry.tap.tapped import Tapped
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds

Temporality = Literal["delta", "cumulative"]

MEMORY_MB = 512


class MeteredSandbox:
    """One sandbox of a function; times are seconds after noon."""

    def __init__(
        self, function: str, number: int, *, begin: float = 0, temporality: Temporality = "delta"
    ) -> None:
        identity = ResourceIdentity(function_name=function, region="eu-central-1")
        self._resource = build_resource(identity, instance_id=f"2026/01/01/[$LATEST]{number}")
        self._meter = Meter(temporality=temporality, now_ns=given.ns(begin))
        self._assembler = Assembler(ids=SequentialIds())
        self._numbers = count()
        self.health = Health()

    def invoke(
        self,
        at: float,
        *,
        seconds: float = 0.2,
        status: str = "success",
        is_cold: bool = False,
        memory_mb: int = 100,
        added: float = 0.01,
    ) -> None:
        """Let an invocation run and end, with its report; a cold one is the first of a process."""
        name, end = f"{at}-{next(self._numbers)}", at + seconds
        if is_cold:
            self._assembler = Assembler(ids=SequentialIds())
        metrics = {
            "maxMemoryUsedMB": memory_mb,
            "memorySizeMB": MEMORY_MB,
            "billedDurationMs": seconds * 1000,
        }
        events = [
            *(given.init(at - 0.5, 0.5) if is_cold else ()),
            given.start(name, at),
            given.done(name, end, status=status, metrics={"durationMs": seconds * 1000}),
            given.report(name, end, status=status, **metrics),
        ]
        for finished in assemble(self._assembler, [events]):
            self._meter.record(finished)
        self._meter.record_added(added)

    def get(self, result: str, *, throttles: int = 0, code: str = "") -> None:
        """Let the cache answer one GET, with a call to AWS unless it holds the value."""
        self._meter.record_answer(CacheAnswer(result=result, age_s=30, waited_s=0.01))
        if result not in ("HIT", "STALE"):
            call = CompletedCall(
                service="SSM", operation="GetParameter", name="/shop", start_ns=0,
                end_ns=20_000_000, throttles=throttles, code=code,
            )  # fmt: skip
            self._meter.record_call(call)

    def take_message(self, at: float, *, age: float) -> None:
        """Let an invocation run for a message of a queue, as the tap tells of it."""
        cause = Cause(source="sqs", trigger="pubsub", kind="consumer", sent_ns=given.ns(at - age))
        context = TraceContext(trace_id=1, span_id=1)
        self._meter.record(
            Invocation(
                context=context,
                request_id=f"{at}-{next(self._numbers)}",
                start_ns=given.ns(at),
                end_ns=given.ns(at + 0.1),
                status="success",
                tapped=Tapped(cause=cause),
            )
        )

    def measure(self) -> None:
        """Measure what the sandbox used, and count requests of an SDK."""
        self._meter.record_usage("faas.cpu_usage", 0.05)
        self._meter.record_usage("faas.net_io", 2048)
        self._meter.record_usage("lambda_dispatch.file_descriptors", 60)
        self._meter.record_usage("lambda_dispatch.threads", 20)
        self._meter.record_usage("lambda_dispatch.tmp_usage", BYTES_PER_MIB)
        received = self.health.received = self.health.received or ReceiverCounts()
        for counts in (received.requests, received.bytes, received.items, received.redacted):
            counts["traces"] += 1
        received.not_forwarded["metrics"] += 1
        received.refused["413"] += 1

    def fail(self) -> None:
        """Let the telemetry fare badly."""
        self.health.dropped["buffer_full"] += 3
        self.health.dead_letters += 2
        self.health.failed_exports += 1
        self.health.platform_dropped += 4
        self.health.leaks += 1

    def export(self, at: float) -> list[bytes]:
        """Return what leaves then."""
        collected = self._meter.collect(self.health, resource=self._resource, now_ns=given.ns(at))
        return [each.body for each in collected]


def everything(temporality: Temporality = "delta") -> list[bytes]:
    """Return requests with each metric in them."""
    sandbox = MeteredSandbox("shop", 1, temporality=temporality)
    requests = []
    for minute in range(1, 11):
        for status in ("success", "error", "timeout"):
            sandbox.invoke(60 * minute, status=status, is_cold=status == "success")
        sandbox.take_message(60 * minute, age=2)
        sandbox.get("MISS", throttles=1, code="ThrottlingException")
        sandbox.get("HIT")
        sandbox.measure()
        sandbox.fail()
        requests += sandbox.export(60 * minute + 10)
    return requests
