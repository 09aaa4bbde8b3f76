"""Lines below the detail level go out with invocations that failed or were slow, and no others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from extension.telemetry.assembly.details import MAX_DETAIL_BYTES, Details, HeldDetails
from extension.telemetry.assembly.finished import Finished, Invocation
from extension.telemetry.assembly.held_records import (
    FULL_SIZE,
    MAX_BYTES_TOGETHER,
    LineBudget,
    PartSize,
)
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.reading.levels import SEVERITIES
from extension.telemetry.reading.records import Record, size
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.platform_events import JsonEvent

Told = list[tuple[str, list[str]]]


class Stage:
    """An assembler for which DEBUG lines are details."""

    def __init__(
        self,
        *,
        slow_ms: int = 0,
        concurrent: bool = False,
        streams: bool = False,
        part: PartSize = FULL_SIZE,
    ) -> None:
        self.filtered: Counter[str] = Counter()
        self._concurrent = concurrent
        self.assembler = Assembler(
            ids=SequentialIds(),
            concurrent=concurrent,
            stream_records=streams,
            part=part,
            details=Details(below=SEVERITIES["INFO"], slow_ms=slow_ms, filtered=self.filtered),
        )

    def feed(self, *events: JsonEvent, together: bool = True) -> Told:
        """Feed events as one delivery; return what came out with its lines."""
        return told(
            assemble(self.assembler, [events], concurrent=self._concurrent, together=together)
        )

    def end(self, reason: str = "spindown") -> Told:
        """End the sandbox."""
        return told(self.assembler.end(reason=reason, now_ns=given.ns(100)))


def told(finished: Sequence[Finished]) -> Told:
    """Return kinds and lines of what has any, or is an invocation."""
    return [
        (type(each).__name__, [record.body for record in each.records])
        for each in finished
        if each.records or isinstance(each, Invocation)
    ]


def debug(text: str, at: float, request_id: str = "") -> JsonEvent:
    """Return a detail."""
    of = {"requestId": request_id} if request_id else {}
    return given.line({"level": "DEBUG", "message": text, **of}, at)


def info(text: str, at: float) -> JsonEvent:
    """Return a line that is none."""
    return given.line({"level": "INFO", "message": text}, at)


LINES = [debug("a", 1.1), info("b", 1.2), debug("c", 1.3)]
FAILED = {"status": "error", "errorType": "Runtime.Unknown"}


@pytest.mark.parametrize("together", [True, False])
def test_of_an_invocation_that_was_fine_details_stay_here(*, together: bool) -> None:
    """They are counted; the other lines go out."""
    stage = Stage()
    events = [given.start("r", 1), *LINES, given.done("r", 2)]
    assert stage.feed(*events, together=together) == [("Invocation", ["b"])]
    assert stage.filtered == {"details": 2}
    assert stage.assembler.requests.budget.held_bytes == 0


def test_no_invocation_is_slow_unless_it_is_said_from_when() -> None:
    """The details of a long one stay here."""
    filtered: Counter[str] = Counter()
    details = Details(below=SEVERITIES["INFO"], filtered=filtered)
    assembler = Assembler(ids=SequentialIds(), details=details)
    finished = assemble(assembler, [[given.start("r", 1), *LINES, given.done("r", 901)]])
    assert told(finished) == [("Invocation", ["b"])]
    assert filtered == {"details": 2}


@pytest.mark.parametrize("together", [True, False])
def test_one_that_failed_has_all_its_lines_in_their_order(*, together: bool) -> None:
    """As if there were no detail level."""
    stage = Stage()
    events = [given.start("r", 1), *LINES, given.done("r", 2, **FAILED)]
    assert stage.feed(*events, together=together) == [("Invocation", ["a", "b", "c"])]
    assert stage.filtered == {}
    assert stage.assembler.requests.budget.held_bytes == 0


def test_a_handler_that_raised_has_failed() -> None:
    """The platform calls that a success, and the runtime's report in the log decides."""
    stage = Stage()
    raised = given.line(
        '[ERROR] ValueError: no\nTraceback (most recent call last):\n  File "a", line 1\n', 1.4
    )
    [(_, lines)] = stage.feed(given.start("r", 1), *LINES, raised, given.done("r", 2))
    assert lines[:3] == ["a", "b", "c"]


