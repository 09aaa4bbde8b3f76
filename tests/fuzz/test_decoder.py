"""Whatever is delivered becomes spans, logs and metrics that can be encoded, or a count."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from extension.platform.events import Invoke, Shutdown
from extension.process.log import Log
from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.held_records import PartSize
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.flush import FlushPolicy
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.otlp.exporter import OtlpExporter
from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.raw import RawEncoder, RawExporter
from extension.telemetry.reader import DeliveryReader
from extension.telemetry.reading.decode import parse
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.telemetry import Telemetry
from tests.doubles import LogLines, ManualClock, SequentialIds
from tests.fuzz.budget import fuzz
from tests.fuzz.deliveries import deliveries
from tests.received import received

SECRET = "hunter2-hunter2"
SIGNALS = ("traces", "logs", "metrics")
IDENTITY = ResourceIdentity(
    function_name="shop", function_version="1", account_id="123456789012", region="eu-central-1",
    memory_mb=128, service_name="", resource_attributes="",
)  # fmt: skip


class Accepting(Post):
    """A way to an endpoint that takes everything, and keeps it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def send(self, signal: Any, parts: Sequence[bytes], **_: Any) -> Outcome:
        """Keep a body."""
        del signal
        self.bodies.append(b"".join(parts))
        return Outcome(kind="accepted")


def build(
    post: Accepting,
    health: Health,
    *,
    as_json: bool,
    secret: str | bytes = SECRET,
    clock: ManualClock | None = None,
) -> Telemetry:
    """Put telemetry together as the app does, in front of an endpoint that takes everything."""
    clock, ids, redactor = clock or ManualClock(), SequentialIds(), Redactor()
    redactor.learn("key", secret)
    log = Log(clock=clock, sink=LogLines())
    buffer = Buffer(max_bytes=4_194_304, dropped=health.dropped)
    meter = Meter(temporality="delta", now_ns=clock.now().wall_ns)
    otlp = OtlpEncoder(
        ids=ids, identity=IDENTITY, signals=SIGNALS, part=PartSize(128), meter=meter, health=health
    )
    exporter = RawExporter(post) if as_json else OtlpExporter(post)
    assembler, policy = Assembler(ids=ids, stream_records=not as_json), FlushPolicy("periodic")
    pipeline = Pipeline(
        assembler=assembler,
        encoder=RawEncoder(redactor, health=health) if as_json else otlp,
        buffer=buffer,
        record_filter=RecordFilter(),
        redaction=redactor,
        health=health,
        clock=clock,
    )
    return Telemetry(
        pipeline=pipeline,
        reader=DeliveryReader(pipeline, buffer=buffer, health=health, clock=clock),
        assembler=assembler,
        buffer=buffer,
        delivery=Delivery(exporter=exporter, buffer=buffer, health=health, clock=clock, log=log),
        policy=policy,
        health=health,
        clock=clock,
        log=log,
        timeout_s=1.0,
        prepare=_at_once,
        close=post.close,
    )


async def live(bodies: Sequence[bytes], *, as_json: bool) -> tuple[Health, list[bytes]]:
    """Let telemetry live through deliveries, an invocation and SHUTDOWN."""
    post, health = Accepting(), Health()
    telemetry = build(post, health, as_json=as_json)
    await telemetry.invoked(Invoke(request_id="a", deadline_ms=0))
    for body in bodies:
        await received(telemetry.reader, body)
        await asyncio.sleep(0)
    telemetry._wait_for_the_last = _at_once  # type: ignore[method-assign]  # the clock stands still
    await telemetry.shut_down(Shutdown(reason="spindown", deadline_ms=0))
    return health, post.bodies


async def _at_once() -> None:
    """Wait for nothing."""


def test_any_delivery_is_read() -> None:
    """Nothing is raised, and each element is an event or is counted."""

    def check(body: bytes) -> None:
        batch = parse(body)
        assert batch.bad >= 0
        assert len(batch.events) <= len(batch.items)

    assert fuzz(check, deliveries())


def test_any_deliveries_leave_without_a_fault() -> None:
    """No part of ours raises, nothing that was built is impossible to encode, no secret leaves."""

    def check(drawn: tuple[list[bytes], bool]) -> None:
        bodies, as_json = drawn
        health, sent = asyncio.run(live(bodies, as_json=as_json))
        assert health.faults == {}
        assert "unencodable" not in health.dropped
        assert SECRET.encode() not in b"".join(sent)

    secret = st.sampled_from([SECRET, f'"{SECRET}"', f"x={SECRET}&", SECRET.upper()])
    with_secret = st.tuples(deliveries(), secret).map(
        lambda pair: pair[0].replace(b"message", pair[1].replace('"', "").encode())
    )
    several = st.lists(st.one_of(deliveries(), with_secret), min_size=1, max_size=4)
    assert fuzz(check, st.tuples(several, st.booleans()))
