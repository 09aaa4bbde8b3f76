"""Reading waits for room in the buffer, so that a burst of lines does not push older data out.

It waits once for each export that makes no room: an invocation may be held for what is unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from extension.process.clock import Clock
from extension.process.waits import wait_until
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.delivery import do_nothing

CONGESTED = 0.5
"""Fullness of the buffer from which reading waits for an export that is under way."""

PATIENCE_S = 2.0
"""How long it waits for an export that makes no room; then the buffer drops the oldest, and reading
does not wait for that export again."""


class Congestion:
    """What reading does while too much waits for export.

    `on_half_full` is called whenever that is so; `is_exporting` says whether waiting for the buffer
    to become emptier makes sense.
    """

    def __init__(self, buffer: Buffer, *, clock: Clock) -> None:
        self._buffer = buffer
        self._clock = clock
        self._room = asyncio.Event()
        self._waited_in_vain = False
        """Whether an export that is under way has made no room in all its time."""
        self.on_half_full: Callable[[], None] = do_nothing
        self.is_exporting: Callable[[], bool] = lambda: False

    async def relieve(self) -> None:
        """Have more exported, and wait for room, if the buffer is half full."""
        is_congested = self._buffer.fullness >= CONGESTED
        if not (is_congested and self.is_exporting()):
            self._waited_in_vain = False
        if is_congested:
            self.on_half_full()
            if not self._waited_in_vain:
                await self._wait_for_room()

    def export_settled(self) -> None:
        """Learn that an export has emptied the buffer, or has given up."""
        self._waited_in_vain = False
        self._room.set()

    async def _wait_for_room(self) -> None:
        """Let an export that is under way empty the buffer before more is put into it."""
        fullness = self._buffer.fullness
        await wait_until(
            lambda: self._buffer.fullness < CONGESTED or not self.is_exporting(),
            news=self._room,
            within_s=PATIENCE_S,
            clock=self._clock,
        )
        self._waited_in_vain = self.is_exporting() and self._buffer.fullness >= fullness
