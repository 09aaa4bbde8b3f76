"""The only module that reads a clock; all others are given an `Instant`.

Lambda freezes the sandbox between invocations and may restore it from a snapshot. The
monotonic clock may stand still meanwhile and the wall clock may be set back, so an age is
the larger of the two readings: an item is expired when either clock says so.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import NamedTuple, Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

NEW = tuple.__new__
"""Makes a NamedTuple in half the time that its class takes: the clock is read all the time."""


class Instant(NamedTuple):
    """One moment, on both clocks."""

    wall_ns: int
    monotonic_ns: int

    def since(self, earlier: Instant) -> float:
        """Return the seconds since `earlier`, on the clock that shows more; never negative."""
        wall = self.wall_ns - earlier.wall_ns
        monotonic = self.monotonic_ns - earlier.monotonic_ns
        return max(wall, monotonic, 0) / NS_PER_S

    def ran_since(self, earlier: Instant) -> float:
        """Return the seconds that the process ran since `earlier`, for times without a freeze.

        The monotonic clock counts them, which cannot be set.
        """
        return (self.monotonic_ns - earlier.monotonic_ns) / NS_PER_S

    def until_ms(self, epoch_ms: int) -> float:
        """Return the seconds until `epoch_ms`, the form of Lambda's deadlines; may be negative."""
        return (epoch_ms * NS_PER_MS - self.wall_ns) / NS_PER_S


def http_date(now: Instant) -> str:
    """Format a moment as HTTP does (RFC 9110, 5.6.7)."""
    return _http_date(now.wall_ns // NS_PER_S)


@lru_cache(maxsize=1)
def _http_date(wall_s: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(wall_s))


class Clock(Protocol):
    """The source of instants."""

    def now(self) -> Instant:
        """Return the current moment."""


class SystemClock:
    """The clocks of the machine."""

    def now(self) -> Instant:
        """Return the current moment."""
        return NEW(Instant, (time.time_ns(), time.monotonic_ns()))
