"""What assembly gives, and how lines that travel alone are put together."""

from __future__ import annotations

from extension.process.frozen import replace
from extension.telemetry.assembly.cache_use import CacheCall, parse_traceparent
from extension.telemetry.assembly.finished import (
    CallSpan,
    Finished,
    Invocation,
    LooseRecords,
    gather,
)
from extension.telemetry.assembly.hold import (
    LONGEST_QUIET_S,
    LOSS_PATIENCE_S,
    START_PATIENCE_S,
    Hold,
    quiet_patience_s,
)
from extension.telemetry.assembly.one_trace import change_of, join, links_of, stand_in
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.sdk_spans import Orphan, SdkSpan
from extension.telemetry.reading.xray import SpanLink, TraceContext
from tests.doubles import NOON_NS, ManualClock, SequentialIds

CONTEXT = TraceContext(trace_id=1, span_id=2, parent_span_id=3)


def loose(body: str, *, request_id: str = "r", part: int = 0, dropped: int = 0) -> LooseRecords:
    """Return one line that travels alone."""
    record = Record(time_ns=1, observed_ns=1, stream="function", body=body)
    return LooseRecords(
        records=(record,),
        request_id=request_id,
        context=CONTEXT,
        part=part,
        dropped_records=dropped,
    )


def test_lines_of_one_request_travel_together() -> None:
    """In the place of the first; each part, trace and request by itself, all else as it is."""
    call = CallSpan(
        call=CacheCall(service="SSM", operation="GetParameter", name="a", start_ns=1, end_ns=2)
    )
    other = replace(loose("x"), context=None)
    finished: list[Finished] = [
        loose("a", dropped=1), call, loose("b", part=2), other, loose("c", dropped=2),
        loose("d", request_id="s"), loose("e", part=2),
    ]  # fmt: skip
    gathered = gather(finished)
    assert [
        "".join(record.body for record in each.records)
        for each in gathered
        if isinstance(each, LooseRecords)
    ] == ["ac", "be", "x", "d"]
    assert gathered[1] is call
    assert gathered[0].dropped_records == 3
    assert gather([]) == []


def test_the_sdk_tells_the_trigger_where_the_event_does_not() -> None:
    """Without either there is none."""
    plain = Invocation(context=CONTEXT, request_id="r", start_ns=1, end_ns=2)
    sdk = SdkSpan(
        request_id="r", trace_id=1, span_id=2, body=b"", attributes={"faas.trigger": "http"}
    )
    assert plain.trigger == ""
    assert replace(plain, sdk=sdk).trigger == "http"
    assert replace(plain, sdk=replace(sdk, attributes={})).trigger == ""


def test_ids_of_nothing_are_no_parent() -> None:
    """Neither a trace nor a span is called zero."""
    trace, span = "1" * 32, "2" * 16
    parent = parse_traceparent(f" 00-{trace}-{span}-01 ")
    assert parent == TraceContext(trace_id=int(trace, 16), span_id=int(span, 16))
    assert parse_traceparent(f"00-{'0' * 32}-{span}-01") is None
    assert parse_traceparent(f"00-{trace}-{'0' * 16}-01") is None
    assert parse_traceparent(f"00-{trace.upper()}-{span}-01") is not None


def sdk_span(*, trace: int = 1, span: int = 9, parent: int = 0, is_alone: bool = False) -> SdkSpan:
    """Return the SDK's span of an invocation."""
    return SdkSpan(
        request_id="r", trace_id=trace, span_id=span, body=b"", parent_span_id=parent,
        is_alone=is_alone, links=(SpanLink(trace_id=7, span_id=7),),
    )  # fmt: skip


BESIDE = TraceContext(trace_id=8, span_id=2, link=SpanLink(trace_id=1, span_id=2))


