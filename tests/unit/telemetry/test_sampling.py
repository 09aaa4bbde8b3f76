"""A share of the unremarkable: what belongs to an invocation is kept or left out together."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from extension.telemetry.assembly.cache_use import CacheCall
from extension.telemetry.assembly.probability import decode, threshold_of
from extension.telemetry.assembly.undecided import MAX_WAITING_BYTES
from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.reading.levels import SEVERITIES
from extension.telemetry.reading.xray import TraceParent
from tests import platform_events as given
from tests.platform_events import JsonEvent
from tests.sdk_requests import Stage, invocation_span, request, sdk_span

CHOSEN = 0x11110000_00000000_00FFFFFF_FFFFFFFF
OTHER = 0x11110000_00000000_00000000_00000001
"""Trace ids that a share of a tenth keeps, and does not."""

FAILED = {"status": "error", "errorType": "Runtime.Unknown"}


def begin(request_id: str, at: float, *, trace: int = OTHER) -> JsonEvent:
    """Return the start of an invocation in a trace."""
    digits = f"{trace:032x}"
    header = f"Root=1-{digits[:8]}-{digits[8:]};Parent={given.PARENT};Sampled=1"
    tracing = {**given.TRACING, "value": header}
    return given.platform("start", at, requestId=request_id, version="1", tracing=tracing)


def names(stage: Stage) -> list[str]:
    """Return the names of the spans that leave."""
    return sorted(span.name for span in stage.spans)


def states(stage: Stage) -> set[str]:
    """Return what they say of sampling."""
    return {span.trace_state for span in stage.spans}


def warm(**more: object) -> Stage:
    """Return a stage with a share of a tenth, whose first invocation is over."""
    return Stage(ratio=0.1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("trace", "fields", "kept"),
    [(OTHER, {}, []), (CHOSEN, {}, ["ot=th:e666"]), (OTHER, FAILED, ["ot=th:0"])],
)
def test_a_trace_id_or_a_failure_decides(
    trace: int, fields: dict[str, str], kept: list[str]
) -> None:
    """What is kept says by which threshold."""
    stage = warm().platform(begin("r", 1, trace=trace), given.done("r", 2, **fields))
    assert [span.trace_state for span in stage.spans] == kept
    assert stage.health.filtered["unsampled_invocations"] == (0 if kept else 1)
    assert stage.health.finished == 1


def test_a_cold_start_is_kept() -> None:
    """With its init."""
    stage = warm().platform(*given.init(0, 1), begin("r", 1), given.done("r", 2))
    assert names(stage) == ["init", "shop"]
    assert states(stage) == {"ot=th:0"}


def test_a_slow_invocation_is_kept() -> None:
    """It takes longer than so many milliseconds."""
    stage = warm(slow_ms=500).platform(begin("r", 1), given.done("r", 2))
    assert states(stage) == {"ot=th:0"}


def test_not_sampled_by_x_ray_drops_nothing() -> None:
    """The share alone decides."""
    stage = warm()
    start = begin("r", 1, trace=CHOSEN)
    start["record"]["tracing"]["value"] = start["record"]["tracing"]["value"][:-1] + "0"
    assert names(stage.platform(start, given.done("r", 2))) == ["shop"]


@pytest.mark.parametrize("signals", [("traces",), ("traces", "logs")])
@pytest.mark.parametrize(("fields", "kept"), [({}, False), (FAILED, True)])
def test_all_of_an_invocation_follows_it(
    signals: Sequence[str], fields: dict[str, str], *, kept: bool
) -> None:
    """Its lines, the calls of the cache, and what comes after its end."""
    stage = warm(signals=signals, stream_records="logs" in signals)
    stage.platform(begin("r", 1), given.line("early", 1.1))
    call = CacheCall(
        name="/p",
        service="SSM",
        operation="GetParameter",
        start_ns=given.ns(1.2),
        end_ns=given.ns(1.3),
    )
    stage.pipeline.cache_called(call)
    assert stage.items == []
    stage.platform(given.done("r", 2, **fields), given.line("late", 1.9))
    stage.platform(given.report("r", 2.5))
    everything = ["SSM.GetParameter", "extension overhead", "shop"]
    if "logs" in signals:
        assert [each.body.string_value for each in stage.records] == (
            ["early", "late"] if kept else []
        )
    else:
        everything.insert(2, "late logs")
    assert names(stage) == (everything if kept else [])
    if not kept:
        assert stage.health.filtered == {
            "unsampled_invocations": 1, "unsampled_calls": 1, "unsampled_lines": 2,
        }  # fmt: skip
    else:
        assert states(stage) == {"ot=th:0"}
    assert stage.sampler.undecided.bytes == 0


@pytest.mark.parametrize("trace_parent", ["sdk", "xray"])
@pytest.mark.parametrize(("fields", "kept"), [({}, False), (FAILED, True)])
def test_the_spans_of_the_sdk_follow_their_invocation(
    trace_parent: TraceParent, fields: dict[str, str], *, kept: bool
) -> None:
    """In one trace with ours or in another."""
    stage = warm(trace_parent=trace_parent).platform(begin("r", 1))
    stage.sdk(request(work=[sdk_span("price", 0x52, parent=0x51)]))
    stage.sdk(request(invocation_span("r")))
    assert stage.items == []
    stage.platform(given.done("r", 2, **fields))
    assert names(stage) == (["handler", "price", "shop"] if kept else [])
    assert states(stage) <= {"ot=th:0"}
    stage.end()
    assert stage.health.filtered["unsampled_sdk"] == (0 if kept else 2)


def test_the_random_value_of_the_sdk_decides() -> None:
    """And the higher threshold stays."""
    stage = warm().platform(begin("r", 1))
    span = invocation_span("r")
    span.trace_state = "ot=rv:ffffffffffffff;th:f"
    stage.sdk(request(span)).platform(given.done("r", 2))
    assert {span.name: span.trace_state for span in stage.spans} == {
        "shop": "ot=th:e666;rv:ffffffffffffff",
        "handler": "ot=rv:ffffffffffffff;th:f",
    }


def test_spans_of_no_known_invocation_wait_for_two() -> None:
    """They are kept if one of these was remarkable, else by their own trace."""
    stage = warm().platform(begin("r", 1))
    stage.sdk(request(work=[sdk_span("lost", 0x52, trace=OTHER + 1)]))
    stage.sdk(request(work=[sdk_span("chosen", 0x52, trace=CHOSEN - 1)]))
    stage.platform(given.done("r", 2))
    assert stage.items == []
    stage.platform(begin("s", 3), given.done("s", 4))
    assert names(stage) == ["chosen"]
    stage.platform(begin("t", 5))
    stage.sdk(request(work=[sdk_span("with a failure", 0x52, trace=OTHER + 2)]))
    stage.platform(given.done("t", 6, **FAILED)).end()
    assert names(stage) == ["chosen", "shop", "with a failure"]


def test_a_second_invocation_of_a_trace_that_is_kept_is_kept() -> None:
    """For its spans of the SDK have left already."""
    stage = warm().platform(begin("r", 1), given.done("r", 2, **FAILED))
    stage.platform(begin("s", 3)).sdk(request(work=[sdk_span("price", 0x52, trace=OTHER)]))
    assert names(stage.platform(given.done("s", 4))) == ["price", "shop", "shop"]


def test_several_invocations_at_once_are_decided_by_themselves() -> None:
    """On Managed Instances, in one trace even."""
    stage = warm(concurrent=True, stream_records=True, signals=("traces", "logs"))
    stage.platform(begin("r", 1), begin("s", 1))
    stage.platform(given.line({"message": "of r", "requestId": "r"}, 1.1))
    stage.platform(given.line({"message": "of s", "requestId": "s"}, 1.1))
    stage.platform(given.report("r", 2))
    assert stage.items == []
    stage.platform(given.report("s", 2, status="error"))
    assert [each.body.string_value for each in stage.records] == ["of s"]
    assert names(stage) == ["shop"]


def test_what_waits_is_bounded_and_the_last_stays() -> None:
    """What had to make room is lost if the invocation turns out to be wanted."""
    stage = warm().platform(begin("r", 1))
    body = request(work=[sdk_span("x" * 100_000, 0x52, trace=OTHER)])
    for _ in range(60):
        stage.sdk(body)
        assert stage.sampler.undecided.bytes <= MAX_WAITING_BYTES
    last = request(work=[sdk_span("last", 0x53, trace=OTHER)])
    stage.sdk(last).platform(given.done("r", 2, **FAILED))
    assert {"last", "shop"} <= set(names(stage))
    lost = stage.health.dropped["undecided"] + stage.health.dropped["buffer_full"]
    assert lost + len(stage.spans) == 62


def test_what_makes_room_and_is_chosen_leaves_at_once() -> None:
    """Whatever becomes of its invocation, it is kept."""
    stage = warm(buffer_bytes=10**8).platform(begin("r", 1, trace=CHOSEN))
    body = request(work=[sdk_span("x" * 100_000, 0x52, trace=CHOSEN)])
    for _ in range(60):
        stage.sdk(body)
    assert len(stage.spans) > 10
    stage.platform(given.done("r", 2))
    assert len(stage.spans) == 61
    assert not stage.health.dropped


def log_request(*records: tuple[str, int, int]) -> bytes:
    """Return records of the SDK: text, severity and trace."""
    sent = ExportLogsServiceRequest()
    scope = sent.resource_logs.add().scope_logs.add()
    for text, severity, trace in records:
        record = scope.log_records.add(severity_number=severity)
        record.body.string_value = text
        record.trace_id = trace.to_bytes(16) if trace else b""
    encoded: bytes = sent.SerializeToString()
    return encoded


@pytest.mark.parametrize("ratio", [1.0, 0.1])
@pytest.mark.parametrize(("fields", "kept"), [(FAILED, ["a", "b", "c", "d"]), ({}, ["b", "d"])])
def test_the_details_of_the_sdk_follow_the_verdict(
    ratio: float, fields: dict[str, str], kept: list[str]
) -> None:
    """By their trace, or, without one, by the invocation that runs."""
    stage = Stage(signals=("logs",), ratio=ratio, detail_below=SEVERITIES["INFO"])
    stage.platform(begin("r", 1))
    body = log_request(("a", 5, OTHER), ("b", 9, 0), ("c", 5, 0), ("d", 9, CHOSEN))
    stage.pipeline.take_sdk("logs", body, 4)
    stage.platform(given.done("r", 2, **fields)).end()
    assert sorted(each.body.string_value for each in stage.records) == kept
    assert stage.health.filtered["details"] == (0 if fields else 2)


def test_details_of_the_sdk_that_nothing_assigns_are_not_kept() -> None:
    """On Managed Instances several invocations run."""
    stage = Stage(signals=("logs",), concurrent=True, detail_below=SEVERITIES["INFO"])
    stage.pipeline.take_sdk("logs", log_request(("a", 5, 0), ("b", 9, 0)), 2)
    assert [each.body.string_value for each in stage.records] == ["b"]
    assert stage.health.filtered == {"details": 1}


def test_what_cannot_be_read_is_passed_on() -> None:
    """An endpoint may know better."""
    stage = warm(signals=("logs",))
    stage.pipeline.take_sdk("logs", b"\xff", 1)
    assert [item.body for item in stage.items] == [b"\xff"]


def test_a_part_has_the_resource_and_the_scope() -> None:
    """A request of several traces is divided, and nothing of it lost."""
    stage = warm().platform(begin("r", 1))
    work = [sdk_span("one", 1, trace=CHOSEN), sdk_span("two", 2, trace=OTHER)]
    stage.sdk(request(work=work)).platform(given.done("r", 2, **FAILED))
    stage.end()
    assert names(stage) == ["one", "shop", "two"]
    assert not stage.health.dropped


def trace_id(number: int) -> int:
    """Return ids that are random and the same in each run."""
    return int.from_bytes(sha256(str(number).encode()).digest()[:16])


def many(stage: Stage, count: int) -> Stage:
    """Deliver invocations with two lines each, of which every fiftieth fails."""
    for first in range(0, count, 100):
        events: list[JsonEvent] = []
        for number in range(first, first + 100):
            request_id, at = f"r{number}", 10.0 * number
            events += [
                begin(request_id, at, trace=trace_id(number)),
                given.line({"level": "DEBUG", "message": f"debug {number}"}, at + 1),
                given.line({"level": "INFO", "message": f"info {number}"}, at + 2),
                given.done(request_id, at + 3, **(FAILED if number % 50 == 0 else {})),
            ]
        stage.platform(*events)
    return stage


def test_ten_thousand_invocations_of_which_a_fiftieth_fails() -> None:
    """Failures are whole, a tenth of the others is there, and the thresholds tell how many were."""
    meter = Meter(temporality="delta", now_ns=0)
    stage = Stage(ratio=0.1, detail_below=SEVERITIES["INFO"], meter=meter, buffer_bytes=10**9)
    many(stage, 10_000)
    spans = stage.spans
    failed = [span for span in spans if span.status.code == 2]
    others = [span for span in spans if span.status.code != 2]
    assert len(failed) == 200
    assert {len(span.events) for span in failed} == {2}
    assert {len(span.events) for span in others} == {1}
    assert 0.09 * 9_800 <= len(others) <= 0.11 * 9_800
    every = 1 << 56
    thresholds = [decode(span.trace_state.removeprefix("ot=th:")) for span in spans]
    assert set(thresholds) == {0, threshold_of(0.1)}
    assert sum(every / (every - each) for each in thresholds) == pytest.approx(10_000, rel=0.03)
    whole = many(Stage(buffer_bytes=10**9), 500)
    assert stage.buffer.size / (20 * whole.buffer.size) < 0.13
    filtered = stage.health.filtered
    assert filtered["unsampled_invocations"] + len(spans) == 10_000
    assert filtered["details"] + len(failed) == 10_000
    assert filtered["unsampled_lines"] + len(spans) == 10_000
    assert stage.health.finished == 10_000
    assert not stage.health.dropped
    assert sum(meter.gathered.distributions["faas.invoke_duration", ""].counts) == 10_000
    assert (
        stage.sampler.undecided.bytes == stage.pipeline._assembler.requests.budget.held_bytes == 0
    )
