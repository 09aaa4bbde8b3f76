"""PURE: which invocations are worth more than the others: those that failed, were slow, or cold.

What is unknown is kept: an invocation without a reported end may have failed.
"""

from __future__ import annotations

from typing import Literal

from extension.process.clock import NS_PER_MS
from extension.telemetry.assembly.finished import Invocation
from extension.telemetry.assembly.verdict import judge

Reason = Literal["failed", "slow", "cold", ""]


def reason_to_keep(invocation: Invocation, *, slow_ms: int = 0) -> Reason:
    """Return why an invocation is remarkable, empty if it is not; `slow_ms` of 0: none is slow."""
    if invocation.incomplete or invocation.out_of_memory or judge(invocation).failed:
        return "failed"
    if slow_ms and invocation.end_ns - invocation.start_ns > slow_ms * NS_PER_MS:
        return "slow"
    return "cold" if invocation.cold_start else ""


def deserves_details(invocation: Invocation, *, slow_ms: int = 0) -> bool:
    """Return whether an invocation failed or was slow; a cold start alone needs no details."""
    return reason_to_keep(invocation, slow_ms=slow_ms) in ("failed", "slow")
