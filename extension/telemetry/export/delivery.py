"""Gets what waits in the buffer to the endpoint, within a budget of time.

At least once and with the same ids: an item leaves the buffer when it was acknowledged, so only a
lost acknowledgement can make a duplicate. One flush runs at a time, and it exports what waited when
it was asked for: what comes in meanwhile is the next one's. Each signal has a circuit of its own:
an endpoint may refuse logs for hours and take traces all the time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from extension.process.clock import Clock
from extension.process.ids import draw
from extension.process.log import Log
from extension.process.waits import Budget
from extension.telemetry.export.buffer import (
    REQUEST_BYTES,
    Buffer,
    Entry,
    PendingItem,
    Signal,
    count_drops,
)
from extension.telemetry.export.outcome import Circuit, Outcome
from extension.telemetry.health import Health

if TYPE_CHECKING:  # a feature that is off is not imported
    from extension.telemetry.export.dead_letters import DeadLetters

BATCH_BYTES = 1_048_576
"""Largest export, before compression: endpoints refuse bodies of a few megabytes."""

USUAL_TIMES = 1.5
"""A further batch is begun if the budget leaves so many times what the last one took: a POST that
is cut off may have arrived, and would arrive twice."""


WAITED_IN_VAIN = Outcome(kind="kept", cause="timeout", timed_out=True)
"""What an export that does not end within the budget of another one says of the endpoint."""


class Exporter(Protocol):
    """Sends one batch of one signal."""

    async def export(self, signal: Signal, bodies: Sequence[bytes], *, budget: Budget) -> Outcome:
        """Send within the budget; failures are outcomes, not exceptions."""


Renew = Callable[[Budget], Awaitable[bool]]
"""Takes other credentials than those that were refused; False if there are none in time."""


async def nothing_to_renew(budget: Budget) -> bool:
    """Say that there are no other credentials than those that were refused."""
    del budget
    return False


def do_nothing(*_: object) -> None:
    """Ignore whatever happened."""


class Delivery:
    """Empties the buffer batch by batch; `on_settled` follows each of them."""

    def __init__(
        self,
        *,
        exporter: Exporter,
        buffer: Buffer,
        health: Health,
        clock: Clock,
        log: Log,
        renew_credentials: Renew = nothing_to_renew,
        on_settled: Callable[[], None] = do_nothing,
        draw: Callable[[], float] = draw,
        letters: DeadLetters | None = None,
    ) -> None:
        self._exporter = exporter
        self._buffer = buffer
        self._health = health
        self._letters = letters
        self._on_dropped = letters.on_dropped if letters else count_drops(health.dropped)
        self._clock = clock
        self._log = log
        self._renew_credentials = renew_credentials
        self._on_settled = on_settled
        self._circuits: defaultdict[Signal, Circuit] = defaultdict(lambda: Circuit(draw))
        # Not a lock: a waiter that is cancelled just after it got the lock would never release it.
        self._idle = asyncio.Event()
        self._idle.set()
        self._batch_bytes: defaultdict[Signal, int] = defaultdict(lambda: BATCH_BYTES)
        """What the endpoint takes at once, where it has refused more."""

    @property
    def is_busy(self) -> bool:
        """Whether a flush is under way."""
        return not self._idle.is_set()

    @property
    def has_letters(self) -> bool:
        """Whether what is lost is stored."""
        return self._letters is not None

    @property
    def may_try(self) -> bool:
        """Whether the endpoint is worth a try now, at least for some signal that waits."""
        signals = self._buffer.signals
        if self._letters and self._letters.may_try:
            return True
        return any(map(self._allows, signals)) if signals else True

    async def flush(self, budget: Budget, *, whatever_the_circuit: bool = False) -> bool:
        """Export what waits now; return whether all of it was settled within the budget."""
        before = self._buffer.next_number
        if budget.left_s <= 0 or not (whatever_the_circuit or self.may_try):
            return False
        try:
            while self.is_busy:
                await budget.wait(self._idle.wait())
        except TimeoutError:
            # The next invocation would wait for the same POST, and the one after it.
            for signal in self._buffer.signals:
                self._circuits[signal].learn(WAITED_IN_VAIN, self._clock.now())
            return False
        self._idle.clear()
        try:
            done = await self._flush(before, budget, whatever_the_circuit=whatever_the_circuit)
            if self._letters:
                await self._letters.store(budget)
            return done
        finally:
            self._idle.set()
            self._on_settled()

    async def store_the_rest(self, budget: Budget) -> None:
        """Store what is still here when the sandbox ends; what S3 does not take is lost."""
        if self._letters is None:
            return
        try:
            for signal in self._buffer.signals:
                while rest := self._buffer.batch(signal, max_bytes=self._buffer.size):
                    self._buffer.forget(rest)
                    self._letters.on_ended([entry.item for entry in rest])
            await self._letters.store(budget, whatever_the_circuit=True)
        finally:
            self._letters.close()

    async def _flush(self, before: int, budget: Budget, *, whatever_the_circuit: bool) -> bool:
        """Export all signals at once; the slowest decides what they cost."""
        signals = self._buffer.signals
        if len(signals) == 1:
            return await self._flush_signal(
                signals[0], before, budget, whatever_the_circuit=whatever_the_circuit
            )
        budgets = [Budget(budget.left_s, clock=self._clock) for _ in signals]
        flushes = (
            self._flush_signal(signal, before, own, whatever_the_circuit=whatever_the_circuit)
            for signal, own in zip(signals, budgets, strict=True)
        )
        done = await asyncio.gather(*flushes, return_exceptions=True)
        budget.left_s = min((own.left_s for own in budgets), default=budget.left_s)
        for each in done:
            if isinstance(each, BaseException):
                raise each
        return all(done)

    async def _flush_signal(
        self, signal: Signal, before: int, budget: Budget, *, whatever_the_circuit: bool
    ) -> bool:
        # What was refused though it was less than a usual request may be taken now.
        self._batch_bytes[signal] = max(self._batch_bytes[signal], REQUEST_BYTES)
        least_s = 0.0
        while batch := self._next_batch(signal, before):
            may_try = whatever_the_circuit or self._allows(signal)
            if budget.left_s <= least_s or not may_try:
                return False
            left_s = budget.left_s
            if not await self._send(signal, batch, budget):
                return False
            least_s = (left_s - budget.left_s) * USUAL_TIMES
        return True

    def _allows(self, signal: Signal) -> bool:
        return self._circuits[signal].allows(self._clock.now())

    def _next_batch(self, signal: Signal, before: int) -> list[Entry]:
        return self._buffer.batch(signal, max_bytes=self._batch_bytes[signal], before=before)

    async def _send(self, signal: Signal, batch: list[Entry], budget: Budget) -> bool:
        """Send one batch; return whether the endpoint is worth the next one."""
        bodies = [entry.item.body for entry in batch]
        outcome = await self._exporter.export(signal, bodies, budget=budget)
        if outcome.kind == "unauthenticated" and budget.left_s > 0:
            outcome = await self._try_renewed(signal, bodies, outcome, budget)
        self._circuits[signal].learn(outcome, self._clock.now())
        self._settle(signal, batch, outcome)
        self._on_settled()
        return outcome.kind in ("accepted", "rejected", "too_large")

    async def _try_renewed(
        self, signal: Signal, bodies: list[bytes], refused: Outcome, budget: Budget
    ) -> Outcome:
        """Send a refused batch once more if there are other credentials by now."""
        try:
            renewed = await self._renew_credentials(budget)
        except TimeoutError:
            return Outcome(kind=refused.kind, cause=refused.cause, timed_out=True)
        if not renewed or budget.left_s <= 0:
            return refused
        return await self._exporter.export(signal, bodies, budget=budget)

    def _settle(self, signal: Signal, batch: list[Entry], outcome: Outcome) -> None:
        count = sum(entry.item.count for entry in batch)
        match outcome.kind:
            case "accepted":
                # What was dropped while it was under way has arrived after all.
                self._arrived(self._buffer.missing(batch))
                self._buffer.forget(batch)
                refused = min(outcome.rejected_items, count)  # the endpoint may say anything
                self._health.accepted[signal] += count - refused
                self._count_drops("partial_success", refused)
                if refused or outcome.said:
                    self._log.warning("endpoint warns", rejected=refused, **_said(outcome))
            case "too_large" if len(batch) > 1:
                # The same entries come again, in two batches.
                self._batch_bytes[signal] = sum(len(entry.item.body) for entry in batch) // 2
            case "rejected" | "too_large":
                missing = {id(item) for item in self._buffer.missing(batch)}
                self._buffer.forget(batch)
                rejected = [each.item for each in batch if id(each.item) not in missing]
                if rejected:
                    self._on_dropped(rejected, "rejected")
                self._log.warning(
                    "export rejected", cause=outcome.cause, items=count, **_said(outcome)
                )
            case "kept" | "unauthenticated":
                self._health.failed_exports += 1
                waiting = self._buffer.count
                self._log.warning(
                    "export failed", cause=outcome.cause, waiting=waiting, **_said(outcome)
                )

    def _arrived(self, items: list[PendingItem]) -> None:
        if self._letters:
            self._letters.on_arrived(items)
        else:
            self._count_drops("buffer_full", -sum(item.count for item in items))

    def _count_drops(self, reason: str, items: int) -> None:
        if items:
            self._health.dropped[reason] += items


def _said(outcome: Outcome) -> dict[str, str]:
    """Return the setting that a line is about, and the endpoint's words, where there are any."""
    return {name: text for name in ("variable", "said") if (text := getattr(outcome, name))}
