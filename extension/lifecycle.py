"""The loop over events: request /next, hand INVOKE to the jobs, request /next, … until SHUTDOWN.

Nothing that a job does, or fails to do, keeps the loop from requesting /next. An invocation ends
only when every extension has requested it; an extension that stops requesting it holds the function
until its timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Protocol

from extension.platform.bootstrap import Start
from extension.platform.events import (
    Invoke,
    Job,
    LambdaEvent,
    NotAnEventError,
    Shutdown,
    parse_event,
    plausible_shutdown_s,
)
from extension.process.clock import NS_PER_MS, Clock
from extension.process.log import Log, describe

SAFETY_S = 0.25
"""A job that is still at work so many seconds before a deadline is cut off."""

PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
"""Between two failed calls of /next: the sandbox is being stopped, or this is not Lambda."""

GONE_S = 10.0
"""After so many seconds of these pauses, all for permanent failures, the sandbox is gone."""

GONE = "gone"
"""Reason of the SHUTDOWN that stands in for one that cannot be announced any more."""


class Events(Protocol):
    """The source of events."""

    async def next_event(self) -> LambdaEvent:
        """Wait for the next event."""


async def run(events: Events, *, jobs: Sequence[Job], clock: Clock, log: Log) -> Shutdown:
    """Handle events until SHUTDOWN and return it; `jobs` may change between two events."""
    while True:
        event = await _next(events, clock=clock, log=log)
        if isinstance(event, Invoke):
            for job in _overriding(jobs, "announced"):
                with _errors_logged(job, log=log):
                    job.announced(event)
        await hand_over(event, jobs=jobs, clock=clock, log=log)
        if isinstance(event, Shutdown):
            return event
        within_s = clock.now().until_ms(event.deadline_ms) - SAFETY_S
        if within_s > 0:
            settling = _overriding(jobs, "settle_calls")
            await _all([settle(job, within_s=within_s, log=log) for job in settling])
        for job in _overriding(jobs, "next_called"):
            with _errors_logged(job, log=log):
                job.next_called(event)


def catch_up(start: Start, *, jobs: Sequence[Job], log: Log) -> None:
    """Let the jobs learn of invocations that came and went before the event loop ran."""
    let_go, start.let_go = start.let_go, []
    for event, began_ns, let_go_ns in let_go:
        with suppress(NotAnEventError):
            invoke = parse_event(event)
            assert isinstance(invoke, Invoke)  # SHUTDOWN is never let go
            for job in _overriding(jobs, "invoked_before"):
                with _errors_logged(job, log=log):
                    job.invoked_before(invoke, at_ns=began_ns)
                    job.let_go_before(invoke, at_ns=let_go_ns)


async def hand_over(event: LambdaEvent, *, jobs: Sequence[Job], clock: Clock, log: Log) -> None:
    """Let every job handle an event."""
    within_s = _time_for(event, clock)
    handling = _overriding(jobs, "shut_down" if isinstance(event, Shutdown) else "invoked")
    await _all([_handle(event, job=job, within_s=within_s, log=log) for job in handling])


async def settle(job: Job, *, within_s: float, log: Log) -> None:
    """Let a job's calls to other services complete before /next."""
    with _errors_logged(job, log=log):
        await job.settle_calls(within_s)


def end(reason: str, clock: Clock) -> Shutdown:
    """Return a SHUTDOWN of our own, with the time that Lambda gives."""
    return Shutdown(reason=reason, deadline_ms=clock.now().wall_ns // NS_PER_MS + 2000)


def is_permanent(error: Exception) -> bool:
    """Return whether repeating a call is useless: nothing listens, or the refusal is final."""
    return isinstance(error, ConnectionRefusedError) or bool(getattr(error, "is_final", False))


def _time_for(event: LambdaEvent, clock: Clock) -> float:
    """Return how long jobs may take; an implausible deadline comes from another clock."""
    left_s = clock.now().until_ms(event.deadline_ms)
    if isinstance(event, Shutdown):
        left_s = plausible_shutdown_s(left_s)
    return max(left_s - SAFETY_S, SAFETY_S)


async def _next(events: Events, *, clock: Clock, log: Log) -> LambdaEvent:
    """Request /next until it succeeds: exiting would end the function, if there still is one."""
    pause_s, paused_s = PAUSE_S, 0.0
    while paused_s < GONE_S:
        try:
            return await events.next_event()
        except Exception as error:  # noqa: BLE001  # whatever it is, the only remedy is to repeat it
            log.error("/next failed", cause=describe(error))
            # Pauses are added up, not read off a clock: frozen time must not count.
            paused_s = paused_s + pause_s if is_permanent(error) else 0.0
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    cause = "the Extensions API does not respond, or refuses this extension"
    log.error("the sandbox is gone", cause=cause)
    return end(GONE, clock)


async def _handle(event: LambdaEvent, *, job: Job, within_s: float, log: Log) -> None:
    """Let one job handle an event, never beyond the deadline."""
    with _errors_logged(job, log=log):
        async with asyncio.timeout(within_s):
            await (job.shut_down(event) if isinstance(event, Shutdown) else job.invoked(event))


def _overriding(jobs: Sequence[Job], method: str) -> list[Job]:
    """Return the jobs that have something to do there."""
    return [job for job in jobs if _overrides(type(job), method)]  # type: ignore[arg-type]  # a class is hashable


@cache
def _overrides(kind: type[Job], method: str) -> bool:
    return getattr(kind, method) is not getattr(Job, method)


async def _all(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at once; what is alone needs no task."""
    if len(works) == 1:
        await works[0]
    elif works:
        await asyncio.gather(*works)


@contextmanager
def _errors_logged(job: Job, *, log: Log) -> Iterator[None]:
    """Log what a job raises: a bug in one job must not affect the others, nor the function."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # see above
        log.error("a job failed", job=type(job).__name__, cause=describe(error))