def test_a_timeout_has_its_details() -> None:
    """SHUTDOWN says so where no end was reported."""
    stage = Stage()
    stage.feed(given.start("r", 1), *LINES)
    assert stage.end("timeout") == [("Invocation", ["a", "b", "c"])]


def test_memory_that_ran_out_is_a_failure() -> None:
    """What only the report tells comes in time: the exit waits for it."""
    stage = Stage()
    assert stage.feed(given.start("r", 1), *LINES, given.exited("r", 2)) == []
    report = given.report("r", 2.1, status="error", maxMemoryUsedMB=128, memorySizeMB=128)
    assert stage.feed(report) == [("Invocation", ["a", "b", "c"])]


@pytest.mark.parametrize(("slow_ms", "lines"), [(0, ["b"]), (999, ["a", "b", "c"]), (1000, ["b"])])
def test_a_slow_invocation_is_one_that_takes_longer(slow_ms: int, lines: list[str]) -> None:
    """Than so many milliseconds; 0 is no limit."""
    stage = Stage(slow_ms=slow_ms)
    assert stage.feed(given.start("r", 1), *LINES, given.done("r", 2)) == [("Invocation", lines)]


def test_a_line_without_a_level_is_no_detail() -> None:
    """A print cannot say how important it is."""
    stage = Stage()
    events = [given.start("r", 1), given.line("x", 1.1), given.done("r", 2)]
    assert stage.feed(*events) == [("Invocation", ["x"])]


def test_where_lines_leave_at_once_details_follow_the_verdict() -> None:
    """With `logs`, lines are records of their own."""
    stage = Stage(streams=True)
    assert stage.feed(given.start("r", 1), *LINES) == [("LooseRecords", ["b"])]
    assert stage.feed(given.done("r", 2, **FAILED)) == [("Invocation", ["a", "c"])]


@pytest.mark.parametrize(("fields", "lines"), [(FAILED, ["i"]), ({}, [])])
def test_the_details_of_the_init_belong_to_the_first_invocation(
    fields: dict[str, str], lines: list[str]
) -> None:
    """They go out with the init's span if that invocation failed."""
    stage = Stage()
    begin, *rest = given.init(0, 1)
    out = stage.feed(
        begin, debug("i", 0.5), *rest, given.start("r", 1), given.done("r", 2, **fields)
    )
    assert [each for kind, each in out if kind == "Initialization"] == ([lines] if lines else [])
    assert stage.filtered["details"] == (0 if lines else 1)


def test_an_init_that_fails_alone_has_its_details() -> None:
    """No invocation followed."""
    stage = Stage()
    begin, ready, report = given.init(0, 1)
    ready["record"]["status"] = report["record"]["status"] = "error"
    stage.feed(begin, debug("i", 0.5), ready, report)
    assert stage.end() == [("Initialization", ["i"])]


def test_a_detail_after_the_end_may_be_of_the_next_invocation() -> None:
    """It waits for that one's start, or for the report."""
    stage = Stage()
    stage.feed(given.start("r", 1), given.done("r", 2), debug("late", 2.1), debug("next", 3.1))
    out = stage.feed(given.start("s", 3), given.report("r", 2.5), given.done("s", 4, **FAILED))
    assert out == [("Invocation", ["next"])]
    assert stage.filtered == {"details": 1}


def test_an_invocation_without_details_has_none_to_give_back() -> None:
    """Where a later one begins, whose lines came before its start."""
    stage = Stage()
    stage.feed(given.start("a", 1), given.done("a", 2), info("early", 3.1))
    stage.feed(given.start("b", 3))
    assert stage.feed(given.done("b", 4)) == [("Invocation", ["early"])]


def test_late_details_of_a_failure_go_out_with_the_report() -> None:
    """Nothing of a failure is left out."""
    stage = Stage()
    stage.feed(given.start("r", 1), given.done("r", 2, **FAILED), debug("late", 2.1))
    assert stage.feed(given.report("r", 2.5)) == [("LooseRecords", ["late"])]


