"""Attempts: Lambda tries an asynchronous invocation again, under its request id."""

from __future__ import annotations

from itertools import permutations

import pytest

from extension.platform.events import Invoke
from extension.telemetry.assembly.finished import Finished, Invocation, LooseRecords, Overhead
from extension.telemetry.assembly.invocations import Assembler
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.pipeline_stage import Stage
from tests.platform_events import JsonEvent, ns

FIRST = [given.start("r", 1), given.line("one", 1.5), given.done("r", 2)]
FIRST_REPORT = given.report("r", 2.1)
SECOND = [given.start("r", 61), given.line("two", 61.5), given.done("r", 62)]
SECOND_REPORT = given.report("r", 62.1)


def invoke(into: Assembler, seconds: float, *, deadline_s: float) -> None:
    """Announce an attempt."""
    deadline_ms = ns(deadline_s) // 1_000_000
    into.invoke("r", tracing="", invoked_arn="", now_ns=ns(seconds), deadline_ms=deadline_ms)


def feed(into: Assembler, *events: JsonEvent) -> list[Finished]:
    """Feed events as one delivery."""
    return assemble(into, [list(events)])


def told(finished: list[Finished]) -> list[tuple[str, int, list[str]]]:
    """Return of what is finished the kind, the second in which it began, and its lines."""
    return [
        (
            type(each).__name__,
            (each.start_ns - ns(0)) // 1_000_000_000,
            [record.body for record in each.records],
        )
        for each in finished
        if isinstance(each, Invocation | Overhead)
    ]


EACH_ATTEMPT = [
    ("Invocation", 1, ["one"]),
    ("Overhead", 2, []),
    ("Invocation", 61, ["two"]),
    ("Overhead", 62, []),
]


@pytest.mark.parametrize("announced", ["before its start", "after its start", "never"])
def test_each_attempt_is_an_invocation(announced: str) -> None:
    """Whether INVOKE or the start is heard first; the report of the one before comes between."""
    into = Assembler(ids=SequentialIds(), concurrent=announced == "never")
    if announced != "never":
        invoke(into, 1.01, deadline_s=4)
    out = feed(into, *FIRST)
    if announced == "before its start":
        invoke(into, 61.01, deadline_s=64)
        assert into.requests.awaited_of("r") == "start"
    out += feed(into, FIRST_REPORT, SECOND[0])
    if announced == "after its start":
        invoke(into, 61.01, deadline_s=64)
    assert into.requests.awaited_of("r") == "end"
    out += feed(into, *SECOND[1:], SECOND_REPORT)
    if announced == "never":  # lines without an id belong to none of several requests at once
        out = [each for each in out if not isinstance(each, LooseRecords)]
        assert [each[:2] for each in told(out)] == [each[:2] for each in EACH_ATTEMPT]
    else:
        assert told(out) == EACH_ATTEMPT
    assert into.end(reason="spindown", now_ns=ns(99)) == []


def test_what_is_repeated_of_an_attempt_is_no_other_one() -> None:
    """A delivery that comes again, also after a later attempt has begun or ended."""
    into = Assembler(ids=SequentialIds())
    feed(into, *FIRST, FIRST_REPORT)
    again = [FIRST[0], FIRST[2], FIRST_REPORT]
    assert feed(into, *again) == []
    feed(into, SECOND[0])
    assert feed(into, *again, SECOND[0]) == []
    assert told(feed(into, SECOND[2], SECOND_REPORT)) == [
        ("Invocation", 61, []),
        ("Overhead", 62, []),
    ]
    assert feed(into, *again, SECOND[0], SECOND[2], SECOND_REPORT) == []


def test_the_deadline_of_invoke_tells_attempts_apart() -> None:
    """Each is waited for, and counted when it ends."""
    stage = Stage("traces")
    for at in (1, 61):
        invoked = Invoke(request_id="r", deadline_ms=ns(at + 3) // 1_000_000)
        stage.pipeline.announced(invoked, at_ns=ns(at))
        assert stage.pipeline._assembler.requests.awaited_of("r") == "start"
        stage.feed(given.start("r", at), given.done("r", at + 1))
    assert stage.health.finished == 2


def test_an_announcement_that_is_repeated_begins_no_attempt() -> None:
    """The deadline tells; one without a deadline says nothing."""
    into = Assembler(ids=SequentialIds())
    invoke(into, 1.01, deadline_s=4)
    feed(into, *FIRST, FIRST_REPORT)
    invoke(into, 1.5, deadline_s=4)
    into.invoke("r", tracing="", invoked_arn="", now_ns=ns(3))
    assert into.requests.awaited_of("r") == "nothing"
    invoke(into, 61, deadline_s=64)
    assert into.requests.awaited_of("r") == "start"


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_events_of_an_attempt_may_overtake_each_other(order: tuple[int, ...]) -> None:
    """It is one invocation, and the report of the one before stays that one's."""
    into = Assembler(ids=SequentialIds())
    invoke(into, 1.01, deadline_s=4)
    feed(into, *FIRST)
    invoke(into, 61.01, deadline_s=64)
    events = [SECOND[0], SECOND[2], SECOND_REPORT]
    out = told(feed(into, FIRST_REPORT, *(events[place] for place in order)))
    assert out[:2] == [("Overhead", 2, []), ("Invocation", 61, [])]
    assert out[2:] in ([("Overhead", 62, [])], [])  # of an end after the report nothing is known
    assert into.end(reason="spindown", now_ns=ns(99)) == []


def test_a_line_belongs_to_the_attempt_in_which_it_was_written() -> None:
    """By its time, for its request id is that of both."""
    into = Assembler(ids=SequentialIds())
    feed(into, given.start("r", 1), given.done("r", 2), given.start("r", 61))
    late, two = (
        given.line({"level": "INFO", "message": text, "requestId": "r"}, at)
        for at, text in ((2.05, "late"), (61.5, "two"))
    )
    out = feed(into, late, two, FIRST_REPORT, given.done("r", 62))
    assert told(out) == [("Overhead", 2, ["late"]), ("Invocation", 61, ["two"])]


def test_without_platform_events_each_announcement_is_an_invocation() -> None:
    """The one before ends with the next."""
    into = Assembler(ids=SequentialIds(), with_platform=False)
    invoke(into, 1, deadline_s=4)
    deadline_ms = ns(64) // 1_000_000
    [first] = into.invoke("r", tracing="", invoked_arn="", now_ns=ns(61), deadline_ms=deadline_ms)
    [second] = into.end(reason="spindown", now_ns=ns(99))
    assert [each.start_ns for each in (first, second)] == [ns(1), ns(61)]  # type: ignore[union-attr]


def test_attempts_that_are_forgotten_take_no_memory() -> None:
    """However often an id comes back."""
    into = Assembler(ids=SequentialIds())
    for number in range(1000):
        feed(into, given.start("r", number), given.done("r", number), given.report("r", number))
    assert len([*into.requests]) == len(into.requests._attempts["r"]) == 128
    for number in range(200):
        feed(into, *(each(f"x{number}", 2000 + number) for each in (given.start, given.done)))
        feed(into, given.report(f"x{number}", 2000 + number))
    assert into.requests.find("r") is None
    assert len(into.requests._attempts) == 128
