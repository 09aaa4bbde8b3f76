"""PURE: how long a request or message waited until the invocation started.

Clocks of services differ: a time slightly in the future counts as now. Times further in the future,
or older than the longest retention of any source, are ignored.
"""

from __future__ import annotations

from extension.telemetry.tap.cause import Cause

NS_PER_MS = 1_000_000
LONGEST_NS = 366 * 86_400 * 1_000_000_000
"""Kinesis keeps records for up to 365 days."""
CLOCK_SKEW_NS = 60 * 1_000_000_000


def age_ms(cause: Cause, *, start_ns: int) -> float | None:
    """Return milliseconds from the oldest message or the request to the invocation's start."""
    if not cause.sent_ns:
        return None
    waited_ns = start_ns - cause.sent_ns
    if not -CLOCK_SKEW_NS <= waited_ns <= LONGEST_NS:
        return None
    return max(0, waited_ns) / NS_PER_MS
