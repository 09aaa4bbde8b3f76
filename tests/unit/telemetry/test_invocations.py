"""Assembly: events of a request, in whatever order and number, to what is finished, once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from extension.telemetry.assembly.finished import (
    Finished,
    Invocation,
    LooseRecords,
    Overhead,
    gather,
)
from extension.telemetry.assembly.held_records import FULL_SIZE, MAX_BYTES_OF_ALL, PartSize
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.assembly.request_table import MAX_CLOSED, MAX_OPEN
from extension.telemetry.assembly.verdict import judge
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.records import RECORD_BYTES, read_record
from extension.telemetry.reading.xray import TraceContext
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.platform_events import JsonEvent, ns


def assembler(*, concurrent: bool = False, part: PartSize = FULL_SIZE) -> Assembler:
    """Return an assembler that draws sequential ids."""
    return Assembler(ids=SequentialIds(), concurrent=concurrent, part=part)


def feed(into: Assembler, events: Iterable[JsonEvent]) -> list[Finished]:
    """Feed events as one delivery and return all they finish."""
    return assemble(into, [list(events)])


def bodies(finished: Finished) -> list[str]:
    """Return the texts of the records that something carries."""
    return [record.body for record in finished.records]


def test_an_invocation_goes_out_with_its_runtime_done() -> None:
    """Start, a line and runtimeDone make one invocation, without waiting for the report."""
    events = [given.start("r", 1), given.line("hello\n", 1.5), given.done("r", 2)]
    [invocation] = feed(assembler(), events)
    assert isinstance(invocation, Invocation)
    assert invocation.context == TraceContext(
        trace_id=given.TRACE_ID,
        span_id=int(given.RESERVED, 16),
        parent_span_id=int(given.PARENT, 16),
    )
    assert (invocation.start_ns, invocation.end_ns) == (ns(1), ns(2))
    assert (invocation.status, invocation.incomplete) == ("success", False)
    assert bodies(invocation) == ["hello"]


def test_the_report_adds_what_the_extensions_cost() -> None:
    """The report, an invocation later, becomes a child from runtimeDone to report."""
    into = assembler()
    feed(into, [given.start("r", 1), given.done("r", 2)])
    [overhead] = feed(into, [given.report("r", 2.5, billedDurationMs=1500)])
    assert isinstance(overhead, Overhead)
    assert overhead.context.span_id == int(given.RESERVED, 16)
    assert (overhead.start_ns, overhead.end_ns) == (ns(2), ns(2.5))
    assert overhead.report.billed_duration_ms == 1500


def test_a_line_after_an_end_that_only_the_report_tells_is_not_lost() -> None:
    """Nothing more comes of that invocation, so nothing else would take the line."""
    into = assembler()
    out = feed(into, [given.start("r", 1), given.line("late", 2.5), given.report("r", 2)])
    assert [bodies(each) for each in out] == [[], ["late"]]


def test_a_repeated_delivery_changes_nothing() -> None:
    """What the platform sends twice is taken once."""
    events = [*given.init(0, 1), given.start("r", 1), given.done("r", 2), given.report("r", 3)]
    into = assembler()
    first = feed(into, events)
    assert [type(each) for each in first] == [Initialization, Invocation, Overhead]
    assert feed(into, events) == []


def test_an_end_before_its_start_waits_for_it() -> None:
    """Events that overtake each other meet again."""
    into = assembler()
    assert feed(into, [given.done("r", 2)]) == []
    [invocation] = feed(into, [given.start("r", 1)])
    assert (invocation.request_id, invocation.start_ns) == ("r", ns(1))  # type: ignore[union-attr]


def test_a_report_before_its_start_waits_too() -> None:
    """All three in reverse order give the invocation and its overhead."""
    into = assembler()
    events = [given.report("r", 3), given.done("r", 2), given.start("r", 1)]
    assert [type(each) for each in feed(into, events)] == [Invocation, Overhead]


def test_without_runtime_done_the_report_ends_it() -> None:
    """On Managed Instances the report carries status and duration."""
    into = assembler(concurrent=True)
    events = [given.start("r", 1), given.report("r", 3, status="error", durationMs=500)]
    [invocation] = feed(into, events)
    assert isinstance(invocation, Invocation)
    assert (invocation.end_ns, invocation.status) == (ns(1.5), "error")


@pytest.mark.parametrize("reason", ["timeout", "failure"])
def test_the_failure_of_the_sandbox_ends_what_runs(reason: str) -> None:
    """SHUTDOWN ends a running invocation with its reason."""
    into = assembler()
    feed(into, [given.start("r", 1)])
    [invocation] = into.end(reason=reason, now_ns=ns(4))
    assert isinstance(invocation, Invocation)
    assert (invocation.end_ns, invocation.status, invocation.incomplete) == (ns(4), reason, False)
    assert into.end(reason=reason, now_ns=ns(5)) == []


@pytest.mark.parametrize("reason", ["spindown", "gone", ""])
def test_an_invocation_does_not_last_until_an_idle_sandbox_ends(reason: str) -> None:
    """Its end was lost; it was not running all the time until Lambda stopped the sandbox."""
    into = assembler()
    feed(into, [given.start("r", 1), given.line("last words", 1.5)])
    [invocation] = into.end(reason=reason, now_ns=ns(1000))
    assert isinstance(invocation, Invocation)
    assert (invocation.end_ns, invocation.status, invocation.incomplete) == (ns(1.5), "", True)
    assert into.end(reason=reason, now_ns=ns(1001)) == []


def test_several_may_run_until_a_managed_instance_ends() -> None:
    """Nothing is known of their ends, and the instance was not idle."""
    into = assembler(concurrent=True)
    feed(into, [given.start("a", 1), given.start("b", 2)])
    finished = into.end(reason="spindown", now_ns=ns(4))
    ends = [(each.end_ns, each.incomplete) for each in finished if isinstance(each, Invocation)]
    assert ends == [(ns(4), True)] * 2


def test_the_sandboxs_failure_is_the_last_invocations_alone() -> None:
    """Those before it were answered, or it would never have begun."""
    into = assembler()
    feed(into, [given.start("a", 1), given.start("b", 2)])
    before, last = into.end(reason="timeout", now_ns=ns(4))
    assert isinstance(before, Invocation)
    assert (before.request_id, before.status, before.incomplete) == ("a", "", True)
    assert before.end_ns < ns(2)
    assert isinstance(last, Invocation)
    assert (last.request_id, last.status) == ("b", "timeout")


EARLIER = [
    given.line("Task timed out after 3.00 seconds", 3.9),
    given.done("earlier", 4, status="timeout"),
    given.report("earlier", 4.1, status="timeout", durationMs=3000),
]
"""What the platform still has to tell of a request that ended the process before this one."""


@pytest.mark.parametrize("known", [EARLIER, EARLIER[2:], EARLIER[:2]])
def test_what_an_earlier_process_has_sent_is_not_sent_again(known: list[JsonEvent]) -> None:
    """Nor does it take the init, the lines and the cold start of the request that came after."""
    into = assembler()
    into.invoke("next", tracing="", invoked_arn="arn", now_ns=ns(4.9), deadline_ms=8000)
    events = [*known, *given.init(5, 6), given.line("of next", 6.5)]
    assert feed(into, events) == []
    initialization, invocation = [
        each
        for each in feed(into, [given.start("next", 5), given.done("next", 7)])
        if not isinstance(each, LooseRecords)
    ]
    assert isinstance(initialization, Initialization)
    assert isinstance(invocation, Invocation)
    assert initialization.context.trace_id == invocation.context.trace_id
    assert (invocation.request_id, invocation.cold_start) == ("next", True)
    assert bodies(invocation) == ["of next"]
    assert into.end(reason="spindown", now_ns=ns(9)) == []


def test_lines_of_a_request_of_an_earlier_process_follow_it() -> None:
    """They come late, as others do."""
    into = assembler()
    feed(into, [EARLIER[2], EARLIER[0], *given.init(5, 6), given.start("next", 5)])
    late, *_ = feed(into, [given.done("next", 7)])
    assert isinstance(late, LooseRecords)
    assert (late.request_id, bodies(late)) == ("earlier", ["Task timed out after 3.00 seconds"])
    assert late.context is not None


def test_a_report_of_an_earlier_request_does_not_make_it_the_last_one() -> None:
    """The failure of the sandbox is that of the request that was announced since."""
    into = assembler()
    into.invoke("last", tracing="", invoked_arn="arn", now_ns=ns(4.9), deadline_ms=8000)
    feed(into, [*given.init(5, 6), *EARLIER[2:]])
    invocations = [
        each for each in into.end(reason="timeout", now_ns=ns(8)) if isinstance(each, Invocation)
    ]
    assert [(each.request_id, each.status) for each in invocations] == [("last", "timeout")]


def test_an_announced_invocation_is_not_lost_with_its_events() -> None:
    """INVOKE was seen, the platform's events never came: SHUTDOWN still tells of it."""
    into = assembler()
    into.invoke("r", tracing=given.HEADER, invoked_arn="arn", now_ns=ns(1))
    [invocation] = into.end(reason="timeout", now_ns=ns(4))
    assert isinstance(invocation, Invocation)
    assert (invocation.start_ns, invocation.end_ns) == (ns(1), ns(4))
    assert invocation.context.trace_id == given.TRACE_ID


