"""The platform's two clocks: the wall, which can be made to jump, and the monotonic one."""

from __future__ import annotations

import time
from datetime import UTC, datetime

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


class PlatformClock:
    """Wall time of the platform; the processes keep the machine's."""

    def __init__(self) -> None:
        self._ahead_ns = 0

    def now_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        return time.time_ns() + self._ahead_ns

    def jump(self, seconds: float) -> None:
        """Set the platform's clock ahead of the processes' (or back)."""
        self._ahead_ns += int(seconds * SECOND_NS)


def monotonic_ns() -> int:
    """Return nanoseconds that only serve to measure durations."""
    return time.monotonic_ns()


def milliseconds(duration_ns: int) -> float:
    """Return a duration as Lambda writes it: milliseconds with at most three decimals."""
    return round(duration_ns / MILLISECOND_NS, 3)


def iso8601(wall_ns: int) -> str:
    """Return the time format of the Telemetry API: UTC, milliseconds, "Z"."""
    moment = datetime.fromtimestamp(wall_ns // MILLISECOND_NS / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
