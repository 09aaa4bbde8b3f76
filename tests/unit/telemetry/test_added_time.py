"""What invocations were held after their responses, put together from /next and their ends."""

from __future__ import annotations

import pytest

from extension.process.clock import NS_PER_S
from extension.telemetry.added_time import AddedTime
from extension.telemetry.health import Health

MAX_OPEN = 64


def added() -> tuple[AddedTime, list[float]]:
    """Return one, and the holds that it counts, in seconds."""
    health = Health()
    holds: list[float] = []
    health.on_added = holds.append
    return AddedTime(health), holds


def ns(seconds: float) -> int:
    """Return nanoseconds."""
    return round(seconds * NS_PER_S)


@pytest.mark.parametrize("end_first", [True, False])
def test_the_difference_counts_whichever_is_known_first(*, end_first: bool) -> None:
    """The end of an invocation that is not held arrives after /next."""
    time, holds = added()
    if end_first:
        time.ended("a", at_ns=ns(10))
    time.next_called("a", at_ns=ns(10.5), heard_ns=0)
    if not end_first:
        time.ended("a", at_ns=ns(10))
    assert holds == [0.5]


def test_next_before_the_end_adds_nothing() -> None:
    """The function was still at work."""
    time, holds = added()
    time.next_called("a", at_ns=ns(9), heard_ns=0)
    time.ended("a", at_ns=ns(10))
    time.close()
    assert holds == []


def test_an_invocation_that_timed_out_was_not_held() -> None:
    """It ran until the sandbox ended; those before it may have been held."""
    time, holds = added()
    time.next_called("lost", at_ns=ns(12), heard_ns=ns(10))
    time.next_called("timed out", at_ns=ns(25), heard_ns=ns(20))
    time.close(timed_out=True)
    assert holds == [2.0]


def test_an_end_that_is_never_told_counts_from_what_was_heard_last() -> None:
    """More than that cannot have been added; where nothing was waited for, nothing was."""
    time, holds = added()
    time.next_called("held", at_ns=ns(12), heard_ns=ns(10))
    time.next_called("let go", at_ns=ns(12), heard_ns=0)
    assert holds == []
    time.close()
    assert holds == [2.0]


def test_as_many_as_allowed_are_open() -> None:
    """None of them is given up before its end may be reported, and each is counted once."""
    time, holds = added()
    for number in range(MAX_OPEN):
        time.next_called(f"{number}", at_ns=ns(3), heard_ns=ns(1))
    assert holds == []
    time.ended("0", at_ns=ns(2))
    assert holds == [1.0]
    for number in range(MAX_OPEN):
        time.ended(f"early {number}", at_ns=ns(4))
    time.next_called("early 0", at_ns=ns(5), heard_ns=0)
    time.next_called("early 0", at_ns=ns(6), heard_ns=0)
    assert holds == [1.0, 1.0]


def test_what_is_open_is_bounded() -> None:
    """In a life of a million invocations whose ends are lost nothing grows."""
    time, holds = added()
    for number in range(MAX_OPEN + 10):
        time.next_called(f"lost {number}", at_ns=ns(2), heard_ns=ns(1))
    assert holds == [1.0] * 10
    for number in range(MAX_OPEN + 10):
        time.ended(f"stranger {number}", at_ns=ns(1))
    time.next_called("stranger 0", at_ns=ns(5), heard_ns=0)
    assert holds == [1.0] * 11


def test_a_hold_of_no_time_is_none() -> None:
    """/next at the very moment of the end: there is nothing to measure; a nanosecond is."""
    time, holds = added()
    time.next_called("a", at_ns=ns(10), heard_ns=0)
    time.ended("a", at_ns=ns(10))
    assert holds == []
    time.next_called("b", at_ns=ns(10) + 1, heard_ns=0)
    time.ended("b", at_ns=ns(10))
    assert holds == [1e-9]
