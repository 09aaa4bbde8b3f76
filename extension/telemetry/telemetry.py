"""Telemetry in the life cycle: how long an invocation is held, and when what waits is exported.

`pipeline` fills the buffer and `exports` empties it; the pure modules decide, this one waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from extension.platform.events import Invoke, Job, Shutdown, plausible_shutdown_s
from extension.process.clock import Clock, Instant
from extension.process.log import Log
from extension.process.waits import Budget
from extension.telemetry.added_time import AddedTime
from extension.telemetry.assembly.hold import Hold, quiet_patience_s
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.flush import (
    LAST_WAIT_S,
    FlushPolicy,
    invocation_budget_s,
    shutdown_budget_s,
)
from extension.telemetry.exports import Exports
from extension.telemetry.health import Health
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.reader import DeliveryReader
from extension.telemetry.reading.events import RuntimeDone

if TYPE_CHECKING:  # not imported unless it is wanted
    from extension.telemetry.sandbox_usage import SandboxUsage

TIMER_S = 5.0
"""Between two exports where the sandbox is never frozen and no invocation is announced."""

SETTLING_S = 0.25
"""At SHUTDOWN: for the last events to come and to be read, however slow the endpoint is."""

LAST_READING_S = 0.05
"""At SHUTDOWN: at least so long, of half of what is left then, what is unread is still read."""

LETTERS_S = 0.6
"""At SHUTDOWN, of the last export's time: for storing what the endpoint does not take."""


class Ending(NamedTuple):
    """The time from SHUTDOWN to the end: one for all that is done in it.

    The sandbox is not frozen any more, and its wall clock may be set at any moment: after a long
    freeze it is likely to be.
    """

    began: Instant
    lasts_s: float
    clock: Clock

    def budget(self, *, less_s: float = 0.0) -> Budget:
        """Return what is left of it now."""
        spent_s = self.clock.now().ran_since(self.began)
        return Budget(self.lasts_s - spent_s - less_s, clock=self.clock)


class GivenUp(NamedTuple):
    """An invocation whose end was not waited for any longer, and when it was heard of last."""

    request_id: str
    heard: Instant


