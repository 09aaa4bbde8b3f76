"""From an event to the listener of one subscriber: batched, sent, sent again, dropped.

Rule of the module: nothing leaves while the sandbox is frozen.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from simulator.telemetry.senders import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.settings import FunctionSettings
    from simulator.telemetry.senders import Sender
    from simulator.telemetry.subscription import Subscription

_FIRST_BACKOFF_S = 0.1
_BUFFER_FACTOR = 4  # of maxBytes; what a listener does not take beyond it is dropped
_REPORT_BELOW = 3  # of maxBytes
_TOO_SLOW = (
    "Some logs were dropped because the downstream consumer is slower than the logs production rate"
)


class Subscriber:
    """One destination: a bounded buffer and the task that empties it."""

    def __init__(
        self,
        name: str,
        subscription: Subscription,
        *,
        sender: Sender,
        settings: FunctionSettings,
        thawed: asyncio.Event,
        on_dropped: Callable[[str, int, int], None],
    ) -> None:
        self.name = name
        self.subscription = subscription
        self._sender = sender
        self._settings = settings
        self._thawed = thawed
        self._on_dropped = on_dropped
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._overflow: list[int] = []
        self._first_at = 0.0
        self._lost_acknowledgements = settings.faults.lost_acknowledgements
        self._is_flushing = False
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.create_task(self._run(), name=f"telemetry to {name}")

    def offer(self, event: bytes) -> None:
        """Buffer an event, or drop it when the listener is much too slow."""
        if self._queued_bytes + len(event) > _BUFFER_FACTOR * self.subscription.max_bytes:
            self._overflow.append(len(event))
            return
        if not self._queue:
            self._first_at = asyncio.get_running_loop().time()
        self._queue.append(event)
        self._queued_bytes += len(event)
        self._idle.clear()
        self._wake.set()

    def flush(self) -> None:
        """Send from now on without waiting for a batch to fill up."""
        self._is_flushing = True
        self._wake.set()

    async def drained(self) -> None:
        """Return when nothing is buffered or under way."""
        await self._idle.wait()

    async def close(self) -> None:
        """Stop; what is still buffered is lost, as it is when a sandbox goes."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._sender.close()

    async def _run(self) -> None:
        while True:
            await self._until_due()
            await self._deliver(self._take())
            self._report_overflow()
            if not self._queue:
                self._idle.set()

    async def _until_due(self) -> None:
        """Wait until a batch is full, its time has come, or a flush wants it; never frozen."""
        loop = asyncio.get_running_loop()
        while not self._is_due():
            self._wake.clear()
            wait_s = self._first_at + self.subscription.timeout_ms / 1000 - loop.time()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wait_s, 0) if self._queue else None):
                    await self._wake.wait()
        await self._thawed.wait()

    def _is_due(self) -> bool:
        if not self._queue:
            return False
        due_at = self._first_at + self.subscription.timeout_ms / 1000
        return (
            self._is_flushing
            or len(self._queue) >= self.subscription.max_items
            or self._queued_bytes >= self.subscription.max_bytes
            or asyncio.get_running_loop().time() >= due_at
        )

    def _take(self) -> list[bytes]:
        """Cut a batch; like Lambda's it may exceed maxBytes by its last event."""
        batch: list[bytes] = []
        size = 0
        while (
            self._queue
            and len(batch) < self.subscription.max_items
            and size < self.subscription.max_bytes
        ):
            batch.append(self._queue.popleft())
            size += len(batch[-1])
        self._queued_bytes -= size
        return batch

    async def _deliver(self, batch: list[bytes]) -> None:
        reason = ""
        for attempt in range(self._settings.delivery_attempts):
            if attempt:
                await asyncio.sleep(_FIRST_BACKOFF_S * 2 ** (attempt - 1))
            try:
                await self._send(batch)
                return
            except DeliveryError as error:
                reason = str(error)
        self._on_dropped(reason, len(batch), sum(map(len, batch)))

    async def _send(self, batch: list[bytes]) -> None:
        if self._settings.faults.listener_delay_s:
            await asyncio.sleep(self._settings.faults.listener_delay_s)
        await self._thawed.wait()
        await self._sender.send(batch)
        if self._lost_acknowledgements:
            self._lost_acknowledgements -= 1
            raise DeliveryError("the acknowledgement was lost on purpose")

    def _report_overflow(self) -> None:
        """Report what was dropped, once there is space for the event that says so."""
        if self._overflow and self._queued_bytes <= _REPORT_BELOW * self.subscription.max_bytes:
            sizes, self._overflow = self._overflow, []
            self._on_dropped(_TOO_SLOW, len(sizes), sum(sizes))
