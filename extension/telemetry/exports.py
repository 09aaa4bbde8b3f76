"""Exports what waits: before /next is called, or beside whatever runs.

An invocation that is held waits for its export. Beside it a task exports, which holds nothing and
may sleep through a freeze.
"""

from __future__ import annotations

import asyncio

from extension.process.clock import Clock
from extension.process.tasks import start_task
from extension.process.waits import Budget
from extension.telemetry.congestion import Congestion
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.flush import HALF_FULL, PERIOD_S, FlushPolicy
from extension.telemetry.health import Health
from extension.telemetry.pipeline import Pipeline

LAST_PATIENCE_S = 0.5
"""At SHUTDOWN: for an export under way; its connection may have died in a freeze."""


class Exports:
    """Begins exports, one at a time; `timeout_s` is the time of one, unless its caller has less."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        congestion: Congestion,
        buffer: Buffer,
        delivery: Delivery,
        policy: FlushPolicy,
        health: Health,
        clock: Clock,
        timeout_s: float,
        min_batch_size: int,
    ) -> None:
        self._pipeline = pipeline
        self._congestion = congestion
        self._buffer = buffer
        self._delivery = delivery
        self._policy = policy
        self._health = health
        self._clock = clock
        self._timeout_s = timeout_s
        self._min_batch_size = min_batch_size
        self._beside: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_s: float | None = None
        """When a period is over, by the event loop's time; None where none is counted."""

    async def export(self, budget: Budget) -> bool:
        """Export what waits; return whether all of it is out."""
        self._pipeline.collect()  # first: where metrics alone are wanted, nothing else waits
        if self._buffer.count < self._min_batch_size and self._buffer.fullness < HALF_FULL:
            return False
        self._policy.exported(self._clock.now())
        return await self._delivery.flush(budget)

    @property
    def is_under_way(self) -> bool:
        """Whether anything is exported at this time."""
        return self._delivery.is_busy or (self._beside is not None and not self._beside.done())

    def begin_beside(self) -> None:
        """Begin to export what waits, unless that is under way or not worth a try."""
        if not self.is_under_way and self._delivery.may_try:
            self._beside = start_task(
                self._export_until_half_empty(),
                name="export",
                on_error=self._health.count_fault,  # the next export may do better
            )

    async def _export_until_half_empty(self) -> None:
        try:
            while await self.export(Budget(self._timeout_s, clock=self._clock)):
                if self._buffer.fullness < HALF_FULL:
                    return
        finally:
            self._congestion.export_settled()

    async def finish_beside(self, budget: Budget) -> None:
        """Let an export under way come to its end, or make way for the last one."""
        if self._beside is None or self._beside.done():
            return
        try:
            await budget.wait(self._beside, at_most_s=LAST_PATIENCE_S)
        except TimeoutError:
            return

    def start_timer(self) -> None:
        """Export each period from now on, however long the invocation runs."""
        loop = asyncio.get_running_loop()
        self._due_s = loop.time() + PERIOD_S
        if self._timer is None:  # else it is extended when it ends, which costs less
            self._timer = loop.call_at(self._due_s, self._end_timer)

    def stop_timer(self) -> None:
        """Leave it to what happens next."""
        self._due_s = None

    def close_timer(self) -> None:
        """Begin no export any more: the sandbox ends."""
        self.stop_timer()
        if self._timer is not None:
            self._timer.cancel()

    def _end_timer(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        if self._due_s is None:
            return
        if loop.time() < self._due_s:  # the period was restarted meanwhile
            self._timer = loop.call_at(self._due_s, self._end_timer)
            return
        self.begin_beside()
        self.start_timer()
