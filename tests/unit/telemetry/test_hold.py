"""How long an invocation is held for its end, which may be lost."""

from __future__ import annotations

import pytest

from extension.telemetry.assembly.hold import (
    LEAST_QUIET_S,
    LONGEST_QUIET_S,
    LOSS_PATIENCE_S,
    UNKNOWN_QUIET_S,
    Hold,
    quiet_patience_s,
)
from extension.telemetry.assembly.transitions import AWAITED, Awaited, State
from tests.doubles import NOON_NS, ManualClock

NOON_MS = NOON_NS // 1_000_000
LONG_MS = NOON_MS + 900_000


def begin(clock: ManualClock, *, deadline_ms: int = LONG_MS, quiet_s: float = 10.0) -> Hold:
    """Begin a hold now."""
    return Hold(deadline_ms=deadline_ms, began=clock.now(), quiet_s=quiet_s)


def test_a_hold_ends_half_a_second_before_the_deadline() -> None:
    """The function's own timeout is never brought about by us."""
    clock = ManualClock()
    hold = begin(clock, deadline_ms=NOON_MS + 3000)
    assert hold.left_s(clock.now(), awaited="end", heard=None, lost=None) == pytest.approx(2.5)
    clock.advance(2.5)
    assert hold.left_s(clock.now(), awaited="end", heard=clock.now(), lost=None) <= 0


def test_a_hold_gives_up_when_no_telemetry_comes() -> None:
    """Without a word of the request for two seconds nothing is waited for."""
    clock = ManualClock()
    hold = begin(clock)
    clock.advance(1.9)
    assert hold.left_s(clock.now(), awaited="start", heard=None, lost=None) > 0
    clock.advance(0.2)
    assert hold.left_s(clock.now(), awaited="start", heard=clock.now(), lost=None) <= 0


def test_a_function_that_speaks_is_waited_for() -> None:
    """However long it runs, each event is news."""
    clock = ManualClock()
    hold = begin(clock)
    for _ in range(60):
        clock.advance(9)
        heard = clock.now()
        assert hold.left_s(clock.now(), awaited="end", heard=heard, lost=None) > 9


def test_silence_ends_a_hold_far_from_a_long_deadline() -> None:
    """A lost end without any sign costs the silence that is borne, not the function's timeout."""
    clock = ManualClock()
    hold = begin(clock, quiet_s=10)
    clock.advance(5)
    heard = clock.now()
    clock.advance(9.9)
    assert hold.left_s(clock.now(), awaited="end", heard=heard, lost=None) > 0
    clock.advance(0.2)
    assert hold.left_s(clock.now(), awaited="end", heard=heard, lost=None) <= 0


@pytest.mark.parametrize("awaited", ["start", "end"])
def test_a_sign_of_loss_ends_a_hold_within_two_seconds(awaited: Awaited) -> None:
    """The end may have been among what was lost, whatever else is heard."""
    clock = ManualClock()
    hold = begin(clock)
    lost = clock.now()
    clock.advance(LOSS_PATIENCE_S - 0.1)
    assert hold.left_s(clock.now(), awaited=awaited, heard=clock.now(), lost=lost) > 0
    clock.advance(0.2)
    assert hold.left_s(clock.now(), awaited=awaited, heard=clock.now(), lost=lost) <= 0
    assert LOSS_PATIENCE_S <= 2


def test_a_loss_before_the_hold_counts_from_its_beginning() -> None:
    """What was lost just before may have been this invocation's end; it is given its time."""
    clock = ManualClock()
    lost = clock.now()
    clock.advance(60)
    hold = begin(clock)
    left_s = hold.left_s(clock.now(), awaited="end", heard=None, lost=lost)
    assert left_s == pytest.approx(LOSS_PATIENCE_S)


@pytest.mark.parametrize("state", State)
def test_what_is_over_is_not_held(state: State) -> None:
    """A hold waits for a start or an end, never for a report, which comes only after it."""
    clock = ManualClock()
    waits = begin(clock).left_s(clock.now(), awaited=AWAITED[state], heard=None, lost=None) > 0
    assert waits is (state in (State.EXPECTED, State.RUNNING))


def test_the_silence_that_is_borne_grows_with_the_durations_seen() -> None:
    """Generous to functions that take long, bounded for all of them."""
    assert quiet_patience_s([]) == UNKNOWN_QUIET_S
    assert quiet_patience_s([0.02]) == LEAST_QUIET_S == 2.0
    assert quiet_patience_s([0.1, 20.0, 0.2]) == 30.0
    assert quiet_patience_s([600.0]) == LONGEST_QUIET_S
