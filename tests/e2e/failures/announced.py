"""Invocations announced to the extension event by event, by a platform that the test plays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from extension.process.clock import SystemClock
from tests.scripted.deliveries import (
    NS_PER_MS,
    Identity,
    Line,
    delivery,
    done_event,
    report_event,
    start_event,
)
from tests.scripted.platform import Platform
from tests.waiting import until

PATIENT = "be_patient()"
"""What a test sees of an export must not depend on limits that a busy machine reaches."""

QUARTER_OF_AN_HOUR_S = 900.0
"""The longest timeout a function may have: a test that waits for it has failed long before."""


def now_ns() -> int:
    """Return the time by this machine's clock."""
    return SystemClock().now().wall_ns


class Announced:
    """One invocation as the platform announces it, by the clock of this machine."""

    def __init__(self, number: int) -> None:
        self.who = Identity.numbered(number, seed=7)
        self.began_ns = now_ns()

    def invoke(self, *, timeout_s: float = QUARTER_OF_AN_HOUR_S) -> dict[str, Any]:
        """Return the answer of /next."""
        return {
            "eventType": "INVOKE",
            "requestId": self.who.request_id,
            "deadlineMs": self.began_ns // NS_PER_MS + round(timeout_s * 1000),
            "invokedFunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:soak",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": self.who.tracing},
        }

    @property
    def start(self) -> dict[str, Any]:
        """Its start."""
        return start_event(self.who, self.began_ns)

    def line(self, text: str) -> dict[str, Any]:
        """A line that it writes now."""
        return Line(text=text, time_ns=now_ns()).event

    @property
    def done(self) -> dict[str, Any]:
        """Its end, now."""
        return done_event(self.who, now_ns(), duration_ms=1)

    @property
    def report(self) -> dict[str, Any]:
        """Its report, now."""
        return report_event(self.who, now_ns(), duration_ms=1)


@asynccontextmanager
async def sandbox(setup: str = PATIENT, **environment: str) -> AsyncIterator[Platform]:
    """Start the extension and wait for its first /next; it gets a SHUTDOWN in the end.

    Without a `setup` it has the limits that it ships with.
    """
    async with Platform(environment, setup=setup) as platform:
        yield platform
        platform.thaw()
        await platform.delivered()
        shut_down(platform)
        await platform.exited(within_s=60)
        assert platform.problems == []


def shut_down(
    platform: Platform, *, reason: str = "spindown", within_ms: int = 20_000, ahead_ms: int = 0
) -> None:
    """Tell the extension to end; the platform's clock may be ahead of this machine's.

    Lambda gives an extension 2 s; here it has longer, because a busy machine is slower than that.
    """
    end_ms = now_ns() // NS_PER_MS + within_ms + ahead_ms
    platform.send({"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": end_ms})


async def next_is_asked(platform: Platform, times: int) -> None:
    """Wait until the extension has asked for so many events."""
    await until(lambda: platform.asked_next >= times)


def deliver(platform: Platform, *events: dict[str, Any]) -> None:
    """Post events in one delivery."""
    platform.deliver(delivery(list(events)), after_s=0)


def lost(platform: Platform) -> dict[str, Any]:
    """Return the losses in the closing line."""
    summary = platform.farewell
    reasons = ("dropped.", "faults.", "unsent")
    return {key: summary[key] for key in summary if key.startswith(reasons) and summary[key]}