def test_a_lost_end_is_noticed_when_a_later_one_ends() -> None:
    """One request at a time: the end of the next says that this one is over."""
    into = assembler()
    feed(into, [given.start("a", 1), given.line("last words", 1.5), given.start("b", 10)])
    lost, ended = feed(into, [given.done("b", 11)])
    assert isinstance(lost, Invocation)
    assert (lost.request_id, lost.end_ns, lost.incomplete) == ("a", ns(1.5), True)
    assert isinstance(ended, Invocation)
    assert ended.request_id == "b"


def test_an_end_that_comes_late_ends_no_later_request() -> None:
    """The next one has begun by then, and may run for long."""
    into = assembler()
    feed(into, [given.start("a", 1), given.start("b", 3)])
    [late] = feed(into, [given.done("a", 2)])
    assert isinstance(late, Invocation)
    assert late.request_id == "a"
    [ended] = feed(into, [given.line("of b", 4), given.done("b", 5)])
    assert isinstance(ended, Invocation)
    assert (ended.request_id, ended.end_ns, ended.incomplete) == ("b", ns(5), False)
    assert bodies(ended) == ["of b"]


def test_a_start_that_comes_late_takes_no_lines_of_a_later_request() -> None:
    """What was written after that one's end belongs to its overhead."""
    into = assembler()
    feed(into, [given.start("b", 3), given.done("b", 4), given.line("after b", 4.2)])
    [late] = feed(into, [given.start("a", 1), given.done("a", 2)])
    assert bodies(late) == []
    [overhead] = feed(into, [given.report("b", 4.5)])
    assert bodies(overhead) == ["after b"]


