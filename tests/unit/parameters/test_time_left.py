"""How long a GET and its calls may take, by what the caller's invocation has left."""

from __future__ import annotations

from math import inf

import pytest

from extension.parameters.lazy_clients import OPEN_WAIT_S
from extension.parameters.time_left import TimeLeft
from extension.process.clock import NS_PER_MS
from tests.doubles import ManualClock


def left(left_s: float, *, is_managed: bool = False) -> TimeLeft:
    """Return the time of an invocation that has so many seconds left."""
    clock = ManualClock()
    time = TimeLeft(clock=clock, is_managed=is_managed)
    time.announced(clock.wall_ns // NS_PER_MS + round(left_s * 1000))
    return time


@pytest.mark.parametrize(
    ("left_s", "call_s", "caller_s"),
    [
        (8.0, 6.0, 6.4),
        (1.0, 0.75, 0.8),
        (0.5, 0.5, 0.5),
        (0.001, 0.5, 0.5),
        (0.0, inf, inf),
        (-3.0, inf, inf),
    ],
)
def test_a_call_leaves_time_for_its_caller(left_s: float, call_s: float, caller_s: float) -> None:
    """Half a second is given in any case; a deadline that has passed is that of another one."""
    time = left(left_s)
    assert time.for_call_s() == pytest.approx(call_s)
    assert time.for_caller_s() == pytest.approx(caller_s)


@pytest.mark.parametrize(
    ("left_s", "wait_s"),
    [(4.0, 3.0), (1.0, 0.75), (900.0, OPEN_WAIT_S), (0.0, OPEN_WAIT_S), (-3.0, OPEN_WAIT_S)],
)
def test_a_get_waits_for_the_clients_for_a_share(left_s: float, wait_s: float) -> None:
    """Of its invocation, or of the start before the first one is announced; with a bound."""
    assert left(left_s).for_clients_s() == pytest.approx(wait_s)
    time = TimeLeft(clock=ManualClock(), is_managed=False)
    assert time.for_clients_s() == pytest.approx(OPEN_WAIT_S * 0.75)
    time.start_left_s = lambda: left_s
    assert time.for_clients_s() == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("left_s", "is_managed", "has_time"),
    [
        (0.5, False, True),
        (0.499, False, False),
        (0.001, False, False),
        (0.0, False, True),
        (-3.0, False, True),
        (0.001, True, True),
    ],
)
def test_a_renewal_ahead_ends_before_its_invocation(
    left_s: float, *, is_managed: bool, has_time: bool
) -> None:
    """A freeze would interrupt it; where nothing is frozen there is always time."""
    assert left(left_s, is_managed=is_managed).has_time_ahead() is has_time


def test_before_the_first_invocation_nothing_is_near() -> None:
    """No deadline is known."""
    time = TimeLeft(clock=ManualClock(), is_managed=False)
    assert (time.for_call_s(), time.for_caller_s(), time.has_time_ahead()) == (inf, inf, True)
