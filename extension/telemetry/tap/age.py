"""PURE: how long what caused an invocation had waited when the invocation began.

Clocks of services differ, and a message may have a time of its publisher's: a time in the future
is no wait, and one before SQS's and Kinesis's longest retention is no time.
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
