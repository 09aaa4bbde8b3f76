"""What is known of one request, and what is made of it."""

from __future__ import annotations

import pytest

from extension.process.clock import NS_PER_MS, NS_PER_S
from extension.process.frozen import replace
from extension.telemetry.assembly.finished import Overhead, TimedError
from extension.telemetry.assembly.held_records import LineBudget, PartSize
from extension.telemetry.assembly.in_flight import (
    InFlightInvocation,
)
from extension.telemetry.assembly.transitions import Fact, State
from extension.telemetry.reading.columns import in_columns
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import Report, RuntimeDone, Start, Tracing
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.sdk_spans import Orphan, SdkSpan
from extension.telemetry.reading.xray import TraceContext
from extension.telemetry.tap.tapped import Tapped
from tests.doubles import SequentialIds

OURS = TraceContext(trace_id=1, span_id=2)
START = Start(time_ns=10 * NS_PER_S, request_id="r")
DONE = RuntimeDone(time_ns=12 * NS_PER_S, request_id="r", status="success", duration_ms=1500.0)
REPORT = Report(time_ns=13 * NS_PER_S, request_id="r", status="success", duration_ms=1600.0)
RAISED = HandlerError(type="ValueError", message="no stock")


def request(
    start: Start | None = None,
    done: RuntimeDone | None = None,
    report: Report | None = None,
    *,
    budget: LineBudget | None = None,
    part: PartSize | None = None,
) -> InFlightInvocation:
    """Return a request that was heard of at second 9, with some events."""
    each = InFlightInvocation(
        request_id="r", heard_ns=9 * NS_PER_S, budget=budget, part=part or PartSize()
    )
    each.start, each.done, each.report = start, done, report
    return each


def line(body: str, *, at_s: float = 11.0, leaks: tuple[str, ...] = ()) -> Record:
    """Return a line that the platform took at a second."""
    at_ns = round(at_s * NS_PER_S)
    return Record(time_ns=at_ns, observed_ns=at_ns, stream="function", body=body, leaks=leaks)


@pytest.mark.parametrize(
    ("each", "begun_s"),
    [
        (request(), 9.0),
        (request(START, DONE), 10.0),
        (request(None, DONE), 10.5),
        (request(None, replace(DONE, duration_ms=None)), 9.0),
        (request(None, None, REPORT), 9.0),
    ],
)
def test_when_it_began(each: InFlightInvocation, begun_s: float) -> None:
    """By its start, else by its end and duration, else when it was heard of."""
    assert each.begun_ns == begun_s * NS_PER_S


@pytest.mark.parametrize(
    ("each", "end_s"),
    [
        (request(None, DONE), 12),
        (request(None, None, REPORT), 13),
        (request(None, DONE, REPORT), 12),
    ],
)
def test_a_request_of_which_only_the_end_is_known_was_over_before(
    each: InFlightInvocation, end_s: int
) -> None:
    """It is one of an earlier process; this one knows of its own from INVOKE or their start."""
    assert each.was_over_before(end_s * NS_PER_S + 1)
    assert not each.was_over_before(end_s * NS_PER_S)


@pytest.mark.parametrize("announced", ["deadline_ms", "invoke_header", "invoked_arn"])
def test_a_request_of_this_process_was_not_over_before(announced: str) -> None:
    """However little of it is known."""
    each = request(None, DONE)
    setattr(each, announced, 1)
    others = (request(), request(START), request(START, DONE))
    assert not any(other.was_over_before(99 * NS_PER_S) for other in (each, *others))


@pytest.mark.parametrize(
    ("each", "end_s", "incomplete"),
    [
        (request(START, DONE, REPORT), 12.0, False),
        (request(START, replace(DONE, time_ns=1)), 10.0, False),
        (request(START, None, REPORT), 11.6, False),
        (request(START, None, replace(REPORT, duration_ms=None)), 13.0, False),
        (request(START, None, replace(REPORT, duration_ms=None, time_ns=1)), 10.0, False),
        (request(START), 20.0, True),
    ],
)
def test_when_it_ended(each: InFlightInvocation, end_s: float, *, incomplete: bool) -> None:
    """Never before it began; unknown, if neither its end nor its report came."""
    found = each.invocation(OURS, cold_start=False, reason="", now_ns=20 * NS_PER_S)
    assert (found.end_ns, found.incomplete) == (end_s * NS_PER_S, incomplete)


