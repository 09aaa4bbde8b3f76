"""The phase before the first invocation: whose its events are, when it ended, what it holds."""

from __future__ import annotations

from extension.process.clock import NS_PER_MS, NS_PER_S
from extension.process.frozen import replace
from extension.telemetry.assembly.cache_use import MAX_CALLS, CacheCall
from extension.telemetry.assembly.initialization import (
    ColdStart,
    Initialization,
)
from extension.telemetry.reading.error_objects import Evidence
from extension.telemetry.reading.events import (
    InitReport,
    InitRuntimeDone,
    InitStart,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
)
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import SpanLink, TraceContext
from tests.doubles import SequentialIds

OURS = TraceContext(trace_id=77, span_id=2, parent_span_id=3, xray_trace_id="x")
BEGUN = InitStart(time_ns=10 * NS_PER_S, initialization_type="on-demand", phase="init")
READY = InitRuntimeDone(time_ns=11 * NS_PER_S, status="success")
REPORT = InitReport(time_ns=12 * NS_PER_S, status="success", duration_ms=500.0)
RESTORING = RestoreStart(time_ns=10 * NS_PER_S)
AFTER_NS = 13 * NS_PER_S


def begun(*events: object) -> ColdStart:
    """Return a cold start that was told some events."""
    start = ColdStart()
    for event in events:
        start.feed(event)  # type: ignore[arg-type]  # one of its own
    return start


def before(start: ColdStart, *, at_ns: int = AFTER_NS) -> tuple[bool, list[Initialization]]:
    """Return whether the first invocation is a cold start, and what is before it."""
    return start.belongs_to(OURS, request_id="r", start_ns=at_ns, ids=SequentialIds())


def only(start: ColdStart, *, at_ns: int = AFTER_NS) -> Initialization:
    """Return the one phase before the first invocation."""
    [each] = before(start, at_ns=at_ns)[1]
    return each


def test_the_first_of_each_event_counts() -> None:
    """A delivery may be repeated, and the platform may tell the init of another phase later."""
    later = [replace(each, time_ns=99 * NS_PER_S, status="error") for each in (READY, REPORT)]
    found = only(begun(BEGUN, READY, REPORT, *later, replace(BEGUN, time_ns=9)))
    assert (found.start_ns, found.end_ns) == (BEGUN.time_ns, BEGUN.time_ns + 500 * NS_PER_MS)
    assert (found.kind, found.status, found.phase) == ("init", "success", "init")


def test_ends_of_a_restore_are_none_of_an_init() -> None:
    """Those inside a snapshot were told when it was made."""
    restored = RestoreRuntimeDone(time_ns=11 * NS_PER_S, status="success")
    report = RestoreReport(time_ns=12 * NS_PER_S, status="failure", error_type="Runtime.Unknown")
    assert only(begun(BEGUN, restored, report)).status == ""
    assert only(begun(RESTORING, READY, REPORT)).status == ""
    found = only(begun(RESTORING, restored, report))
    assert (found.kind, found.status, found.error_type) == ("restore", "failure", "Runtime.Unknown")
    assert (found.end_ns, found.initialization_type) == (report.time_ns, "snap-start")
    assert begun(READY).ready is None


def test_its_end_is_the_best_that_is_known() -> None:
    """The report's duration, the report, the runtime's end, else the invocation's beginning."""
    timeless = replace(REPORT, duration_ms=None)
    for events, end_ns in (
        ((READY, REPORT), BEGUN.time_ns + 500 * NS_PER_MS),
        ((READY, timeless), timeless.time_ns),
        ((READY,), READY.time_ns),
        ((replace(READY, time_ns=1),), BEGUN.time_ns),
        ((), AFTER_NS),
    ):
        assert only(begun(BEGUN, *events)).end_ns == end_ns
    [alone] = begun(BEGUN).finish_alone(SequentialIds())
    assert alone.end_ns == BEGUN.time_ns


def test_an_invocation_waited_for_an_init_that_ended_shortly_before() -> None:
    """Ten seconds, and no nanosecond more; for one ahead of time none did."""
    end_ns = BEGUN.time_ns + 500 * NS_PER_MS
    latest_ns = end_ns + 10 * NS_PER_S
    assert before(begun(BEGUN, REPORT), at_ns=latest_ns)[0]
    assert not before(begun(BEGUN, REPORT), at_ns=latest_ns + 1)[0]
    assert before(begun(replace(BEGUN, initialization_type=""), REPORT))[0]
    ahead = replace(BEGUN, initialization_type="provisioned-concurrency")
    assert not before(begun(ahead, REPORT))[0]
    assert before(begun(RESTORING))[0]


def test_what_was_waited_for_is_in_the_trace_and_what_was_not_has_one_of_its_own() -> None:
    """With a link to the invocation."""
    beside = only(begun(BEGUN, REPORT)).context
    assert beside == TraceContext(
        trace_id=77, span_id=beside.span_id, parent_span_id=3, xray_trace_id="x"
    )
    assert beside.span_id != OURS.span_id
    ahead = only(begun(replace(BEGUN, initialization_type="provisioned-concurrency"))).context
    assert ahead.link == SpanLink(trace_id=77, span_id=2)
    assert ahead.trace_id != OURS.trace_id
    assert ahead.parent_span_id == 0


def test_only_the_first_invocation_has_it() -> None:
    """And none that comes when it was told alone."""
    start = begun(BEGUN, REPORT)
    assert before(start)[0]
    assert before(start) == (False, [])
    assert start.finish_alone(SequentialIds()) == []
    alone = begun(BEGUN, REPORT)
    assert len(alone.finish_alone(SequentialIds())) == 1
    assert alone.finish_alone(SequentialIds()) == []
    assert before(alone) == (False, [])


