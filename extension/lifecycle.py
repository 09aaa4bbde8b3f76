"""The life of the process after initialization: /next, INVOKE, /next, … SHUTDOWN.

Rule of the room: nothing that a job does, or fails to do, keeps the loop from calling /next.
An invocation ends only when every extension has called it, and one that stops calling it holds
the function up to its timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf
from typing import Protocol, runtime_checkable

from extension.platform.events import Invoke, LambdaEvent, Shutdown, plausible_shutdown_s
from extension.process.clock import NS_PER_MS, Clock
from extension.process.log import Log, describe

SAFETY_S = 0.25
"""Before a deadline: whatever a job still does then is cut off."""

PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
"""Between two failed calls of /next; the sandbox is being torn down, or is no Lambda."""

GONE_S = 10.0
"""After so many seconds of these pauses, all for failures that last, the sandbox is gone."""

GONE = "gone"
"""Reason of the SHUTDOWN that nothing was left to announce; no verdict on any invocation."""


class Job(Protocol):
    """What takes part in the life cycle."""

    async def invoked(self, invoke: Invoke) -> None:
        """Do what an invocation asks for; /next is called when every job has returned."""

    def next_called(self, invoke: Invoke) -> None:
        """Take note that /next is called: nothing holds the invocation any more."""

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Do what must be done before the end."""


@runtime_checkable
class Calling(Protocol):
    """A job that calls other services, and waits for them before /next: a freeze cuts calls."""

    async def settle_calls(self, within_s: float) -> float:
        """Wait for the calls under way, for a moment and at most `within_s`; return how long."""


class Events(Protocol):
    """Where events come from."""

    async def next_event(self) -> LambdaEvent:
        """Wait for the next event."""


async def run(events: Events, *, jobs: Sequence[Job], clock: Clock, log: Log) -> Shutdown:
    """Serve events until SHUTDOWN and return it; `jobs` may change between two events."""
    while True:
        event = await _next(events, clock, log)
        await hand_over(event, jobs=jobs, clock=clock, log=log)
        if isinstance(event, Shutdown):
            return event
        await asyncio.gather(*(settle(job, event, clock=clock, log=log) for job in jobs))
        for job in jobs:
            _take_note(job, event, log)


async def settle(job: object, invoke: Invoke | None = None, *, clock: Clock, log: Log) -> None:
    """Let a job's calls to other services land before /next, never beyond a deadline."""
    left_s = clock.now().until_ms(invoke.deadline_ms) - SAFETY_S if invoke else inf
    if not isinstance(job, Calling) or left_s <= 0:
        return
    try:
        await job.settle_calls(left_s)
    except Exception as error:  # noqa: BLE001  # see `_step`
        log.error("a job failed", job=type(job).__name__, cause=describe(error))


async def hand_over(event: LambdaEvent, *, jobs: Sequence[Job], clock: Clock, log: Log) -> None:
    """Let every job do its part of an event."""
    within_s = _time_for(event, clock)
    await asyncio.gather(*(_step(job, event, within_s=within_s, log=log) for job in jobs))


def end(reason: str, clock: Clock) -> Shutdown:
    """Return a SHUTDOWN of our own, with the time that Lambda gives."""
    return Shutdown(reason=reason, deadline_ms=clock.now().wall_ns // NS_PER_MS + 2000)


def is_lasting(error: Exception) -> bool:
    """Tell a failure that asking again does not change: nobody listens, or we are refused."""
    return isinstance(error, ConnectionRefusedError) or bool(getattr(error, "is_final", False))


def _time_for(event: LambdaEvent, clock: Clock) -> float:
    """Return how long jobs may take; a deadline that makes no sense tells of another clock."""
    left_s = clock.now().until_ms(event.deadline_ms)
    if isinstance(event, Shutdown):
        left_s = plausible_shutdown_s(left_s)
    return max(left_s - SAFETY_S, SAFETY_S)


async def _next(events: Events, clock: Clock, log: Log) -> LambdaEvent:
    """Ask until there is an answer: an exit would take the function down, if there still is one."""
    pause_s, paused_s = PAUSE_S, 0.0
    while paused_s < GONE_S:
        try:
            return await events.next_event()
        except Exception as error:  # noqa: BLE001  # whatever it is, the only cure is to ask again
            log.error("/next failed", cause=describe(error))
            # Pauses are added up, not read off a clock: a freeze is no time without an API.
            paused_s = paused_s + pause_s if is_lasting(error) else 0.0
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    log.error("the sandbox is gone", cause="the Extensions API is not there, or refuses us")
    return end(GONE, clock)


def _take_note(job: Job, event: Invoke, log: Log) -> None:
    try:
        job.next_called(event)
    except Exception as error:  # noqa: BLE001  # a figure that is lost is no reason to stop
        log.error("a job failed", job=type(job).__name__, cause=describe(error))


async def _step(job: Job, event: LambdaEvent, *, within_s: float, log: Log) -> None:
    """Let one job do its part, never beyond the deadline."""
    try:
        async with asyncio.timeout(within_s):
            await (job.shut_down(event) if isinstance(event, Shutdown) else job.invoked(event))
    except Exception as error:  # noqa: BLE001  # its fault is not the other job's, nor the function's
        log.error("a job failed", job=type(job).__name__, cause=describe(error))
