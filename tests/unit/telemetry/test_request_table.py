"""Requests that are open, or were lately."""

from __future__ import annotations

import pytest

from extension.process.frozen import replace
from extension.telemetry.assembly.held_records import MAX_BYTES_TOGETHER
from extension.telemetry.assembly.in_flight import InFlightInvocation
from extension.telemetry.assembly.request_table import MAX_OPEN, RequestTable
from extension.telemetry.assembly.sdk_spans import SdkSpans
from extension.telemetry.assembly.span_ids import SpanIds
from extension.telemetry.assembly.transitions import State
from extension.telemetry.reading.events import Report, RuntimeDone, Start
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.sdk_spans import Orphan, SdkSpan
from extension.telemetry.reading.xray import TraceContext
from tests.doubles import SequentialIds


def add(
    table: RequestTable, request_id: str, at_ns: int = 1, *, state: State = State.RUNNING
) -> InFlightInvocation:
    """Add a request that began at a time."""
    each = InFlightInvocation(request_id=request_id, heard_ns=at_ns, budget=table.budget)
    each.start = Start(time_ns=at_ns, request_id=request_id)
    each.state = state
    table.add(each)
    return each


def ids(requests: object) -> list[str]:
    """Return the ids of some requests."""
    return [each.request_id for each in requests]  # type: ignore[attr-defined]


def test_a_request_is_found_by_its_id_or_its_time() -> None:
    """The one that began last before that time, or in it; unknown where several run."""
    table = RequestTable(concurrent=False)
    add(table, "a", 10)
    add(table, "b", 20)
    assert table.find("c") is None
    assert ids([table.find("a")]) == ["a"]
    found = [table.current(at_ns) for at_ns in (9, 10, 19, 20, 99)]
    assert [each and each.request_id for each in found] == [None, "a", "a", "b", "b"]
    many = RequestTable(concurrent=True)
    add(many, "a", 10)
    assert many.current(99) is None


def test_one_that_is_heard_of_late_is_put_before_those_that_began_after_it() -> None:
    """In the order of the others, which keep theirs."""
    table = RequestTable(concurrent=False)
    for request_id, at_ns in (("a", 10), ("b", 20), ("c", 20), ("d", 30)):
        add(table, request_id, at_ns)
    table.put_in_order(add(table, "late", 20))
    assert ids(table) == ["a", "b", "c", "late", "d"]
    table.put_in_order(add(table, "first", 1))
    table.put_in_order(add(table, "last", 31))
    assert ids(table) == ["first", "a", "b", "c", "late", "d", "last"]


def test_no_line_after_its_end_is_of_a_request_of_an_earlier_process() -> None:
    """It is that of one before it, or of none."""
    table = RequestTable(concurrent=False)
    earlier = InFlightInvocation(request_id="r", heard_ns=10, budget=table.budget)
    earlier.report = Report(time_ns=12, request_id="r", status="timeout")
    table.add(earlier)
    assert [table.current(at_ns) for at_ns in (9, 10, 12, 13)] == [None, earlier, earlier, None]


def test_of_several_attempts_time_decides() -> None:
    """The latest one that had begun by then, in that nanosecond at the latest; else the first."""
    table = RequestTable(concurrent=False)
    first, second = add(table, "r", 10), add(table, "r", 20)
    add(table, "other", 30)
    assert table.find("r") is second
    found = [table.find_at("r", at_ns) for at_ns in (9, 10, 19, 20, 99)]
    assert found == [first, first, first, second, second]
    assert table.find_at("unknown", 99) is None
    assert table.has_attempts(["other", "r"])
    assert not table.has_attempts(["other", "unknown"])


def test_a_start_begins_an_attempt_once_the_last_one_is_over() -> None:
    """It is over with its end, or with its report where the end was lost."""
    for end in (RuntimeDone, Report):
        table = RequestTable(concurrent=False)
        assert table.find_told(Start(time_ns=10, request_id="r")) is None
        each = add(table, "r", 10)
        each.start = None
        if end is RuntimeDone:
            each.done = RuntimeDone(time_ns=20, request_id="r")
        else:
            each.report = Report(time_ns=20, request_id="r")
        assert table.find_told(Start(time_ns=20, request_id="r")) is each
        assert table.find_told(Start(time_ns=21, request_id="r")) is None


def test_an_end_belongs_to_the_latest_attempt_that_lacks_one() -> None:
    """And had begun by then, if its start is known; one that is repeated, to the one with it."""
    table = RequestTable(concurrent=False)
    first, second = add(table, "r", 10), add(table, "r", 20)
    assert table.find_told(RuntimeDone(time_ns=19, request_id="r")) is first
    assert table.find_told(RuntimeDone(time_ns=20, request_id="r")) is second
    assert table.find_told(RuntimeDone(time_ns=9, request_id="r")) is second
    second.done = RuntimeDone(time_ns=25, request_id="r")
    assert table.find_told(RuntimeDone(time_ns=9, request_id="r")) is first
    first.done = RuntimeDone(time_ns=15, request_id="r")
    assert table.find_told(RuntimeDone(time_ns=15, request_id="r")) is first
    assert table.find_told(RuntimeDone(time_ns=30, request_id="r")) is second
    second.start = second.done = None
    assert table.find_told(RuntimeDone(time_ns=30, request_id="r")) is second