def test_interleaved_requests_are_kept_apart() -> None:
    """On Managed Instances several run at once, and a line belongs by its request id."""
    uuid_a, uuid_b = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    into = assembler(concurrent=True)
    events = [
        given.start(uuid_a, 1),
        given.start(uuid_b, 2, traced=False),
        given.line({"requestId": uuid_a, "message": "of a"}, 3),
        given.line({"requestId": uuid_b, "message": "of b"}, 3),
        given.report(uuid_b, 4, durationMs=2000),
        given.report(uuid_a, 5, durationMs=4000),
    ]
    b, a = feed(into, events)
    assert (bodies(a), bodies(b)) == (["of a"], ["of b"])


def test_a_line_belongs_to_the_invocation_it_was_written_in() -> None:
    """Without a request id the time decides; before the first invocation it is init's."""
    into = assembler()
    events = [
        *given.init(0, 1),
        given.line("of init", 0.5),
        given.start("a", 1),
        given.line("of a", 1.5),
        given.done("a", 2),
        given.start("b", 3),
        given.line("of b", 3.5),
        given.done("b", 4),
    ]
    finished = feed(into, events)
    assert [bodies(each) for each in finished] == [["of init"], ["of a"], ["of b"]]


def test_a_foreign_request_id_does_not_make_an_invocation() -> None:
    """`requestId` in a JSON line may be an API's; the line stays with the running invocation."""
    into = assembler()
    events = [given.start("r", 1), given.line({"requestId": "api-17"}, 1.5), given.done("r", 2)]
    [invocation] = feed(into, events)
    assert len(invocation.records) == 1
    assert into.end(reason="spindown", now_ns=ns(9)) == []