def test_an_end_that_is_unknown_is_not_before_its_last_line() -> None:
    """Nor before its beginning."""
    each = request(START)
    each.records.hold(line("a", at_s=30))
    found = each.invocation(OURS, cold_start=False, reason="", now_ns=20 * NS_PER_S)
    assert found.end_ns == 30 * NS_PER_S
    found = request(START).invocation(OURS, cold_start=False, reason="", now_ns=0)
    assert found.end_ns == START.time_ns


@pytest.mark.parametrize(
    ("each", "reason", "status", "incomplete"),
    [
        (request(START), "timeout", "timeout", False),
        (request(START), "failure", "failure", False),
        (request(START), "spindown", "", True),
        (request(START, DONE), "timeout", "success", False),
        (request(START, None, replace(REPORT, status="error")), "timeout", "error", False),
    ],
)
def test_shutdown_explains_an_end_that_was_not_reported(
    each: InFlightInvocation, reason: str, status: str, *, incomplete: bool
) -> None:
    """If its reason does."""
    found = each.invocation(OURS, cold_start=False, reason=reason, now_ns=20 * NS_PER_S)
    assert (found.status, found.incomplete) == (status, incomplete)
    assert found.error_type == (reason if status == reason else "")


def test_lines_after_its_end_stay_for_the_overhead() -> None:
    """With those that were dropped since."""
    each = request(START, DONE, REPORT)
    for at_s in (11.0, 12.0, 12.1):
        each.records.hold(line(str(at_s), at_s=at_s))
    each.records.drop()
    found = each.invocation(OURS, cold_start=True, reason="", now_ns=0)
    assert [record.body for record in found.records] == ["11.0", "12.0"]
    assert (found.dropped_records, found.cold_start) == (1, True)
    each.records.drop()
    [overhead] = each.overhead(OURS)
    assert [record.body for record in overhead.records] == ["12.1"]
    assert (overhead.dropped_records, overhead.trigger) == (1, "")
    assert (overhead.start_ns, overhead.end_ns) == (DONE.time_ns, REPORT.time_ns)


def test_an_overhead_has_both_of_its_ends_and_lasts_no_less_than_nothing() -> None:
    """Without one of them there is none."""
    assert list(request(START, DONE).overhead(OURS)) == []
    assert list(request(START, None, REPORT).overhead(OURS)) == []
    [found] = request(START, DONE, replace(REPORT, time_ns=1)).overhead(OURS)
    assert isinstance(found, Overhead)
    assert found.end_ns == DONE.time_ns


@pytest.mark.parametrize(
    ("each", "fact"),
    [
        (request(START, DONE), Fact.DONE),
        (request(START, replace(DONE, error_type="Runtime.ExitError")), Fact.EXITED),
        (request(START, replace(DONE, error_type="Runtime.ExitError"), REPORT), Fact.DONE),
        (request(), Fact.DONE),
    ],
)
def test_an_exit_waits_for_the_report(each: InFlightInvocation, fact: Fact) -> None:
    """Unless it is here, or a line has told that memory ran out."""
    assert each.fact_of_end is fact
    each.out_of_memory = True
    assert each.fact_of_end is Fact.DONE


def test_tracing_is_that_of_the_first_event_that_has_any() -> None:
    """The start's, the end's, the report's."""
    first, second = Tracing(header="1"), Tracing(header="2")
    assert request().tracing is None
    assert request(START, DONE, replace(REPORT, tracing=second)).tracing is second
    each = request(START, replace(DONE, tracing=first), replace(REPORT, tracing=second))
    assert each.tracing is first


