"""Job 1 in the life cycle: how long an invocation is held, and when what waits is exported.

`pipeline` fills the buffer and `delivery` empties it; the pure rooms decide, this one waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from extension.clock import NS_PER_S, Clock
from extension.lambda_events import Invoke, Shutdown, plausible_shutdown_s
from extension.log import Log
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.flush import (
    LAST_WAIT_S,
    FlushPolicy,
    Hold,
    invocation_budget_s,
    shutdown_budget_s,
)
from extension.telemetry.health import Health
from extension.telemetry.pipeline import Pipeline

TIMER_S = 5.0
"""Between two exports where the sandbox is never frozen and no invocation is announced."""


class Telemetry:
    """What the life cycle sees of job 1."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        assembler: Assembler,
        buffer: Buffer,
        delivery: Delivery,
        policy: FlushPolicy,
        health: Health,
        clock: Clock,
        log: Log,
        timeout_s: float,
        close: Callable[[], Awaitable[None]],
        min_batch_size: int = 1,
    ) -> None:
        self.pipeline = pipeline
        self._assembler = assembler
        self._buffer = buffer
        self._delivery = delivery
        self._policy = policy
        self._health = health
        self._clock = clock
        self._log = log
        self._timeout_s = timeout_s
        self._min_batch_size = min_batch_size
        self.close = close
        """Lets go of the endpoint, where nothing will ever be sent."""

    async def invoked(self, invoke: Invoke) -> None:
        """Hold an invocation until its telemetry is here and out, or let it go at once."""
        now = self._clock.now()
        self._health.invocations += 1
        self._policy.invoked(now)
        self._assembler.invoke(
            invoke.request_id,
            tracing=invoke.tracing,
            invoked_arn=invoke.function_arn,
            now_ns=now.wall_ns,
        )
        if self._policy.holds:
            await self._hold(invoke)
            await self._flush(invoke)
            self._count_hold(invoke)
        elif self._policy.is_due(now, fullness=self._buffer.fullness):
            await self._flush(invoke)

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Export everything, for there is no later, and tell how it went."""
        await self._wait_for_the_last()
        now = self._clock.now()
        try:
            self.pipeline.end(reason=shutdown.reason, now_ns=now.wall_ns)
            left_s = plausible_shutdown_s(now.until_ms(shutdown.deadline_ms))
            budget_s = shutdown_budget_s(left_s=left_s)
            await self._delivery.flush(budget_s=budget_s, whatever_the_circuit=True)
        finally:
            self._log.info("telemetry", **self._health.summary(), unsent=len(self._buffer))

    async def export_regularly(self) -> None:
        """Export for ever, where no invocation would cause it (Managed Instances)."""
        while True:
            await asyncio.sleep(TIMER_S)
            self.pipeline.collect()
            try:
                await self._delivery.flush(budget_s=self._timeout_s)
            except Exception as error:  # noqa: BLE001  # the next round may do better
                self.pipeline.count_fault(error)

    async def _hold(self, invoke: Invoke) -> None:
        hold = Hold(deadline_ms=invoke.deadline_ms, began=self._clock.now())
        requests = self._assembler.requests
        while not requests.is_done(invoke.request_id):
            hold.started = requests.has_started(invoke.request_id)
            left_s = hold.left_s(self._clock.now())
            if left_s <= 0:
                self._policy.missed()
                return
            await self.pipeline.wait_for_progress(left_s)

    async def _flush(self, invoke: Invoke) -> None:
        now = self._clock.now()
        self.pipeline.collect()  # first: where metrics alone are wanted, nothing else waits
        if len(self._buffer) < self._min_batch_size:
            return
        self._policy.exported(now)
        left_s = now.until_ms(invoke.deadline_ms)
        await self._delivery.flush(
            budget_s=invocation_budget_s(timeout_s=self._timeout_s, left_s=left_s)
        )

    def _count_hold(self, invoke: Invoke) -> None:
        done_ns = self._assembler.requests.done_ns(invoke.request_id)
        if done_ns:
            added_s = max(self._clock.now().wall_ns - done_ns, 0) / NS_PER_S
            self._health.add_after_response(added_s)

    async def _wait_for_the_last(self) -> None:
        began = self._clock.now()
        while True:
            # Before the first delivery nothing is known, not even that anything is missing: a
            # function that cannot be imported is gone sooner than its events are here.
            awaited = self._assembler.requests.awaited if self.pipeline.has_received else "end"
            left_s = LAST_WAIT_S[awaited] - self._clock.now().since(began)
            if left_s <= 0:
                return
            await self.pipeline.wait_for_progress(left_s)