def test_a_line_between_response_and_report_goes_with_the_overhead() -> None:
    """What is written after the response, by an extension for instance, is the overhead's."""
    into = assembler()
    feed(into, [given.start("r", 1), given.done("r", 2)])
    assert feed(into, [given.line("flushing", 2.2, stream="extension")]) == []
    [overhead] = feed(into, [given.report("r", 2.5)])
    assert bodies(overhead) == ["flushing"]


def test_a_late_line_is_delivered_after_its_span() -> None:
    """A line whose span has left follows it, with its trace."""
    into = assembler()
    feed(into, [given.start("r", 1), given.done("r", 2)])
    [late] = feed(into, [given.line("late", 1.5)])
    assert isinstance(late, LooseRecords)
    assert late.context is not None
    assert (late.request_id, bodies(late)) == ("r", ["late"])


def test_lines_waiting_for_a_report_survive_its_absence() -> None:
    """The report may never come; SHUTDOWN delivers what waited for it."""
    into = assembler()
    feed(into, [given.start("r", 1), given.done("r", 2), given.line("bye", 3)])
    [late] = into.end(reason="spindown", now_ns=ns(9))
    assert bodies(late) == ["bye"]


def test_a_line_of_nobody_is_delivered_alone() -> None:
    """On Managed Instances a line without a known request id has no owner, but is not lost."""
    into = assembler(concurrent=True)
    feed(into, [given.start("r", 1), given.report("r", 2)])
    [late] = feed(into, [given.line("anonymous", 3)])
    assert isinstance(late, LooseRecords)
    assert late.context is None


def test_more_lines_than_a_span_carries_leave_in_parts() -> None:
    """The span keeps the first; a further part leaves when it is full, the last with the span."""
    into = assembler(part=PartSize(lines=2))
    lines = [given.line(str(number), 1.5) for number in range(7)]
    finished = feed(into, [given.start("r", 1), *lines, given.done("r", 2)])
    parts = [(each.part, bodies(each)) for each in finished if isinstance(each, LooseRecords)]
    [invocation] = [each for each in finished if isinstance(each, Invocation)]
    assert bodies(invocation) == ["0", "1"]
    assert parts == [(2, ["2", "3"]), (3, ["4", "5"]), (4, ["6"])]
    assert {each.context for each in finished} == {invocation.context}


