"""What is kept, left out and lost, value by value."""

from __future__ import annotations

import pytest

from extension.process.frozen import replace
from extension.settings.sharing import Share
from extension.telemetry.assembly.cache_use import CacheCall
from extension.telemetry.assembly.finished import (
    CallSpan,
    Finished,
    Invocation,
    JoinedSpan,
    LooseRecords,
)
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.probability import threshold_of
from extension.telemetry.assembly.sampling import (
    PATIENCE,
    PATIENCE_OF_MANY,
)
from extension.telemetry.assembly.undecided import (
    ITEM_BYTES,
    MAX_WAITING_BYTES,
    SdkPart,
)
from extension.telemetry.reading.sdk_spans import SdkSpan
from extension.telemetry.reading.xray import TraceContext
from tests.sampler_stage import (
    CHOSEN,
    LINE,
    OTHER,
    TENTH,
    Stage,
    details,
    invocation,
    joined,
    late,
    spans,
)


def test_each_attempt_of_a_request_is_decided_by_itself() -> None:
    """Lines of one that fails wait for that, though the one before was not kept."""
    stage, context = Stage(), TraceContext(trace_id=OTHER, span_id=3)
    assert stage.feed(invocation()) == []
    lines = replace(late(), context=context)
    assert stage.feed(lines) == []
    out = stage.feed(invocation(status="error", context=context))
    assert [type(each).__name__ for each in out] == ["LooseRecords", "Invocation"]
    assert stage.filtered == {"unsampled_invocations": 1}


def test_what_is_left_out_is_counted_by_its_kind() -> None:
    """Lines with those that were dropped before; metrics count all of it."""
    stage = Stage()
    call = CacheCall(service="SSM", operation="GetParameter", name="a", start_ns=1, end_ns=2)
    out = stage.feed(
        invocation(records=(LINE,), dropped_records=3),
        CallSpan(call=call, context=TraceContext(trace_id=OTHER, span_id=2), request_id="r"),
        late(),
        joined(),
    )
    assert out == []
    assert stage.filtered == {
        "unsampled_invocations": 1, "unsampled_calls": 1, "unsampled_sdk": 1, "unsampled_lines": 7,
    }  # fmt: skip
    assert [type(each).__name__ for each in stage.left_out] == [
        "Invocation", "CallSpan", "LooseRecords", "JoinedSpan",
    ]  # fmt: skip
    stage.sdk(spans(count=4), details(count=5))
    stage.end()
    assert (stage.filtered["unsampled_sdk"], stage.filtered["details"]) == (5, 5)
    assert len(stage.left_out) == 4


def test_what_is_kept_says_by_which_threshold() -> None:
    """Spans in their tracestate, the SDK's as a value; what has no context says nothing."""
    stage = Stage()
    kept = stage.feed(invocation(trace=CHOSEN), joined(trace=CHOSEN))
    assert isinstance(kept[0], Invocation)
    assert kept[0].context.tracestate == "ot=th:e666"
    assert isinstance(kept[1], JoinedSpan)
    assert kept[1].threshold == threshold_of(0.1)
    [part] = stage.sdk(spans(CHOSEN))
    assert isinstance(part, SdkPart)
    assert part.threshold == threshold_of(0.1)
    alone = LooseRecords(records=(LINE,))
    assert stage.feed(alone) == [alone]
    known = replace(late(), context=None)
    assert stage.feed(known) == [known]


def test_without_a_share_everything_is_passed_on_as_it_is() -> None:
    """Details of the SDK alone wait for a verdict."""
    stage = Stage(Share())
    finished: list[Finished] = [invocation(), late(), joined()]
    assert stage.feed(*finished) == finished
    assert stage.sdk(spans()) == [spans()]
    assert stage.filtered == {}


def test_an_initialization_is_kept() -> None:
    """Whatever its trace id."""
    init = Initialization(
        kind="init", context=TraceContext(trace_id=OTHER, span_id=2), start_ns=1, end_ns=2
    )
    [kept] = Stage().feed(init)
    assert isinstance(kept, Initialization)
    assert kept.context.tracestate == "ot=th:0"


@pytest.mark.parametrize(
    ("fields", "keeps_details"),
    [({"status": "error"}, True), ({"end_ns": 5_000_001}, True), ({"cold_start": True}, False)],
)
def test_details_of_the_sdk_go_out_with_what_failed_or_was_slow(
    fields: dict[str, object], *, keeps_details: bool
) -> None:
    """Before its end and after it; with a cold start they do not."""
    for share in (TENTH, Share()):
        stage = Stage(share, slow_ms=5)
        assert stage.sdk(details()) == []
        out = [*stage.feed(invocation(**fields)), *stage.sdk(details())]  # type: ignore[arg-type]
        assert len([each for each in out if isinstance(each, SdkPart)]) == 2 * keeps_details
        stage.end()
        assert stage.filtered["details"] == (0 if keeps_details else 2)


def test_details_of_no_trace_are_of_one_of_the_next_invocations() -> None:
    """Where several run at once nothing says of which."""
    stage = Stage()
    assert stage.sdk(details(trace=0)) == []
    out = stage.feed(invocation("a", status="error"), invocation("b"), invocation("c"))
    assert len([each for each in out if isinstance(each, SdkPart)]) == 1
    many = Stage(concurrent=True)
    assert many.sdk(details(trace=0)) == []
    assert many.filtered == {"details": 1}


