"""PURE: how long a request or message waited until the invocation started.

Clocks of services differ: a time slightly in the future counts as now. Times further in the future,
or older than the longest retention of any source, are ignored.
"""

from __future__ import annotations

from extension.process.clock import NS_PER_MS, NS_PER_S
from extension.telemetry.tap.cause import Cause

LONGEST_NS = 366 * 86_400 * NS_PER_S
"""Kinesis keeps records for up to 365 days."""
CLOCK_SKEW_NS = 60 * NS_PER_S


def age_ms(cause: Cause, *, start_ns: int) -> float | None:
    """Return milliseconds from the oldest message or the request to the invocation's start."""
    if not cause.sent_ns:
        return None
    waited_ns = start_ns - cause.sent_ns
    if not -CLOCK_SKEW_NS <= waited_ns <= LONGEST_NS:
        return None
    return max(0, waited_ns) / NS_PER_MS
