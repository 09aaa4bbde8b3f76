"""Ages and deadlines on clocks that freeze and are set back."""

from __future__ import annotations

from extension.process.clock import NS_PER_S, Instant, SystemClock, http_date
from tests.doubles import NOON_NS, ManualClock


def test_age_while_running() -> None:
    """Both clocks advance by the same: that is the age."""
    clock = ManualClock()
    began = clock.now()
    clock.advance(1.5)
    assert clock.now().since(began) == 1.5


def test_age_across_a_freeze() -> None:
    """The monotonic clock stood still: the wall clock gives the age."""
    clock = ManualClock()
    began = clock.now()
    clock.freeze(3600)
    assert clock.now().since(began) == 3600


def test_age_when_the_wall_clock_is_set_back() -> None:
    """The wall clock was set back: the monotonic clock gives the age, which is never negative."""
    clock = ManualClock()
    began = clock.now()
    clock.advance(5)
    clock.set_back(3600)
    assert clock.now().since(began) == 5
    assert began.since(clock.now()) == 3595


def test_running_time_is_not_that_of_the_wall_clock() -> None:
    """Whichever way that is set meanwhile."""
    clock = ManualClock()
    before = clock.now()
    clock.advance(2)
    clock.freeze(3600)
    assert clock.now().ran_since(before) == 2.0
    clock.set_back(7200)
    assert clock.now().ran_since(before) == 2.0


def test_deadline() -> None:
    """The time left until a deadline is in seconds, and negative after it."""
    now = ManualClock().now()
    assert now.until_ms(NOON_NS // 1_000_000 + 2500) == 2.5
    assert now.until_ms(NOON_NS // 1_000_000 - 500) == -0.5


def test_the_machines_clocks_run() -> None:
    """Two readings are in order."""
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert second.monotonic_ns >= first.monotonic_ns


def test_an_age_is_never_negative() -> None:
    """Even if both clocks were set back."""
    assert Instant(5, 5).since(Instant(6, 7)) == 0.0
    assert Instant(7, 8).since(Instant(6, 5)) == 3 / NS_PER_S


def test_a_moment_is_written_as_http_does() -> None:
    """In full seconds, in the time of Greenwich."""
    for nanoseconds in (0, NS_PER_S - 1):
        now = Instant(1_445_412_480 * NS_PER_S + nanoseconds, 0)
        assert http_date(now) == "Wed, 21 Oct 2015 07:28:00 GMT"
    assert http_date(Instant(1_445_412_481 * NS_PER_S, 0)) == "Wed, 21 Oct 2015 07:28:01 GMT"