def test_a_forgotten_attempt_leaves_the_others() -> None:
    """Its id is known as long as one of them is."""
    table = RequestTable(concurrent=False)
    add(table, "r", state=State.CLOSED)
    again = add(table, "r", state=State.CLOSED)
    for number in range(127):
        add(table, str(number), state=State.CLOSED)
    table.forget_oldest()
    assert table.find("r") is again
    add(table, "more", state=State.CLOSED)
    table.forget_oldest()
    assert table.find("r") is None
    assert not table.has_attempts(["r"])


def test_a_later_start_supersedes_what_is_open() -> None:
    """What began before it, and not what is out; nothing where several run."""
    table = RequestTable(concurrent=False)
    add(table, "a", 10)
    add(table, "out", 11, state=State.ENDED)
    later = add(table, "b", 20)
    add(table, "same", 20)
    assert ids(table.superseded_by(later)) == ["a"]
    later.start = None
    assert table.superseded_by(later) == []
    many = RequestTable(concurrent=True)
    add(many, "a", 10)
    assert many.superseded_by(add(many, "b", 20)) == []


def test_what_is_open_besides_a_request() -> None:
    """Whenever it began."""
    table = RequestTable(concurrent=False)
    add(table, "a", 10)
    add(table, "out", 11, state=State.ENDED)
    add(table, "closed", 12, state=State.CLOSED)
    latest = add(table, "b", 20)
    add(table, "later", 30)
    assert ids(table.open_besides(latest)) == ["a", "later"]


def test_between_are_those_that_ended_before_a_later_one_began() -> None:
    """Their late lines may be that one's."""
    table = RequestTable(concurrent=False)
    for at_ns, state in ((10, State.ENDED), (11, State.RUNNING), (12, State.CLOSED)):
        add(table, str(at_ns), at_ns, state=state)
    assert ids(table.between(11)) == ["10"]
    assert ids(table.between(12)) == ["10"]
    assert ids(table.between(10)) == []
    many = RequestTable(concurrent=True)
    add(many, "a", 10, state=State.ENDED)
    assert ids(many.between(11)) == []


def test_the_last_request_may_be_running() -> None:
    """Or any, where several run at once."""
    for concurrent in (False, True):
        table = RequestTable(concurrent=concurrent)
        first, last = add(table, "a"), add(table, "b")
        assert (table.is_running(first), table.is_running(last)) == (concurrent, True)


def test_what_takes_longest_is_awaited() -> None:
    """A start or an end before a report, of all requests together or of one."""
    table = RequestTable(concurrent=False)
    assert (table.awaited, table.awaited_of("a")) == ("nothing", "start")
    for state, together, own in (
        (State.CLOSED, "nothing", "nothing"),
        (State.ENDED, "report", "report"),
        (State.CLOSED, "report", "nothing"),
        (State.EXPECTED, "end", "start"),
        (State.ENDED, "end", "report"),
    ):
        add(table, str(len(list(table))), state=state)
        assert table.awaited == together
        assert table.awaited_of(str(len(list(table)) - 1)) == own
    running = RequestTable(concurrent=False)
    add(running, "a", state=State.RUNNING)
    assert running.awaited == "end"


def test_requests_that_are_over_are_remembered_for_a_while() -> None:
    """So that a delivery that is repeated changes nothing; what they held counts no more."""
    table = RequestTable(concurrent=False)
    closed, ended = add(table, "closed", state=State.CLOSED), add(table, "ended", state=State.ENDED)
    for each in (closed, ended):
        each.records.hold(Record(time_ns=1, observed_ns=1, stream="function", body="x"))
    for number in range(126):
        add(table, str(number), state=State.CLOSED)
    assert table.forget_oldest() == []
    held_bytes = table.budget.held_bytes
    add(table, "one more", state=State.CLOSED)
    assert table.forget_oldest() == []
    assert table.find("closed") is None
    assert table.budget.held_bytes == held_bytes // 2
    add(table, "another", state=State.CLOSED)
    assert table.forget_oldest() == [ended]
    assert len(list(table)) == 128


def test_what_is_open_stays_however_many_end_beside_it() -> None:
    """A long request on a Managed Instance, beside many short ones; these are remembered, too."""
    table = RequestTable(concurrent=True)
    long = add(table, "long")
    for number in range(2 * MAX_OPEN):
        add(table, str(number), state=State.CLOSED)
        assert table.forget_oldest() == []
    assert table.find("long") is long
    assert len(list(table)) == MAX_OPEN
    assert table.find(str(MAX_OPEN + 1))
    assert not table.find(str(MAX_OPEN))