def test_our_ids_follow_the_sdks() -> None:
    """Between its span and the parent of that, in its trace."""
    assert join(CONTEXT, sdk_span(), beside=BESIDE) == CONTEXT
    assert join(CONTEXT, sdk_span(parent=2), beside=BESIDE) == CONTEXT
    assert join(CONTEXT, sdk_span(parent=4), beside=BESIDE) == replace(CONTEXT, parent_span_id=4)
    assert join(CONTEXT, sdk_span(parent=1), beside=BESIDE) == replace(CONTEXT, parent_span_id=1)
    other = join(CONTEXT, sdk_span(trace=5, parent=4), beside=BESIDE)
    assert other == replace(BESIDE, trace_id=5, parent_span_id=4)


def test_ours_takes_the_place_of_a_parent_that_is_missing() -> None:
    """In the trace where that was."""
    orphan = Orphan(trace_id=1, missing_parent_id=6, start_ns=1)
    assert stand_in(CONTEXT, orphan, beside=BESIDE) == replace(CONTEXT, span_id=6)
    other = stand_in(CONTEXT, replace(orphan, trace_id=5), beside=BESIDE)
    assert other == replace(BESIDE, trace_id=5, span_id=6)
    above = replace(orphan, missing_parent_id=3)
    assert stand_in(CONTEXT, above, beside=BESIDE) == CONTEXT


def test_the_sdks_span_is_moved_beneath_ours_or_linked() -> None:
    """In our trace it gets our span as parent, and a link to the one that it had."""
    ids = SequentialIds()

    def change(span: SdkSpan, *, is_second: bool = False) -> tuple[int, int, int, int]:
        found = change_of(span, ours=CONTEXT, is_second=is_second, ids=ids)
        former = found.links[0].span_id if found.links else 0
        return found.trace_id, found.span_id, found.parent_span_id, former

    for parent, former in ((0, 0), (2, 0), (3, 0), (4, 4), (1, 1)):
        assert change(sdk_span(parent=parent)) == (0, 0, 2, former)
    taken = change(sdk_span(span=2))
    assert taken[1] not in (0, 2)
    elsewhere = (0, 0, 0, 2)
    assert change(sdk_span(trace=5)) == elsewhere
    assert change(sdk_span(trace=5, is_alone=True)) == elsewhere
    assert change(sdk_span(trace=5), is_second=True) == elsewhere
    assert change(sdk_span(trace=5, parent=4, is_alone=True), is_second=True) == elsewhere
    assert change(sdk_span(trace=5, is_alone=True), is_second=True) == (1, 0, 2, 0)


def test_ours_takes_over_the_links_of_the_sdks_span() -> None:
    """With one to it, if it is in another trace."""
    theirs = SpanLink(trace_id=7, span_id=7)
    assert links_of(sdk_span(), ours=CONTEXT) == (theirs,)
    assert links_of(sdk_span(trace=5), ours=CONTEXT) == (SpanLink(trace_id=5, span_id=9), theirs)


def test_a_hold_counts_what_is_left_exactly() -> None:
    """From what was heard last, or from its own beginning if that was before it."""
    clock = ManualClock()
    earlier = clock.now()
    clock.advance(5)
    hold = Hold(deadline_ms=NOON_NS // 1_000_000 + 900_000, began=clock.now(), quiet_s=10.0)
    clock.advance(0.5)
    now = clock.now()
    assert hold.left_s(now, awaited="start", heard=None, lost=None) == START_PATIENCE_S - 0.5
    assert hold.left_s(now, awaited="end", heard=None, lost=None) == 9.5
    assert hold.left_s(now, awaited="end", heard=earlier, lost=None) == 9.5
    assert hold.left_s(now, awaited="end", heard=now, lost=None) == 10.0
    assert hold.left_s(now, awaited="end", heard=now, lost=earlier) == LOSS_PATIENCE_S - 0.5
    for awaited in ("report", "nothing"):
        assert hold.left_s(now, awaited=awaited, heard=now, lost=now) == 0.0
    assert quiet_patience_s([4.0]) == 6.0
    assert quiet_patience_s([LONGEST_QUIET_S]) == LONGEST_QUIET_S
