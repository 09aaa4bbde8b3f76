"""Gets what waits in the buffer to the endpoint, within a budget of time.

At least once and with the same ids: an item leaves the buffer when it was acknowledged, so only a
lost acknowledgement can make a duplicate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from extension.clock import Clock
from extension.log import Log
from extension.telemetry.export.buffer import Buffer, Entry
from extension.telemetry.export.circuit import Circuit
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.outgoing import Signal
from extension.telemetry.health import Health

BATCH_BYTES = 1_048_576
"""Largest export, before compression: endpoints refuse bodies of a few megabytes."""


class Exporter(Protocol):
    """Sends one batch of one signal."""

    async def export(self, signal: Signal, items: Sequence[Any], *, budget_s: float) -> Outcome:
        """Send within `budget_s` seconds; failures are outcomes, not exceptions."""


async def nothing_to_renew() -> bool:
    """Say that there are no other credentials than those that were refused."""
    return False


class Delivery:
    """Empties the buffer batch by batch, signal by signal."""

    def __init__(
        self,
        *,
        exporter: Exporter,
        buffer: Buffer,
        health: Health,
        clock: Clock,
        log: Log,
        renew_credentials: Callable[[], Awaitable[bool]] = nothing_to_renew,
    ) -> None:
        self._exporter = exporter
        self._buffer = buffer
        self._health = health
        self._clock = clock
        self._log = log
        self._renew_credentials = renew_credentials
        self._circuit = Circuit()

    async def flush(self, *, budget_s: float, whatever_the_circuit: bool = False) -> None:
        """Export until all is out, the budget is spent, or the endpoint fails."""
        began = self._clock.now()
        for signal in self._buffer.signals:
            while batch := self._buffer.batch(signal, max_bytes=BATCH_BYTES):
                left_s = budget_s - self._clock.now().since(began)
                allowed = whatever_the_circuit or self._circuit.allows(self._clock.now())
                if left_s <= 0 or not allowed:
                    return
                if not await self._send(signal, batch, budget_s=left_s):
                    return

    async def _send(self, signal: Signal, batch: list[Entry], *, budget_s: float) -> bool:
        """Send one batch; return whether the endpoint is worth the next one."""
        began = self._clock.now()
        items = [entry.outgoing.item for entry in batch]
        try:
            outcome = await self._exporter.export(signal, items, budget_s=budget_s)
        except Exception as error:  # noqa: BLE001  # an item that cannot be encoded
            return await self._send_halves(signal, batch, error, budget_s=budget_s)
        left_s = budget_s - self._clock.now().since(began)
        if outcome.kind == "unauthenticated" and left_s > 0 and await self._renew_credentials():
            outcome = await self._exporter.export(signal, items, budget_s=left_s)
        self._circuit.learn(outcome, self._clock.now())
        self._settle(signal, batch, outcome)
        return outcome.kind in ("accepted", "rejected")

    async def _send_halves(
        self, signal: Signal, batch: list[Entry], error: Exception, *, budget_s: float
    ) -> bool:
        """Find the item that cannot be encoded: it alone is dropped, the others go out."""
        self._health.faults[type(error).__name__] += 1
        if len(batch) == 1:
            self._buffer.forget(batch)
            self._count_drops("unencodable", 1)
            return True
        began, middle = self._clock.now(), len(batch) // 2
        if not await self._send(signal, batch[:middle], budget_s=budget_s):
            return False
        left_s = budget_s - self._clock.now().since(began)
        return left_s > 0 and await self._send(signal, batch[middle:], budget_s=left_s)

    def _settle(self, signal: Signal, batch: list[Entry], outcome: Outcome) -> None:
        match outcome.kind:
            case "accepted":
                self._buffer.forget(batch)
                refused = min(outcome.rejected_items, len(batch))  # the endpoint may say anything
                self._health.accepted[signal] += len(batch) - refused
                self._count_drops("partial_success", refused)
            case "rejected":
                self._buffer.forget(batch)
                self._count_drops("rejected", len(batch))
                self._log.warning("export rejected", cause=outcome.cause, items=len(batch))
            case "kept" | "unauthenticated":
                self._health.failed_exports += 1
                self._log.warning("export failed", cause=outcome.cause, waiting=len(self._buffer))

    def _count_drops(self, reason: str, items: int) -> None:
        if items:
            self._health.dropped[reason] += items