def test_the_init_of_a_snapshot_belongs_to_no_invocation() -> None:
    """It ran when the version was published."""
    old = replace(BEGUN, initialization_type="snap-start")
    assert before(begun(old, REPORT)) == (False, [])
    assert begun(old, REPORT).finish_alone(SequentialIds()) == []
    failed = replace(READY, status="error")
    [found] = before(begun(old, failed, replace(RESTORING, time_ns=11 * NS_PER_S)))[1]
    assert found.kind == "restore"


def attempts(number: int, *, status: str = "error") -> ColdStart:
    """Return a cold start with inits that failed, a second each, and a last one that did not."""
    start = ColdStart()
    for at in range(number):
        start.feed(replace(BEGUN, time_ns=at * NS_PER_S + 1))
        start.feed(replace(READY, time_ns=at * NS_PER_S + 2, status=status))
    start.feed(replace(BEGUN, time_ns=number * NS_PER_S + 1))
    return start


def test_inits_that_failed_are_kept_in_their_order() -> None:
    """Some of them; those that did not fail, or of which nothing is known, are replaced."""
    found = before(attempts(2))[1]
    assert [each.start_ns // NS_PER_S for each in found] == [0, 1, 2]
    assert [each.failed for each in found] == [True, True, False]
    assert len({each.context.span_id for each in found}) == 3
    assert {each.context.trace_id for each in found} == {OURS.trace_id}
    assert [len(before(attempts(number))[1]) for number in (3, 4, 5, 7)] == [4, 5, 5, 5]
    assert len(before(attempts(2, status="success"))[1]) == 1
    assert len(before(begun(BEGUN, replace(BEGUN, time_ns=11 * NS_PER_S)))[1]) == 1
    assert len(attempts(2).finish_alone(SequentialIds())) == 3


def test_an_init_that_failed_by_its_report_is_kept() -> None:
    """Although its runtime was ready, and with what was written meanwhile."""
    start = begun(BEGUN, READY, replace(REPORT, status="timeout", duration_ms=None))
    line = Record(time_ns=1, observed_ns=1, stream="function", body="a")
    assert start.takes(line)
    start.feed(replace(BEGUN, time_ns=20 * NS_PER_S))
    first, second = before(start)[1]
    assert (first.status, first.records, second.records) == ("timeout", (line,), ())


def test_a_restore_that_failed_is_kept_beside_what_follows_it() -> None:
    """It took time and may be billed, as an init that failed; one that did not is replaced."""
    restored = RestoreRuntimeDone(time_ns=11 * NS_PER_S, status="success")
    failed_one = replace(restored, status="error", error_type="Runtime.RestoreError")
    again = replace(RESTORING, time_ns=12 * NS_PER_S)
    first, second = before(begun(RESTORING, failed_one, again))[1]
    assert (first.kind, first.start_ns, first.end_ns) == ("restore", 10 * NS_PER_S, 11 * NS_PER_S)
    assert (first.status, first.error_type) == ("error", "Runtime.RestoreError")
    assert (second.kind, second.start_ns, second.status) == ("restore", again.time_ns, "")
    assert only(begun(RESTORING, restored, again)).start_ns == again.time_ns


def call(at_ns: int) -> CacheCall:
    """Return a call of the cache."""
    return CacheCall(service="SSM", operation="GetParameter", name="a", start_ns=at_ns, end_ns=9)


def test_calls_and_lines_are_taken_until_the_first_invocation() -> None:
    """So many calls; those of the invocation itself are given to it by their time."""
    start = begun(BEGUN)
    for at_ns in range(MAX_CALLS + 1):
        assert start.takes_call(call(at_ns))
    assert len(start.calls) == MAX_CALLS
    assert [each.start_ns for each in start.take_calls(since_ns=MAX_CALLS - 2)] == [254, 255]
    assert len(only(start).calls) == MAX_CALLS - 2
    assert start.calls == []
    assert not start.takes_call(call(1))
    assert not start.takes(Record(time_ns=1, observed_ns=1, stream="function", body="a"))


def record(body: str, *, evidence: Evidence = "") -> Record:
    """Return a line."""
    return Record(time_ns=1, observed_ns=1, stream="function", body=body, evidence=evidence)


def failed(*records: Record, status: str = "error") -> Initialization:
    """Return an init that ended so, with its lines."""
    return Initialization(
        kind="init", context=OURS, start_ns=1, end_ns=2, status=status, records=records
    )


def test_the_last_report_among_its_lines_says_why_it_failed() -> None:
    """Of one that did not fail, no line says so."""
    lines = record("a", evidence="mark"), record("b", evidence="shape"), record("c")
    assert failed(*lines).report_of_failure == lines[1]
    assert failed(*lines, status="success").report_of_failure is None
    assert failed(*lines, status="").report_of_failure is None
    assert failed(lines[2]).report_of_failure is None


def test_a_panic_of_the_function_says_why_it_failed() -> None:
    """If the process ended with it; what an extension writes says nothing of the function."""
    panic = [record(each) for each in ("panic: no stock\n", "\n", "goroutine 5 [running]:\n")]
    found = failed(record("x"), *panic).report_of_failure
    assert found is not None
    assert found.error is not None
    assert (found.error.type, found.evidence) == ("panic", "mark")
    others = [each._replace(stream="extension") for each in panic]
    assert failed(*others).report_of_failure is None
