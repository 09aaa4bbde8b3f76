"""Telemetry as a whole lives through whatever the platform, the endpoint and freezes do to it."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.platform.events import Invoke
from extension.telemetry.export.flush import FlushMode
from tests.scripted.deliveries import (
    Identity,
    Line,
    delivery,
    done_event,
    report_event,
    split_delivery,
    start_event,
)
from tests.simulated_sandbox import MS, SimulatedSandbox, Weather

START, DONE = "platform.start", "platform.runtimeDone"
TIMEOUT_MS = 900_000
Fate = Literal["in time", "late", "twice", "split", "lost"]
fates = st.sampled_from(["in time", "in time", "late", "twice", "split", "lost"])
weathers = st.sampled_from(["takes", "takes", "slow", "refuses", "loses the answer", "hangs"])


@dataclass
class Expected:
    """What an invocation must become."""

    start_ns: int
    end_ns: int
    status: str
    lines: list[str] = field(default_factory=list)
    is_whole: bool = True
    """Whether nothing that the platform says of it was lost."""


class Sandbox(RuleBasedStateMachine):
    """One sandbox, whose function is invoked again and again."""

    mode: FlushMode = "auto"

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = SimulatedSandbox(self.mode)
        self.clock, self.endpoint = self.sandbox.clock, self.sandbox.endpoint
        self.expected: dict[str, Expected] = {}
        self.late: list[tuple[bytes, Expected | None]] = []
        self.lines_in_doubt: set[str] = set()

    @rule(weather=weathers)
    def the_weather_changes(self, weather: Weather) -> None:
        """The endpoint does something else from now on."""
        self.endpoint.weather = weather

    @rule(seconds=st.sampled_from([0.01, 1, 30, 400]), monotonic=st.booleans())
    def it_is_frozen(self, seconds: float, monotonic: bool) -> None:
        """Time passes, by the wall clock or by both, and nothing runs."""
        (self.clock.advance if monotonic else self.clock.freeze)(seconds)

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def something_comes_late(self, data: st.DataObject) -> None:
        """One of the deliveries that were held up, whichever."""
        at = data.draw(st.integers(0, len(self.late) - 1))
        self.sandbox.run(self.sandbox.deliver(self.late.pop(at)[0]))

    @rule(
        cut_at=st.sets(st.integers(1, 5), max_size=3),
        fate=st.lists(fates, min_size=4, max_size=4),
        lines=st.integers(0, 3),
        seconds=st.sampled_from([0.0, 0.2, 3.0]),
        status=st.sampled_from(["success", "error"]),
    )
    def the_function_is_invoked(
        self, cut_at: set[int], fate: list[Fate], lines: int, seconds: float, status: str
    ) -> None:
        """Its events come in some deliveries, and each of these has a fate of its own."""
        who = Identity.numbered(len(self.expected) + 1, seed=7)
        began_ns = self.clock.now().wall_ns // MS * MS
        end_ns = began_ns + round(seconds * 1000) * MS
        # Halves of lines that are cut differ, too: what is the same is taken for a repetition.
        texts = [f"{number} of {who.request_id}, {number}" for number in range(lines)]
        self.expected[who.request_id] = expected = Expected(began_ns, end_ns, status, texts)
        done = done_event(who, end_ns, duration_ms=seconds * 1000)
        report = report_event(who, end_ns, duration_ms=seconds * 1000)
        done["record"]["status"] = report["record"]["status"] = status
        events = [
            start_event(who, began_ns),
            *(Line(text=text, time_ns=began_ns).event for text in texts),
            done,
            report,
        ]
        places = [0, *sorted(each for each in cut_at if each < len(events)), len(events)]
        parts = [events[a:b] for a, b in itertools.pairwise(places)]
        for _, earlier in self.late:
            if earlier:
                earlier.is_whole = False  # it is gone when a later one is done
        deliveries = [
            body
            for part, what in zip(parts, fate, strict=False)
            for body in self._meet(part, what, expected)
        ]
        self.sandbox.run(self._invoke(who, began_ns, deliveries, seconds))

    def _meet(self, part: list[dict[str, Any]], fate: Fate, expected: Expected) -> list[bytes]:
        """Return what is delivered of some events in time."""
        at = next((at for at, event in enumerate(part) if event["type"] == "function"), None)
        match fate:
            case "lost":
                expected.is_whole = False
                self.lines_in_doubt |= {
                    event["record"].strip() for event in part if event["type"] == "function"
                }
                return []
            case "late":
                says = {event["type"] for event in part} & {START, DONE}
                self.late.append((delivery(part), expected if says else None))
                return []
            case "twice":
                return [delivery(part)] * 2
            case "split" if at is not None:
                return list(split_delivery(part[:at], part[at], part[at + 1 :], at=0.5))
        return [delivery(part)]

    async def _invoke(
        self, who: Identity, began_ns: int, deliveries: list[bytes], seconds: float
    ) -> None:
        invoke = Invoke(request_id=who.request_id, deadline_ms=began_ns // MS + TIMEOUT_MS)
        holding = asyncio.create_task(self.sandbox.telemetry.invoked(invoke))
        for body in deliveries:
            await asyncio.sleep(seconds / max(len(deliveries), 1))
            await self.sandbox.deliver(body)
        await holding
        self.sandbox.telemetry.next_called(invoke)

    def teardown(self) -> None:
        """Everything came once, or the closing line counts it."""
        self.endpoint.weather = "takes"
        for body, _ in self.late:
            self.sandbox.run(self.sandbox.deliver(body))
        self.sandbox.shut_down()
        self.sandbox.close()
        assert self.sandbox.health.faults == {}
        assert self.sandbox.health.dropped == {}
        self._judge_spans()
        self._judge_lines()

    def _judge_spans(self) -> None:
        spans: defaultdict[str, dict[tuple[bytes, bytes], Any]] = defaultdict(dict)
        arrivals: Counter[tuple[bytes, bytes]] = Counter()
        for body in (body for signal, body in self.endpoint.taken if signal == "traces"):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    arrivals[span.trace_id, span.span_id] += 1
                    facts = {each.key: each.value.string_value for each in span.attributes}
                    if span.kind == 2:
                        spans[facts["faas.invocation_id"]][span.trace_id, span.span_id] = (
                            span.start_time_unix_nano, span.end_time_unix_nano,
                            facts.get("lambda_dispatch.status"),
                        )  # fmt: skip
        assert spans.keys() == self.expected.keys()
        for request_id, expected in self.expected.items():
            [found] = spans[request_id].values()
            if expected.is_whole:
                assert found == (expected.start_ns, expected.end_ns, expected.status)
        if not self.endpoint.in_vain:
            assert set(arrivals.values()) <= {1}

    def _judge_lines(self) -> None:
        arrived = Counter(
            record.body.string_value
            for signal, body in self.endpoint.taken
            if signal == "logs"
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        )
        written = {line for expected in self.expected.values() for line in expected.lines}
        assert set(arrived) == written - self.lines_in_doubt
        if not self.endpoint.in_vain:
            assert set(arrived.values()) <= {1}


class SandboxOfEnd(Sandbox):
    """The same, where each invocation is held."""

    mode = "end"


class SandboxOfPeriodic(Sandbox):
    """The same, where none is held."""

    mode = "periodic"


for machine in (Sandbox, SandboxOfEnd, SandboxOfPeriodic):
    machine.TestCase.settings = settings(
        max_examples=100,
        stateful_step_count=15,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )

TestAuto = Sandbox.TestCase
TestEnd = SandboxOfEnd.TestCase
TestPeriodic = SandboxOfPeriodic.TestCase
