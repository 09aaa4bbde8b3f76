"""Seconds that may be spent waiting; the time in which the sandbox was frozen is not counted.

A timer that is set before a freeze has run out when the sandbox thaws, although nothing had a
chance to happen. So a wait is made of short slices, and a slice that took much longer than it
should have was a freeze, which costs the budget nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from extension.clock import Clock

T = TypeVar("T")

SLICE_S = 0.25
"""How often a wait looks at the clock."""

FROZEN_S = 1.0
"""A slice that is late by more was a freeze; a starved process is late by less."""


class Budget:
    """What is left of some seconds of waiting, over several waits."""

    def __init__(self, seconds: float, *, clock: Clock) -> None:
        self.left_s = seconds
        self._clock = clock

    async def wait(self, awaitable: Awaitable[T], *, at_most_s: float = float("inf")) -> T:
        """Return what `awaitable` gives within the budget, and within `at_most_s` seconds of it.

        Raises:
            TimeoutError: it took longer, and was cancelled.
        """
        task = asyncio.ensure_future(awaitable)
        end_s = max(self.left_s - at_most_s, 0.0)
        try:
            while not task.done():
                if self.left_s <= end_s:
                    raise TimeoutError
                await self._spend(task, min(self.left_s - end_s, SLICE_S))
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return task.result()

    async def _spend(self, task: asyncio.Future[T], slice_s: float) -> None:
        began = self._clock.now()
        await asyncio.wait({task}, timeout=slice_s)
        took_s = self._clock.now().since(began)
        if took_s <= slice_s + FROZEN_S:
            self.left_s -= took_s