def test_lines_tell_of_memory_and_of_secrets() -> None:
    """Each name once, whether lines come together or one by one."""
    memory = line("RequestId: r Error: Runtime exited with error: signal: killed", leaks=("a",))
    for lines in ([line("x", leaks=("a", "b")), line("y", leaks=("b", "c"))], [memory]):
        one_by_one, together = request(), request()
        for each in lines:
            one_by_one.learn(each)
        together.learn_all(in_columns(lines), refused=())
        assert together.leaks == one_by_one.leaks
        assert together.out_of_memory == one_by_one.out_of_memory
        assert list(together.leaks) == (["a"] if memory in lines else ["a", "b", "c"])


def test_parts_are_numbered_from_two_on() -> None:
    """The span itself is the first."""
    each = request(START, part=PartSize(lines=1))
    each.records.hold_all([line("a"), line("b")])
    assert [(part.part, part.request_id) for part in each.further_part(OURS)] == [(2, "r")]
    assert list(each.further_part(OURS)) == []
    assert each.next_part(OURS, [line("c")]).part == 3


def test_late_lines_go_out_if_there_are_any_or_were() -> None:
    """Those that were dropped are counted on them."""
    each = request()
    assert list(each.late_records(OURS)) == []
    each.records.drop()
    [late] = each.late_records(OURS)
    assert (late.records, late.dropped_records, late.request_id) == ((), 1, "r")


def sdk_span(span_id: int, *, body: bytes = b"1234") -> SdkSpan:
    """Return a span of the SDK."""
    return SdkSpan(request_id="r", trace_id=9, span_id=span_id, body=body)


def test_spans_of_the_sdk_are_held_once_and_bounded() -> None:
    """They count as lines do until they go out; the first of them decides."""
    budget = LineBudget()
    each = request(budget=budget)
    assert each.learn_sdk(sdk_span(1))
    assert each.learn_sdk(sdk_span(1))
    assert budget.held_bytes == 4
    for span_id in range(2, 9):
        assert each.learn_sdk(sdk_span(span_id))
    assert not each.learn_sdk(sdk_span(99))
    assert each.learn_sdk(sdk_span(2))
    assert each.sdk == sdk_span(1)
    joined = list(each.joined_spans(OURS, ids=SequentialIds()))
    assert [one.span.span_id for one in joined] == list(range(1, 9))
    assert {(one.request_id, one.context) for one in joined} == {("r", OURS)}
    assert all(one.change for one in joined)
    assert budget.held_bytes == 0
    assert list(each.joined_spans(OURS, ids=SequentialIds())) == []


def orphan(at_ns: int, *, parent: int = 5) -> Orphan:
    """Return a span without its parent that began at a time."""
    return Orphan(trace_id=9, missing_parent_id=parent, start_ns=at_ns)


def learn(each: InFlightInvocation, one: Orphan) -> None:
    """Let a request learn of a span without its parent, if it may."""
    if each.may_learn(one):
        each.learn_orphan(one)


def test_the_orphan_that_began_first_counts() -> None:
    """Of those that began with the invocation, or ten milliseconds before."""
    each = request(START, replace(DONE, status="timeout"))
    learn(each, orphan(START.time_ns - 10_000_000 - 1))
    assert each.orphan is None
    first, same, later = (
        orphan(START.time_ns + after_ns, parent=parent)
        for after_ns, parent in ((5, 1), (5, 2), (9, 3))
    )
    for one, counts in ((later, later), (first, first), (same, first), (later, first)):
        learn(each, one)
        assert each.orphan == counts
    earliest = orphan(START.time_ns - 10_000_000)
    learn(each, earliest)
    assert each.orphan == earliest


@pytest.mark.parametrize(
    ("done", "report", "reason", "counts"),
    [
        (replace(DONE, status="timeout"), None, "", True),
        (DONE, None, "", False),
        (None, replace(REPORT, status="error"), "", True),
        (None, REPORT, "timeout", False),
        (None, None, "timeout", True),
        (None, None, "", False),
        (replace(DONE, status="error"), REPORT, "", True),
    ],
)
def test_a_parent_is_never_coming_if_the_request_failed(
    done: RuntimeDone | None, report: Report | None, reason: str, *, counts: bool
) -> None:
    """By its end, else by its report, else by the reason of SHUTDOWN."""
    each = request(START, done, report)
    each.reason_of_failure = reason
    learn(each, orphan(START.time_ns))
    assert (each.orphan is not None) is counts