def test_large_lines_leave_in_parts_of_so_many_bytes() -> None:
    """However few they are, what one span carries fits into what is exported at once."""
    into = assembler()
    lines = [given.line(f"{number} " + "x" * 100_000, 1.5) for number in range(30)]
    finished = feed(into, [given.start("r", 1), *lines, given.done("r", 2)])
    assert {len(each.records) for each in finished} == {FULL_SIZE.bytes // 100_000}
    assert sum(len(each.records) for each in finished) == 30


def test_a_line_larger_than_a_part_is_a_part_of_its_own() -> None:
    """Nothing is lost for its size."""
    into = assembler(part=PartSize(bytes=100))
    lines = [given.line(letter * 500, 1.5) for letter in "abcd"]
    finished = feed(into, [given.start("r", 1), *lines, given.done("r", 2)])
    assert sorted(body[0] for each in finished for body in bodies(each)) == list("abcd")


def test_the_lines_of_one_request_are_bounded_in_all() -> None:
    """A loop that logs for ever sends so many bytes; the lines beyond are counted on its span."""
    into = assembler()
    text = "x" * 250_000
    lines = [given.line(text, 1.5) for _ in range(MAX_BYTES_OF_ALL // 250_000 + 50)]
    finished = feed(into, [given.start("r", 1), *lines, given.done("r", 2)])
    [invocation] = [each for each in finished if isinstance(each, Invocation)]
    sent = sum(len(each.records) for each in finished)
    assert sent == -(-MAX_BYTES_OF_ALL // (250_000 + RECORD_BYTES))
    assert invocation.dropped_records == len(lines) - sent


def test_what_is_held_of_a_request_does_not_grow_with_its_lines() -> None:
    """Of a hundred thousand lines two parts are in memory at once."""
    into = assembler(part=PartSize(lines=128))
    feed(into, [given.start("r", 1)])
    line = LogLine(time_ns=ns(1.5), stream="function", record="x" * 100)
    most, sent = 0, 0
    for _ in range(100_000):
        sent += sum(len(each.records) for each in into.feed_record(read_record(line)))
        most = max(most, into.requests.budget.held_bytes)
    assert most <= 2 * 128 * (100 + RECORD_BYTES)
    assert sent >= 100_000 - 2 * 128


def test_memory_is_bounded_when_nothing_ever_ends() -> None:
    """The oldest open invocation is let go, as incomplete, when too many are known."""
    into = assembler(concurrent=True)
    feed(into, [given.start(f"r{number}", number) for number in range(MAX_OPEN)])
    [oldest] = feed(into, [given.start("one more", 5000)])
    assert isinstance(oldest, Invocation)
    assert (oldest.request_id, oldest.incomplete) == ("r0", True)


def test_a_long_invocation_beside_many_short_ones() -> None:
    """On a Managed Instance it is one invocation, with the duration that the platform reports."""
    into = assembler(concurrent=True)
    feed(into, [given.start("long", 1)])
    for number in range(MAX_OPEN):
        feed(into, [given.start(f"r{number}", 2 + number), given.report(f"r{number}", 2 + number)])
    [invocation] = feed(into, [given.report("long", 5000, durationMs=4_999_000.0)])
    assert isinstance(invocation, Invocation)
    assert (invocation.incomplete, invocation.start_ns, invocation.end_ns) == (
        False,
        ns(1),
        ns(5000),
    )


def test_requests_that_are_only_announced_are_bounded() -> None:
    """The platform tells nothing at all: each request is remembered for a while, and comes out."""
    into = assembler()
    out = []
    for number in range(MAX_OPEN + 50):
        out += into.invoke(f"r{number}", tracing="", invoked_arn="", now_ns=ns(number))
    assert [each.request_id for each in out if isinstance(each, Invocation)] == [
        f"r{number}" for number in range(50)
    ]
    assert len(list(into.requests)) == MAX_OPEN


def test_without_platform_events_a_request_ends_when_the_next_is_announced() -> None:
    """Nothing else would tell, and what was held for SHUTDOWN would grow without bound."""
    into = Assembler(ids=SequentialIds(), with_platform=False)
    for number in range(MAX_CLOSED * 2):
        out = into.invoke(f"r{number}", tracing="", invoked_arn="", now_ns=ns(number))
        finished = [each.request_id for each in out if isinstance(each, Invocation)]
        assert finished == ([f"r{number - 1}"] if number else [])
    assert len(list(into.requests)) <= MAX_CLOSED + 1


def test_what_the_life_cycle_asks() -> None:
    """Whether a request has started and whether it is done is known from the events alone."""
    into = assembler()
    into.invoke("r", tracing="", invoked_arn="", now_ns=ns(0))
    assert into.requests.awaited_of("r") == "start"
    feed(into, [given.start("r", 1)])
    assert into.requests.awaited_of("r") == "end"
    feed(into, [given.done("r", 2)])
    assert into.requests.awaited_of("r") == "report"
    assert into.requests.awaited_of("unheard of") == "start"


@pytest.mark.parametrize(
    ("status", "error_type", "verdict"),
    [
        ("timeout", None, "timeout"),
        ("error", "Runtime.Unknown", "Runtime.Unknown"),
        ("error", "Runtime.ExitError", "Runtime.OutOfMemory"),
    ],
)
def test_only_an_exit_is_for_lack_of_memory(
    status: str, error_type: str | None, verdict: str
) -> None:
    """A function may use all of its memory, and fail for another reason."""
    full = {"memorySizeMB": 128, "maxMemoryUsedMB": 128, "durationMs": 1000}
    said = {"requestId": "r", "status": status, "errorType": error_type, "metrics": full}
    report = given.platform("report", 2, **said)
    [invocation, *_] = feed(assembler(), [given.start("r", 1), report])
    assert isinstance(invocation, Invocation)
    assert judge(invocation).error_type == verdict


def test_an_exit_waits_for_the_report_that_tells_why() -> None:
    """A runtime that exited may have run out of memory: its span goes out with the report."""
    into = assembler()
    events = [
        given.start("r", 1),
        given.exited("r", 2),
    ]
    assert feed(into, events) == []
    assert into.requests.awaited_of("r") not in ("start", "end")
    report = given.report("r", 2.1, status="error", maxMemoryUsedMB=128)
    invocation, overhead = feed(into, [report])
    assert isinstance(invocation, Invocation)
    assert invocation.report is not None
    assert isinstance(overhead, Overhead)


def test_an_exit_whose_report_never_comes() -> None:
    """SHUTDOWN lets it go with what is known."""
    into = assembler()
    feed(
        into,
        [given.start("r", 1), given.exited("r", 2)],
    )
    [invocation] = into.end(reason="failure", now_ns=ns(3))
    assert isinstance(invocation, Invocation)
    assert (invocation.end_ns, invocation.error_type) == (ns(2), "Runtime.ExitError")


def test_streamed_records_leave_at_once_with_the_trace() -> None:
    """Where lines are log records of their own, they do not wait for the end of their span."""
    into = Assembler(ids=SequentialIds(), stream_records=True)
    [record] = feed(into, [given.start("r", 1), given.line("hello", 1.5)])
    assert isinstance(record, LooseRecords)
    assert record.context is not None
    assert (record.context.trace_id, bodies(record)) == (given.TRACE_ID, ["hello"])
    [invocation] = feed(into, [given.done("r", 2)])
    assert bodies(invocation) == []


def test_a_line_that_is_not_wanted_still_tells_of_the_failure() -> None:
    """The runtime's report decides over the span, also where the line itself is filtered out."""
    into = assembler()
    feed(into, [given.start("r", 1)])
    text = "[ERROR] ValueError: x\nTraceback (most recent call last):\n  File a\n"
    line = read_record(LogLine(time_ns=ns(1.5), stream="function", record=text))
    assert into.feed_record(line, keep=False) == []
    [invocation] = feed(into, [given.done("r", 2)])
    assert isinstance(invocation, Invocation)
    assert bodies(invocation) == []
    assert invocation.error is not None
    assert invocation.error.error.type == "ValueError"


def test_report_that_came_early_and_again_makes_one_overhead() -> None:
    """A delivery that overtook the start, and is repeated after it, changes nothing."""
    into = assembler()
    early = [given.report("r", 3), given.done("r", 2)]
    finished = feed(into, [*early, given.start("r", 1), *early])
    assert [type(each) for each in finished] == [Invocation, Overhead]
    assert into.requests.awaited == "nothing"


def test_what_is_awaited_at_the_end() -> None:
    """An end that has not come is worth more waiting than a report; when all has come, none."""
    into = assembler()
    seen = [into.requests.awaited]
    into.invoke("r", tracing="", invoked_arn="", now_ns=ns(0))
    seen.append(into.requests.awaited)
    for event in (given.start("r", 1), given.done("r", 2), given.report("r", 3)):
        feed(into, [event])
        seen.append(into.requests.awaited)
    assert seen == ["nothing", "end", "end", "report", "nothing"]


def test_closed_requests_are_forgotten() -> None:
    """A sandbox lives for hours: what is done with leaves no more than a short memory."""
    into = assembler()
    for number in range(MAX_CLOSED + 50):
        name, at = f"r{number}", number * 10
        feed(into, [given.start(name, at), given.done(name, at + 1), given.report(name, at + 2)])
    assert into.requests.awaited_of("r0") == "start"
    assert into.requests.awaited_of(f"r{MAX_CLOSED + 49}") == "nothing"


def test_a_lost_report_keeps_nothing_in_memory() -> None:
    """It would be waited for as long as anything: the lines that it was to take leave alone."""
    into = assembler()
    feed(into, [given.start("lost", 1), given.done("lost", 2), given.line("late", 2.001)])
    later: list[Finished] = []
    for number in range(1, MAX_CLOSED + 2):
        name, at = f"r{number}", number * 10
        events = [given.start(name, at), given.done(name, at + 1), given.report(name, at + 2)]
        later += feed(into, events)
    [late] = [each for each in later if isinstance(each, LooseRecords)]
    assert (late.request_id, [record.body for record in late.records]) == ("lost", ["late"])
    assert len(list(into.requests)) == MAX_CLOSED


def test_late_lines_of_one_delivery_travel_together() -> None:
    """Two hundred lines that missed their span need one carrier, not two hundred."""
    into = assembler()
    events = [*(given.line(str(number), 1.5) for number in range(200)), given.start("b", 3)]
    feed(into, [given.start("a", 1), given.done("a", 2)])
    [late] = gather(feed(into, events))
    assert isinstance(late, LooseRecords)
    assert len(late.records) == 200


def test_lines_that_overtake_their_start_go_to_their_own_invocation() -> None:
    """They come after the end of the one before, which holds them until the start is here."""
    into = Assembler(ids=SequentialIds(), stream_records=True)
    first = assemble(into, [[given.start("a", 1), given.line("of a", 1.5), given.done("a", 2)]])
    early = assemble(into, [[given.line("of b", 11.5)]])
    late = assemble(into, [[given.start("b", 11), given.done("b", 12)]])
    assert early == []
    owners = {
        record.body: each.request_id
        for each in (*first, *late)
        if isinstance(each, LooseRecords)
        for record in each.records
    }
    assert owners == {"of a": "a", "of b": "b"}


def test_lines_after_the_end_of_the_last_invocation_stay_with_it() -> None:
    """No other invocation took them: they leave with its report."""
    into = Assembler(ids=SequentialIds(), stream_records=True)
    finished = assemble(
        into,
        [
            [given.start("a", 1), given.done("a", 2)],
            [given.line("after", 2.01)],
            [given.start("b", 11), given.report("a", 2.1)],
        ],
    )
    [overhead] = [each for each in finished if isinstance(each, Overhead)]
    assert [record.body for record in overhead.records] == ["after"]


def test_more_lines_than_are_held_leave_after_the_end_too() -> None:
    """None is lost, and the overhead's span does not get more than it carries."""
    into = assembler(part=PartSize(lines=2))
    late = [given.line(f"after {n}", 2.001) for n in range(7)]
    finished = assemble(
        into, [[given.start("a", 1), given.done("a", 2)], late, [given.report("a", 2.1)]]
    )
    left = [body for each in finished for body in bodies(each)]
    assert sorted(left) == [f"after {n}" for n in range(7)]
    assert [each.dropped_records for each in finished] == [0] * len(finished)


def test_streamed_lines_are_never_dropped_for_want_of_room() -> None:
    """Where each line is a record of its own, those beyond the bound travel at once."""
    into = Assembler(ids=SequentialIds(), stream_records=True)
    late = [given.line(f"after {n}", 2.001) for n in range(2 * FULL_SIZE.lines + 5)]
    finished = assemble(
        into,
        [[given.start("a", 1), given.done("a", 2)], late, [given.report("a", 2.1)]],
    )
    assert sum(len(each.records) for each in finished) == 2 * FULL_SIZE.lines + 5
    assert sum(each.dropped_records for each in finished) == 0


def test_an_error_that_overtook_the_start_is_that_of_its_own_invocation() -> None:
    """Its line went to the invocation before, until the start told where it belongs."""
    mark = "[ERROR] ValueError: no\rTraceback (most recent call last):\r  a\n"
    finished = assemble(
        Assembler(ids=SequentialIds()),
        [
            [given.start("a", 1), given.done("a", 2)],
            [given.line(mark, 3.5)],
            [given.start("b", 3), given.done("b", 4, status="error")],
        ],
    )
    first, second = [each for each in finished if isinstance(each, Invocation)]
    assert first.error is None
    assert second.error is not None
    assert second.error.error.type == "ValueError"
