"""Lines are held in two parts that one span can carry each, within bounds of bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from extension.telemetry.assembly.held_records import (
    MAX_BYTES_OF_ALL,
    MAX_BYTES_TOGETHER,
    HeldRecords,
    LineBudget,
    PartSize,
    in_parts,
)
from extension.telemetry.reading.records import Record, size


def line(body: str, *, at: int = 1) -> Record:
    """Return a line that the platform took at a time."""
    return Record(time_ns=0, observed_ns=at, stream="function", body=body)


def lines(text: str) -> list[Record]:
    """Return a line for each character, observed one after the other."""
    return [line(body, at=at) for at, body in enumerate(text, start=1)]


def bodies(records: Sequence[Record]) -> str:
    """Return the characters of such lines."""
    return "".join(record.body for record in records)


ONE = size(line("a"))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("part", [PartSize(lines=2), PartSize(bytes=2 * ONE)])
def test_two_parts_are_held_in_their_order(part: PartSize, *, together: bool) -> None:
    """As many lines, or bytes, as fit; what comes after that has to wait for its place."""
    budget = LineBudget()
    held = HeldRecords(part, budget=budget)
    if together:
        assert held.hold_all(lines("abcde")) == 4
    else:
        assert [held.hold(each) for each in lines("abcde")] == [True] * 4 + [False]
    assert budget.held_bytes == 4 * ONE
    assert bodies(held.take_further()) == "cd"
    assert held.hold(line("e"))
    assert bodies(held.take()) == "abe"
    assert budget.held_bytes == 0
    assert held.take() == ()


@pytest.mark.parametrize("together", [True, False])
def test_after_the_further_part_nothing_goes_into_the_first(*, together: bool) -> None:
    """Even if a short line would still fit there: lines keep their order."""
    held = HeldRecords(PartSize(bytes=2 * ONE))
    assert held.hold_all([line("a"), line("b" * (ONE + 1))]) == 2
    if together:
        assert held.hold_all([line("c")]) == 0
    else:
        assert not held.hold(line("c"))
    assert bodies(held.take_first(until_ns=9)) == "a"


def test_a_line_that_is_too_long_for_a_part_has_one_of_its_own() -> None:
    """It is cut elsewhere."""
    held = HeldRecords(PartSize(bytes=ONE))
    assert held.hold_all([line("a" * 100), line("b" * 100), line("c")]) == 2
    assert bodies(held.take_first(until_ns=9)) == "a" * 100


@pytest.mark.parametrize("together", [True, False])
def test_all_that_share_a_budget_are_bounded_together(*, together: bool) -> None:
    """To the byte."""
    budget = LineBudget()
    budget.held_bytes = MAX_BYTES_TOGETHER - 2 * ONE
    held = HeldRecords(budget=budget)
    assert held.hold_all(lines("abc")) == 2 if together else held.hold(line("a"))
    budget.held_bytes = MAX_BYTES_TOGETHER - ONE + 1
    assert not held.hold(line("c"))
    assert held.hold_all([line("c")]) == 0


@pytest.mark.parametrize("together", [True, False])
def test_what_was_held_before_counts_for_one_request(*, together: bool) -> None:
    """A loop that logs is not sent for ever."""
    held = HeldRecords()
    long = line("x" * (200_000 - ONE + 1))
    assert size(long) == 200_000
    number = 0
    while not held.is_exhausted:
        assert held.hold_all([long]) if together else held.hold(long)
        held.take()
        number += 1
    assert number == -(-MAX_BYTES_OF_ALL // 200_000)


def test_the_latest_line_is_the_one_that_the_platform_took_last() -> None:
    """In either part."""
    held = HeldRecords(PartSize(lines=2))
    assert held.latest_ns == 0
    held.hold_all([line("a", at=5), line("b", at=3)])
    assert held.latest_ns == 5
    held.hold(line("c", at=7))
    assert held.latest_ns == 7


def test_lines_are_given_away_by_their_time() -> None:
    """Up to a moment, which belongs to them, or from one on."""
    budget = LineBudget()

    def held() -> HeldRecords:
        budget.held_bytes = 0
        each = HeldRecords(PartSize(lines=3), budget=budget)
        each.hold_all(lines("abcdef"))
        return each

    assert bodies(held().take_first(until_ns=2)) == "ab"
    assert budget.held_bytes == 4 * ONE
    assert bodies(held().take_further(until_ns=5)) == "de"
    some = held()
    assert bodies(some.take_later(since_ns=3)) == "cdef"
    assert budget.held_bytes == 2 * ONE
    assert bodies(some.take()) == "ab"
    assert budget.held_bytes == 0


def test_the_rest_of_a_part_can_be_filled_again() -> None:
    """What was given away counts no more."""
    held = HeldRecords(PartSize(lines=3, bytes=3 * ONE))
    held.hold_all(lines("abc"))
    assert bodies(held.take_first(until_ns=2)) == "ab"
    assert held.hold_all(lines("de")) == 2
    assert bodies(held.take_first(until_ns=9)) == "cde"


def test_what_is_dropped_is_counted_once() -> None:
    """It is told when it is asked for."""
    held = HeldRecords()
    held.drop()
    held.drop()
    assert [held.take_dropped(), held.take_dropped()] == [2, 0]


@pytest.mark.parametrize("part", [PartSize(lines=2), PartSize(bytes=2 * ONE)])
def test_lines_are_cut_into_parts(part: PartSize) -> None:
    """In their order; of none there is one that is empty."""
    assert [bodies(each) for each in in_parts(lines("abcde"), part)] == ["ab", "cd", "e"]
    assert in_parts([], part) == [[]]