def test_an_orphan_after_its_end_is_a_later_requests() -> None:
    """One in the moment of the end is not."""
    for after_ns, counts in ((0, True), (1, False)):
        each = request(START, replace(DONE, status="error"))
        learn(each, orphan(DONE.time_ns + after_ns))
        assert (each.orphan is not None) is counts


def test_the_parent_of_an_orphan_may_be_here() -> None:
    """As a span of the same trace."""
    each = request()
    each.learn_sdk(sdk_span(5))
    assert each.has_parent_of(orphan(1))
    assert not each.has_parent_of(orphan(1, parent=6))
    assert not each.has_parent_of(replace(orphan(1), trace_id=8))


def reported(each: InFlightInvocation, *lines: Record) -> TimedError | None:
    """Return what left the handler."""
    for one in lines:
        each.learn(one)
    return each.invocation(OURS, cold_start=False, reason="", now_ns=0).error


def shape(error: HandlerError) -> Record:
    """Return a line that looks like the runtime's report."""
    return line("x")._replace(error=error, evidence="shape")


def test_what_the_runtime_posted_overrules_what_lines_suggest() -> None:
    """A line that says the same is its record; after a response nothing left the handler."""
    for error, has_record in ((RAISED, True), (HandlerError(type="Other"), False)):
        each = request(START, DONE)
        each.tapped = Tapped(error=RAISED, error_ns=7)
        found = reported(each, shape(error))
        assert found == TimedError(time_ns=7, error=RAISED, has_record=has_record)
    refused = request(START, DONE)
    refused.tapped = Tapped(error=RAISED, error_ns=7)
    refused.learn(shape(RAISED), is_kept=False)
    assert reported(refused) == TimedError(time_ns=7, error=RAISED, has_record=False)
    responded = request(START, DONE)
    responded.tapped = Tapped(has_responded=True)
    assert reported(responded, shape(RAISED)) is None
    copied = request(START, DONE)
    copied.tapped = Tapped()
    assert reported(copied, shape(RAISED)) is not None


@pytest.mark.parametrize("state", State)
def test_a_span_is_out_when_its_end_or_all_is_known(state: State) -> None:
    """Before that, lines wait for it."""
    each = request()
    each.state = state
    assert each.is_out is (state in (State.ENDED, State.CLOSED))


def test_the_runtimes_end_is_zero_if_it_was_not_reported() -> None:
    """A duration of milliseconds says when it began."""
    assert request(START).runtime_end_ns == 0
    assert request(None, DONE).runtime_end_ns == DONE.time_ns
    assert request(None, replace(DONE, duration_ms=1.0)).begun_ns == DONE.time_ns - NS_PER_MS


@pytest.mark.parametrize("together", [True, False])
def test_a_line_may_say_that_memory_ran_out(*, together: bool) -> None:
    """The lines after it do not take that back."""
    each = request(START)
    lines = [line("before"), line("signal: killed"), line("after")]
    if together:
        each.learn_all(lines, refused=())
    else:
        for record in lines:
            each.learn(record)
    assert each.out_of_memory


@pytest.mark.parametrize("refused", [False, True])
def test_an_error_that_is_not_kept_has_no_line_of_its_own(*, refused: bool) -> None:
    """Then its span alone says what left the handler."""
    each = request(START, replace(DONE, status="error"))
    raised = Record(
        time_ns=1, observed_ns=1, stream="function", body="x", evidence="mark", error=RAISED
    )
    each.learn_all([line("before"), raised], refused={1} if refused else ())
    left = each.failure.left_handler(status="error", platform_decides=False)
    assert left is not None
    assert (left.error, left.has_record) == (RAISED, not refused)