def test_several_at_once_keep_their_own() -> None:
    """On Managed Instances a line says whose it is; one that does not is none of a failure."""
    stage = Stage(concurrent=True)
    stage.feed(*given.init(0, 0.5), given.start("x", 0.6), given.report("x", 0.7))
    stage.feed(given.start("r", 1), given.start("s", 1))
    stage.feed(debug("of r", 1.1, "r"), debug("of s", 1.1, "s"), debug("of none", 1.2))
    out = stage.feed(given.report("r", 2, status="error"), given.report("s", 2))
    assert out == [("Invocation", ["of r"]), ("Invocation", [])]
    assert stage.filtered == {"details": 2}


def test_what_one_span_cannot_carry_goes_into_further_ones() -> None:
    """In their order, with the lines that are no details."""
    stage = Stage(part=PartSize(lines=2))
    events = [given.start("r", 1), *LINES, debug("d", 1.4), info("e", 1.5), info("f", 1.6)]
    out = stage.feed(*events, given.done("r", 2, **FAILED))
    assert out == [
        ("Invocation", ["a", "b"]),
        ("LooseRecords", ["c", "d"]),
        ("LooseRecords", ["e", "f"]),
    ]


def test_a_million_details_are_bounded_and_the_last_ones_stay() -> None:
    """What had to make room is counted on the span."""
    budget = LineBudget()
    held = HeldDetails(budget)
    record = Record(time_ns=0, observed_ns=1, stream="function", body="x" * 100, severity=5)
    most = MAX_DETAIL_BYTES // size(record)
    for number in range(1000):
        held.hold([record._replace(body=f"{number * 100 + at:0100}") for at in range(100)])
        assert budget.held_bytes <= MAX_DETAIL_BYTES
    taken = held.take()
    assert len(taken.records) == most
    assert taken.lost == 100_000 - most
    assert int(taken.records[-1].body) == 99_999
    assert budget.held_bytes == 0


def test_all_invocations_together_are_bounded() -> None:
    """One of them gives up its own lines where the others hold too much."""
    budget = LineBudget()
    budget.held_bytes = MAX_BYTES_TOGETHER
    held = HeldDetails(budget)
    held.hold([Record(time_ns=0, observed_ns=1, stream="function", body="x", severity=5)])
    assert held.take().lost == 1
    assert budget.held_bytes == MAX_BYTES_TOGETHER


def test_the_lost_details_of_a_failure_are_counted_on_its_span() -> None:
    """Those of any other invocation are none that the user misses."""
    stage = Stage()
    stage.assembler.requests.budget.held_bytes = MAX_BYTES_TOGETHER
    events = [given.start("r", 1), *LINES, given.done("r", 2, **FAILED)]
    finished = assemble(stage.assembler, [events])
    [invocation] = [each for each in finished if isinstance(each, Invocation)]
    assert invocation.dropped_records == 2
    assert not [each for each in finished if isinstance(each, Initialization)]


def record(body: str, *, severity: int = 5, at_ns: int = 1) -> Record:
    """Return a line of a severity that the platform took at a time."""
    return Record(time_ns=at_ns, observed_ns=at_ns, stream="function", body=body, severity=severity)


@pytest.mark.parametrize(
    ("severity", "is_detail"), [(0, False), (1, True), (8, True), (9, False), (17, False)]
)
def test_details_have_a_severity_below_the_level(severity: int, *, is_detail: bool) -> None:
    """One without any is none."""
    filtered: Counter[str] = Counter()
    details = Details(below=SEVERITIES["INFO"], filtered=filtered)
    given_ = [record("a", severity=severity), record("b", severity=9), record("c", severity=5)]
    rest = details.set_aside(given_, None, budget=LineBudget())
    assert [each.body for each in rest] == (["b"] if is_detail else ["a", "b"])
    assert filtered["details"] == (2 if is_detail else 1)


