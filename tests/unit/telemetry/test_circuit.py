"""A dead endpoint costs nothing: when it is worth a try."""

from __future__ import annotations

import pytest

from extension.telemetry.export.outcome import JITTER, PAUSES_S, TIMEOUT_WEIGHS, Circuit, Outcome
from tests.doubles import ManualClock

ACCEPTED = Outcome(kind="accepted")
REFUSED = Outcome(kind="kept", cause="ClientConnectorError")
TIMEOUT = Outcome(kind="kept", cause="timeout", timed_out=True)


def pause_after(circuit: Circuit, clock: ManualClock) -> float:
    """Return how many seconds pass until a try is allowed, moving the clock there."""
    passed = 0.0
    while not circuit.allows(clock.now()):
        clock.advance(0.5)
        passed += 0.5
    return passed


def test_a_healthy_endpoint_is_always_tried() -> None:
    """Nothing known, or success: try."""
    circuit, clock = Circuit(), ManualClock()
    assert circuit.allows(clock.now())
    circuit.learn(ACCEPTED, clock.now())
    assert circuit.allows(clock.now())


def test_pauses_grow_with_failures_in_a_row() -> None:
    """Each failure makes the pause longer, up to five minutes."""
    circuit, clock = Circuit(), ManualClock()
    seen = []
    for _ in range(11):
        circuit.learn(REFUSED, clock.now())
        seen.append(pause_after(circuit, clock))
    assert seen == [1, 2, 5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_pauses_differ_by_chance() -> None:
    """Sandboxes that failed together do not come back together; a pause is never longer for it."""
    pauses = []
    for drawn in (0.0, 0.5, 1.0):
        circuit, clock = Circuit(iter([drawn] * len(PAUSES_S)).__next__), ManualClock()
        for _ in PAUSES_S:
            circuit.learn(REFUSED, clock.now())
        pauses.append(pause_after(circuit, clock))
    longest = PAUSES_S[-1]
    assert pauses == [longest, longest * (1 - JITTER / 2), longest * (1 - JITTER)]


def test_one_timeout_weighs_as_much_as_three_failures() -> None:
    """A timeout has cost the user its whole budget already."""
    circuit, clock = Circuit(), ManualClock()
    circuit.learn(TIMEOUT, clock.now())
    assert pause_after(circuit, clock) == PAUSES_S[TIMEOUT_WEIGHS - 1] == 5.0


def test_success_forgets_the_failures() -> None:
    """The endpoint is back: the next failure is the first again."""
    circuit, clock = Circuit(), ManualClock()
    for _ in range(5):
        circuit.learn(REFUSED, clock.now())
    circuit.learn(ACCEPTED, clock.now())
    circuit.learn(REFUSED, clock.now())
    assert pause_after(circuit, clock) == 1.0


def test_a_refusal_shows_that_somebody_is_there() -> None:
    """A batch that was rejected says nothing against the endpoint."""
    circuit, clock = Circuit(), ManualClock()
    circuit.learn(TIMEOUT, clock.now())
    circuit.learn(Outcome(kind="rejected"), clock.now())
    assert circuit.allows(clock.now())


@pytest.mark.parametrize(("wish_s", "pause_s"), [(30.0, 30.0), (0.5, 1.0), (1e9, 3600.0)])
def test_retry_after(wish_s: float, pause_s: float) -> None:
    """The endpoint's wish makes a pause longer, never shorter, and an hour at most."""
    circuit, clock = Circuit(), ManualClock()
    circuit.learn(Outcome(kind="kept", cause="status 503", retry_after_s=wish_s), clock.now())
    assert pause_after(circuit, clock) == pause_s


def test_a_freeze_counts_as_pause() -> None:
    """The sandbox slept for an hour: the endpoint may be back."""
    circuit, clock = Circuit(), ManualClock()
    circuit.learn(TIMEOUT, clock.now())
    clock.freeze(3600)
    assert circuit.allows(clock.now())