def test_requests_that_never_end_are_let_go() -> None:
    """When too many are open."""
    table = RequestTable(concurrent=True)
    for number in range(MAX_OPEN):
        add(table, str(number))
    assert table.forget_oldest() == []
    latest = add(table, "one more")
    assert ids(table.forget_oldest()) == ["0"]
    assert "0" not in ids(table.open_besides(latest))
    assert len(table.open_besides(latest)) == MAX_OPEN - 1


def sdk_span(request_id: str, span_id: int = 5, *, size: int = 4) -> SdkSpan:
    """Return the SDK's span of a request."""
    return SdkSpan(request_id=request_id, trace_id=9, span_id=span_id, body=b"x" * size)


class Spans:
    """The SDK's spans beside a table of requests."""

    def __init__(self) -> None:
        self.table = RequestTable(concurrent=False)
        ids_ = SequentialIds()
        span_ids = SpanIds(ids_, trace_parent="sdk", below_segment=False)
        self.spans = SdkSpans(requests=self.table, span_ids=span_ids, ids=ids_)

    def feed(self, span: SdkSpan) -> list[tuple[int, bool]]:
        """Return the spans that leave, and whether anything becomes of them."""
        return [(each.span.span_id, each.change is not None) for each in self.spans.feed(span)]  # type: ignore[union-attr]


def test_a_span_of_an_unknown_request_waits_for_it() -> None:
    """Unless it is large, or nothing waits any more; the oldest makes room."""
    stage = Spans()
    assert stage.feed(sdk_span("r", 1, size=65_536)) == []
    assert stage.feed(sdk_span("r", 2, size=65_537)) == [(2, False)]
    for number in range(63):
        assert stage.feed(sdk_span("r", 100 + number)) == []
    assert stage.feed(sdk_span("r", 3)) == [(1, False)]
    assert len(stage.spans.end()) == 64
    assert stage.spans.end() == []
    assert stage.feed(sdk_span("r", 4)) == [(4, False)]


def test_a_new_request_claims_its_spans() -> None:
    """Those of others wait on."""
    stage = Spans()
    stage.feed(sdk_span("r", 1))
    stage.feed(sdk_span("other", 2))
    each = add(stage.table, "r")
    stage.spans.claim(each)
    assert each.sdk == sdk_span("r", 1)
    assert [one.span.span_id for one in stage.spans.end()] == [2]  # type: ignore[union-attr]


def test_a_span_of_a_known_request_waits_for_ours() -> None:
    """Unless our ids are decided, too much is held, or it is large: then it decides them."""
    stage = Spans()
    each = add(stage.table, "r")
    assert stage.feed(sdk_span("r", 1)) == []
    assert not each.context
    assert stage.feed(sdk_span("r", 2, size=65_537)) == [(1, True), (2, True)]
    assert stage.feed(sdk_span("r", 3)) == [(3, True)]
    full = Spans()
    add(full.table, "r")
    full.table.budget.held_bytes = MAX_BYTES_TOGETHER - 8
    assert full.feed(sdk_span("r", 1)) == []
    assert full.feed(sdk_span("r", 2)) == []
    assert full.feed(sdk_span("r", 3)) == [(1, True), (2, True), (3, True)]


@pytest.mark.parametrize(("missing", "is_learned"), [(5, False), (6, True)])
def test_an_orphan_is_one_if_no_request_has_its_parent(missing: int, *, is_learned: bool) -> None:
    """It is that of the request that runs, or is about to."""
    stage = Spans()
    before, each = add(stage.table, "before", 1), add(stage.table, "r", 50_000_000)
    before.learn_sdk(sdk_span("before", 5))
    each.reason_of_failure = "timeout"
    started = each.begun_ns - 10_000_000
    orphan = Orphan(trace_id=9, missing_parent_id=missing, start_ns=started)
    stage.spans.feed_orphan(replace(orphan, start_ns=started - 1))
    assert not each.orphan
    stage.spans.feed_orphan(orphan)
    assert (each.orphan == orphan) is is_learned
    Spans().spans.feed_orphan(orphan)


@pytest.mark.parametrize("trace_parent", ["sdk", "xray"])
def test_ids_are_drawn_once(trace_parent: str) -> None:
    """They follow the SDK's where that is asked for."""
    table = RequestTable(concurrent=False)
    span_ids = SpanIds(SequentialIds(), trace_parent=trace_parent, below_segment=False)  # type: ignore[arg-type]
    each = add(table, "r")
    each.learn_sdk(sdk_span("r"))
    first = span_ids.of(each)
    assert isinstance(first, TraceContext)
    assert span_ids.of(each) is first
    assert (first.trace_id == 9) is (trace_parent == "sdk") is span_ids.follow_sdk
    assert not span_ids.awaits_event(each)