def test_details_fill_their_bytes_to_the_last() -> None:
    """Of one invocation, and of all together."""
    whole = record("x" * (MAX_DETAIL_BYTES // 4 - size(record(""))))
    held = HeldDetails(LineBudget())
    held.hold([whole] * 4)
    assert held.take().lost == 0
    held.hold([whole] * 4)
    held.hold([record("last")])
    taken = held.take()
    assert (len(taken.records), taken.lost, taken.number) == (4, 1, 5)
    assert held.take().lost == 0
    budget = LineBudget()
    budget.held_bytes = MAX_BYTES_TOGETHER - size(whole)
    shared = HeldDetails(budget)
    shared.hold([whole])
    assert shared.take().lost == 0
    assert budget.held_bytes == MAX_BYTES_TOGETHER - size(whole)


def test_details_are_taken_by_their_time() -> None:
    """Up to a moment, which belongs to them, or from one on."""
    held = HeldDetails(LineBudget())
    held.hold([record(body, at_ns=at) for at, body in enumerate("abcde")])
    assert [each.body for each in held.take(until_ns=1).records] == ["a", "b"]
    assert [each.body for each in held.take_later(since_ns=4)] == ["e"]
    assert [each.body for each in held.take().records] == ["c", "d"]
    assert held.take().records == ()


def test_details_of_the_first_moment_are_taken_too() -> None:
    """Whatever clock the platform had."""
    held = HeldDetails(LineBudget())
    held.hold([record("a", at_ns=0)])
    assert len(held.take().records) == 1


@pytest.mark.parametrize("fields", [{}, FAILED])
def test_the_lost_details_of_the_init_are_counted_with_it(fields: dict[str, str]) -> None:
    """On its span if the invocation needs them, else among what is filtered."""
    stage = Stage()
    begin, *rest = given.init(0, 1)
    many = [debug("x" * 60_000, 0.5) for _ in range(20)]
    finished = assemble(
        stage.assembler,
        [[begin], many, [*rest, given.start("r", 1), given.done("r", 2, **fields)]],
    )
    [init] = [each for each in finished if isinstance(each, Initialization)]
    assert init.dropped_records == (3 if fields else 0)
    assert len(init.records) == (17 if fields else 0)
    assert stage.filtered["details"] == (0 if fields else 20)


@pytest.mark.parametrize("fields", [{}, FAILED])
def test_without_an_init_its_details_are_of_the_first_invocation(fields: dict[str, str]) -> None:
    """Where the platform has told of none."""
    stage = Stage()
    out = stage.feed(debug("i", 0.5), given.start("r", 1), *LINES, given.done("r", 2, **fields))
    assert out[-1] == ("Invocation", ["i", "a", "b", "c"] if fields else ["b"])


def test_an_init_that_was_fine_and_has_no_invocation_keeps_its_details() -> None:
    """They are counted."""
    stage = Stage()
    begin, *rest = given.init(0, 1)
    stage.feed(begin, debug("i", 0.5), *rest)
    assert stage.end() == []
    assert stage.filtered == {"details": 1}


def test_a_failed_init_shows_the_details_of_an_invocation_that_was_fine() -> None:
    """The reason may be in either."""
    stage = Stage()
    begin, ready, report = given.init(0, 0.5)
    ready["record"]["status"] = report["record"]["status"] = "error"
    again = given.init(0.5, 0.4)
    out = stage.feed(begin, ready, report, *again, given.start("r", 1), *LINES, given.done("r", 2))
    assert out[-1] == ("Invocation", ["a", "b", "c"])


@pytest.mark.parametrize(("fields", "seen"), [({}, []), (FAILED, ["late"])])
def test_details_after_the_report_follow_the_verdict(
    fields: dict[str, str], seen: list[str]
) -> None:
    """They go out at once, or are counted."""
    stage = Stage()
    stage.feed(given.start("r", 1), given.done("r", 2, **fields), given.report("r", 2.5))
    out = stage.feed(debug("late", 1.9))
    assert out == ([("LooseRecords", seen)] if seen else [])
    assert stage.filtered["details"] == (0 if seen else 1)
