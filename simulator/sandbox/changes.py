"""Waiting for a condition over shared state: a change of the state is announced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.errors import SandboxClosedError

if TYPE_CHECKING:
    from collections.abc import Callable


class Changes:
    """A condition variable for one event loop, without a lock."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()
        self._is_closed = False

    def notify(self) -> None:
        """Let everything that waits look at the state again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """End all waits, now and later, with SandboxClosedError."""
        self._is_closed = True
        self.notify()

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Return as soon as the condition holds; it may raise to end the wait."""
        while not condition():
            if self._is_closed:
                raise SandboxClosedError
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