class Telemetry(Job):
    """What the life cycle sees of telemetry.

    `sends_at_once`: the endpoint lives in this sandbox and may end when we do, so what waits at
    SHUTDOWN does not wait for what comes late.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        reader: DeliveryReader,
        assembler: Assembler,
        buffer: Buffer,
        delivery: Delivery,
        policy: FlushPolicy,
        health: Health,
        clock: Clock,
        log: Log,
        timeout_s: float,
        prepare: Callable[[], Awaitable[None]],
        close: Callable[[], Awaitable[None]],
        min_batch_size: int = 1,
        sends_at_once: bool = False,
        usage: SandboxUsage | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.reader = reader
        self._assembler = assembler
        self._buffer = buffer
        self._delivery = delivery
        self._policy = policy
        self._exports = Exports(
            pipeline=pipeline,
            congestion=reader.congestion,
            buffer=buffer,
            delivery=delivery,
            policy=policy,
            health=health,
            clock=clock,
            timeout_s=timeout_s,
            min_batch_size=min_batch_size,
        )
        self.health = self._health = health
        self._added = AddedTime(health)
        self._clock = clock
        self._log = log
        self._timeout_s = timeout_s
        self._sends_at_once = sends_at_once
        self._usage = usage
        self._reserve_s = LETTERS_S if delivery.has_letters else 0.0
        self._given_up: GivenUp | None = None
        self.prepare = prepare
        """Makes the endpoint ready, once subscribed; takes `RESOLVE_S` at most."""
        self.close = close
        """Lets go of the endpoint, where nothing will ever be sent."""
        self.is_expected: Callable[[], bool] = lambda: True
        """Whether the platform is known to deliver; no invocation is held for what may not come."""
        pipeline.on_end = self._ended
        reader.congestion.on_half_full = self._exports.begin_beside
        reader.congestion.is_exporting = lambda: self._exports.is_under_way

    async def invoked(self, invoke: Invoke) -> None:
        """Hold an invocation until its telemetry is here and out, or let it go at once."""
        now = self._clock.now()
        self.invoked_before(invoke, at_ns=invoke.received_ns or now.wall_ns)
        self._policy.invoked(now)
        if self._policy.holds and self.is_expected():
            await self._hold(invoke)
            await self._export_held(invoke)
        elif self._policy.is_due(now, fullness=self._buffer.fullness):
            self._exports.begin_beside()

    def next_called(self, invoke: Invoke) -> None:
        """Take note that nothing holds this invocation any more."""
        self._added.next_called(
            invoke.request_id, at_ns=self._clock.now().wall_ns, heard_ns=self._heard_ns(invoke)
        )

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn of an invocation, which this may have been opened too late to hold.

        It may run for long, and be the last: what it says is exported each period.
        """
        self._health.invocations += 1
        self._exports.start_timer()
        if self._usage:
            self._usage.begin(invoke.request_id)
        self.pipeline.announced(invoke, at_ns=at_ns)

    def let_go_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Take note that an invocation was let go before this was open."""
        self._added.next_called(invoke.request_id, at_ns=at_ns, heard_ns=0)

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Export everything, because there is no later, and log how it went."""
        self._exports.close_timer()
        began = self._clock.now()
        left_s = plausible_shutdown_s(began.until_ms(shutdown.deadline_ms))
        end = Ending(began=began, lasts_s=shutdown_budget_s(left_s=left_s), clock=self._clock)
        try:
            is_up = await self._settle_everything(shutdown, end)
            budget = end.budget(less_s=self._reserve_s)
            goes_on = True
            while goes_on:  # what came during an export is exported, too
                is_sent = await self._delivery.flush(budget, whatever_the_circuit=is_up)
                self._end_everything(shutdown, LAST_READING_S)
                goes_on = is_sent and self._buffer.count > 0
            await self._delivery.store_the_rest(end.budget())
        finally:
            self._end_everything(shutdown, LAST_READING_S)
            self._log.info("telemetry", **self._health.summary(), unsent=self._buffer.count)

    async def _settle_everything(self, shutdown: Shutdown, end: Ending) -> bool:
        """Put everything into the buffer, even if it is cut off; return whether to try a POST."""
        try:
            await self._exports.finish_beside(end.budget())
            is_up = True
            if self._sends_at_once and self._buffer.count:
                budget = end.budget(less_s=SETTLING_S + self._reserve_s)
                is_up = await self._delivery.flush(budget, whatever_the_circuit=True)
            await self._wait_for_the_last()
            await self.reader.wait_until_read(end.budget().left_s / 2)
        finally:
            self._end_everything(shutdown, max(end.budget().left_s / 2, LAST_READING_S))
            self._added.close(timed_out=shutdown.reason == "timeout")
            self.pipeline.collect(is_last=True)  # after all else: it measures what the others count
        return is_up

    def _end_everything(self, shutdown: Shutdown, within_s: float) -> None:
        """Read what has come and end what is open, so that it is in the buffer, or counted.

        It is repeated after each export: others in the sandbox send as long as it exists.
        """
        self.reader.read_all(within_s)
        self.pipeline.end(reason=shutdown.reason, now_ns=self._clock.now().wall_ns)

    async def export_regularly(self) -> None:
        """Export for ever, where no invocation would cause it (Managed Instances)."""
        while True:
            await asyncio.sleep(TIMER_S)
            self._exports.begin_beside()

    def _ended(self, done: RuntimeDone) -> None:
        self._policy.heard(done.duration_ms)
        if self._usage:
            self._usage.end(done.request_id)
        self._added.ended(done.request_id, at_ns=done.time_ns)
        if self._given_up and self._given_up.request_id == done.request_id:
            # It went on without us: what it left is exported now, or after the coming freeze.
            asyncio.get_running_loop().call_soon(self._exports.begin_beside)

    async def _hold(self, invoke: Invoke) -> None:
        """Wait for the end of an invocation, or give it up."""
        began = self._clock.now()
        hold = Hold(
            deadline_ms=invoke.deadline_ms,
            began=began,
            quiet_s=quiet_patience_s(self._policy.durations_s),
        )
        while True:
            awaited = self._assembler.requests.awaited_of(invoke.request_id)
            lost = self.pipeline.loss.at
            left_s = hold.left_s(
                self._clock.now(), awaited=awaited, heard=self.reader.spoke, lost=lost
            )
            if left_s <= 0:
                break
            # What else is heard may prolong the hold: that is seen when the time is up.
            await self.reader.wait_for(partial(self._may_end, invoke, lost), within_s=left_s)
        if awaited in ("start", "end"):
            self._policy.missed()
            self._given_up = GivenUp(invoke.request_id, max(began, self.reader.spoke or began))
        else:
            self._exports.stop_timer()

    def _may_end(self, invoke: Invoke, lost: Instant | None) -> bool:
        """Return whether an invocation has ended, or what is lost may let it go sooner."""
        awaited = self._assembler.requests.awaited_of(invoke.request_id)
        return awaited not in ("start", "end") or self.pipeline.loss.at is not lost

    def _heard_ns(self, invoke: Invoke) -> int:
        """Return when an invocation that was given up was heard of last, 0 for all others."""
        if self._given_up and self._given_up.request_id == invoke.request_id:
            return self._given_up.heard.wall_ns
        return 0

    async def _export_held(self, invoke: Invoke) -> None:
        left_s = self._clock.now().until_ms(invoke.deadline_ms)
        seconds = invocation_budget_s(timeout_s=self._timeout_s, left_s=left_s)
        await self._exports.export(Budget(seconds, clock=self._clock))

    async def _wait_for_the_last(self) -> None:
        began = self._clock.now()
        while True:
            # Before the first delivery nothing is known, not even that anything is missing: a
            # function that cannot be imported is gone sooner than its events are here.
            awaited = self._assembler.requests.awaited if self.reader.has_heard else "end"
            left_s = LAST_WAIT_S[awaited] - self._clock.now().ran_since(began)
            if left_s <= 0:
                return
            await self.reader.wait_for_progress(left_s)
