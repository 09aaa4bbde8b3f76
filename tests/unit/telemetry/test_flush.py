"""When to export, and how long an export may take."""

from __future__ import annotations

import pytest

from extension.telemetry.export.flush import (
    FREQUENT_GAP_S,
    LAST_WAIT_S,
    PAUSE_S,
    PERIOD_S,
    FlushMode,
    FlushPolicy,
    invocation_budget_s,
    shutdown_budget_s,
)
from tests.doubles import ManualClock


@pytest.mark.parametrize(
    ("timeout_s", "left_s", "budget_s"),
    [(10, 60, 2.0), (1, 60, 1.0), (10, 1.5, 1.0), (10, 0.4, -0.1)],
)
def test_an_export_inside_an_invocation(timeout_s: float, left_s: float, budget_s: float) -> None:
    """It gets the user's timeout, two seconds, or what the deadline leaves, whichever is least."""
    assert invocation_budget_s(timeout_s=timeout_s, left_s=left_s) == pytest.approx(budget_s)


def test_the_last_export() -> None:
    """At SHUTDOWN an export gets what is left, less a reserve to get out."""
    assert shutdown_budget_s(left_s=2.0) == pytest.approx(1.65)


def test_the_last_waits_leave_nearly_all_of_two_seconds() -> None:
    """The more is still to be reported, the longer; where nothing is, not at all."""
    waits = [LAST_WAIT_S[each] for each in ("nothing", "report", "end")]
    assert waits[0] == 0.0
    assert waits == sorted(waits)
    assert waits[-1] <= 0.1


def invoked(policy: FlushPolicy, clock: ManualClock, *, times: int, gap_s: float) -> None:
    """Let invocations come, so many seconds apart."""
    for _ in range(times):
        clock.freeze(gap_s)
        policy.invoked(clock.now())


@pytest.mark.parametrize(("mode", "holds"), [("end", True), ("periodic", False), ("auto", True)])
def test_the_first_invocation(mode: FlushMode, *, holds: bool) -> None:
    """`end` holds, `periodic` does not, and `auto` holds, for it is unknown when the next comes."""
    policy, clock = FlushPolicy(mode), ManualClock()
    policy.invoked(clock.now())
    assert policy.holds is holds


def test_auto_stops_holding_once_invocations_are_frequent() -> None:
    """After twenty gaps under a minute in the mean the next invocation is near."""
    policy, clock = FlushPolicy("auto"), ManualClock()
    invoked(policy, clock, times=20, gap_s=5)
    assert policy.holds is True
    invoked(policy, clock, times=1, gap_s=5)
    assert policy.holds is False


def test_end_holds_however_frequent_they_are() -> None:
    """It is what the user wants: telemetry that is out when its invocation ends."""
    policy, clock = FlushPolicy("end"), ManualClock()
    invoked(policy, clock, times=30, gap_s=5)
    assert policy.holds is True


def test_auto_holds_again_when_they_become_rare() -> None:
    """The mean of the last twenty gaps follows the traffic, across freezes."""
    policy, clock = FlushPolicy("auto"), ManualClock()
    invoked(policy, clock, times=30, gap_s=5)
    invoked(policy, clock, times=1, gap_s=3600)
    assert policy.holds is True


def test_a_hold_in_vain_is_not_repeated() -> None:
    """When telemetry does not come, `end` does not hold again until it comes."""
    policy, clock = FlushPolicy("end"), ManualClock()
    policy.invoked(clock.now())
    policy.missed()
    assert policy.holds is False
    policy.heard()
    assert policy.holds is True


def test_periodic_exports_every_twenty_seconds_or_when_half_full() -> None:
    """The first chance is taken, then every twenty seconds, or earlier before data is dropped."""
    policy, clock = FlushPolicy("periodic"), ManualClock()
    assert policy.is_due(clock.now(), fullness=0.0)
    policy.exported(clock.now())
    assert not policy.is_due(clock.now(), fullness=0.49)
    assert policy.is_due(clock.now(), fullness=0.5)
    clock.freeze(19.9)
    assert not policy.is_due(clock.now(), fullness=0.0)
    clock.freeze(0.2)
    assert policy.is_due(clock.now(), fullness=0.0)


def test_a_long_pause_ends_a_burst() -> None:
    """Gaps from before it say nothing: the first invocations after it are held again."""
    policy, clock = FlushPolicy("auto"), ManualClock()
    invoked(policy, clock, times=30, gap_s=1)
    assert policy.holds is False
    invoked(policy, clock, times=2, gap_s=301)
    invoked(policy, clock, times=5, gap_s=1)
    assert policy.holds is True


def test_the_last_durations_are_remembered() -> None:
    """As many as say something of the next one; an end without a duration adds none."""
    policy = FlushPolicy("auto")
    for number in range(30):
        policy.heard(1000.0 * number)
    policy.heard()
    assert list(policy.durations_s) == [float(number) for number in range(10, 30)]


def test_a_pause_of_exactly_its_length_ends_a_burst() -> None:
    """One that is shorter is a gap as any other."""
    for gap_s, holds in ((PAUSE_S, True), (PAUSE_S - 1, False)):
        policy, clock = FlushPolicy("auto"), ManualClock()
        invoked(policy, clock, times=30, gap_s=1)
        invoked(policy, clock, times=1, gap_s=gap_s)
        invoked(policy, clock, times=14, gap_s=1)
        assert policy.holds is holds


@pytest.mark.parametrize(("gap_s", "holds"), [(FREQUENT_GAP_S, True), (FREQUENT_GAP_S - 1, False)])
def test_frequent_are_gaps_below_a_minute(gap_s: float, *, holds: bool) -> None:
    """In the mean of the last twenty."""
    policy, clock = FlushPolicy("auto"), ManualClock()
    invoked(policy, clock, times=21, gap_s=gap_s)
    assert policy.holds is holds


def test_an_export_is_due_again_after_its_period() -> None:
    """To the second."""
    policy, clock = FlushPolicy("periodic"), ManualClock()
    policy.exported(clock.now())
    clock.freeze(PERIOD_S)
    assert policy.is_due(clock.now(), fullness=0.0)


def test_a_hold_in_vain_is_forgotten_by_the_next_end() -> None:
    """With or without a duration; `auto` and `end` alike."""
    modes: tuple[FlushMode, ...] = ("auto", "end")
    for mode in modes:
        policy = FlushPolicy(mode)
        policy.missed()
        policy.heard(12.0)
        assert policy.holds
        assert list(policy.durations_s) == [0.012]