@pytest.mark.parametrize(("concurrent", "patience"), [(False, PATIENCE), (True, PATIENCE_OF_MANY)])
def test_spans_of_no_invocation_are_decided_when_some_have_ended(
    *, concurrent: bool, patience: int
) -> None:
    """By their own trace id, as long as none of those invocations was remarkable."""
    stage = Stage(concurrent=concurrent)
    assert stage.sdk(spans(CHOSEN), spans(7)) == []
    for at in range(patience - 1):
        assert stage.feed(invocation(f"r{at}")) == []
    [kept] = stage.feed(invocation("last"))
    assert isinstance(kept, SdkPart)
    assert kept.trace_id == CHOSEN
    assert stage.filtered["unsampled_sdk"] == 1
    assert stage.sampler.undecided.bytes == 0


def test_a_span_of_no_request_decides_nothing_else_of_its_trace() -> None:
    """What came after it waits as long, and is kept beside an invocation that failed."""
    stage = Stage()
    span = SdkSpan(request_id="unknown", trace_id=7, span_id=5, body=b"1")
    assert stage.feed(JoinedSpan(span=span), invocation("a")) == []
    assert stage.sdk(spans(7)) == []
    assert stage.feed(invocation("b")) == []
    assert stage.filtered["unsampled_sdk"] == 1
    out = stage.feed(invocation("c", trace=9, status="error"))
    assert [type(each).__name__ for each in out] == ["Invocation", "SdkPart"]


def test_what_belongs_to_a_request_waits_for_it() -> None:
    """However many others end, and whatever becomes of its trace."""
    stage = Stage()
    assert stage.feed(late("later")) == []
    assert stage.sdk(spans()) == []
    for at in range(PATIENCE + 2):
        stage.feed(invocation(f"r{at}", trace=9))
    assert stage.filtered["unsampled_sdk"] == 1  # which is nobody's
    assert stage.feed(invocation("same trace", status="error")) != []
    assert stage.sampler.undecided.bytes > 0
    out = stage.feed(invocation("later", status="error"))
    assert [type(each).__name__ for each in out] == ["LooseRecords", "Invocation"]


def test_what_is_known_of_parts_without_a_request_is_bounded() -> None:
    """Twice as much as may wait at once: of what has left meanwhile something is still known."""
    stage = Stage()
    for at in range(32_769):
        stage.sdk(spans(8 + at % 2, body=b""))
    assert len(stage.sampler._unclaimed) == 32_768


HALF = MAX_WAITING_BYTES // 2 - ITEM_BYTES


def test_what_waits_is_bounded_to_the_byte() -> None:
    """What makes room is lost if it was wanted, and filtered if it was not."""
    stage = Stage()
    stage.sdk(spans(8, body=b"x" * HALF, count=2), spans(9, body=b"x" * HALF))
    assert stage.sampler.undecided.bytes == MAX_WAITING_BYTES
    stage.sdk(spans(8, body=b""))
    assert set(stage.sampler.undecided.traces) == {8, 9}
    stage.feed(invocation(trace=8, status="error"))
    assert (stage.dropped, stage.filtered) == ({"undecided": 2}, {})
    other = Stage()
    other.sdk(spans(8, body=b"x" * HALF, count=2), spans(9, body=b"x" * HALF), spans(8, body=b""))
    other.feed(invocation(trace=8))
    assert (other.dropped, other.filtered["undecided"]) == ({}, 2)


@pytest.mark.parametrize(
    ("fields", "is_wanted"), [({"status": "error"}, True), ({"cold_start": True}, False)]
)
def test_lost_details_were_wanted_by_what_failed(
    fields: dict[str, object], *, is_wanted: bool
) -> None:
    """And spans by either."""
    stage = Stage()
    large = replace(details(8, count=3), body=b"x" * HALF)
    stage.sdk(large, spans(9, body=b"x" * HALF), spans(8, body=b""))
    stage.feed(invocation(trace=8, **fields))  # type: ignore[arg-type]
    assert stage.dropped["undecided"] == (3 if is_wanted else 0)
    assert stage.filtered["undecided"] == (0 if is_wanted else 3)


def test_what_was_lost_of_no_invocation_is_counted_in_the_end() -> None:
    """When it would have been decided, or at the end, as what is not known to be unwanted."""
    for ends in (False, True):
        stage = Stage()
        stage.sdk(spans(8, body=b"x" * 2 * HALF, count=2), spans(8, body=b"x" * 2 * HALF))
        if ends:
            stage.end()
            assert stage.dropped["undecided"] == 2
        else:
            stage.feed(invocation("a"), invocation("b"))
            assert stage.filtered["undecided"] == 2


@pytest.mark.parametrize(
    ("share", "signal", "concerned"),
    [(TENTH, "traces", True), (TENTH, "logs", True), (TENTH, "metrics", False),
     (Share(), "traces", False), (Share(), "logs", True)],
)  # fmt: skip
def test_which_signals_may_have_to_wait(share: Share, signal: str, *, concerned: bool) -> None:
    """Details of the logs do in any case."""
    assert Stage(share).sampler.concerns(signal) is concerned


def test_the_sdks_span_tells_the_request_of_its_trace() -> None:
    """What waits of that trace is decided with it, also where there is no share."""
    for share in (TENTH, Share()):
        stage = Stage(share)
        stage.feed(invocation(status="error"))
        assert stage.sdk(details(33)) == []
        out = stage.feed(joined(trace=33))
        assert [type(each).__name__ for each in out] == ["JoinedSpan", "SdkPart"]
        assert len(stage.sdk(details(33))) == 1
    unknown = Stage(Share())
    unknown.sdk(details(33))
    assert len(unknown.feed(joined("nobody", trace=33))) == 1
