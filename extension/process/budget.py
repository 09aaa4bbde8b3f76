"""Seconds that may be spent waiting, over several waits; frozen time is not counted."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from extension.process.clock import Clock
from extension.process.time_limit import TimeLimit

T = TypeVar("T")


class Budget:
    """What is left of some seconds of waiting; `left_s` may be looked at and set at any time."""

    def __init__(self, seconds: float, *, clock: Clock) -> None:
        self.left_s = seconds
        self._clock = clock

    async def wait(self, awaitable: Awaitable[T], *, at_most_s: float = float("inf")) -> T:
        """Return what `awaitable` gives within the budget, and within `at_most_s` seconds of it.

        Raises:
            TimeoutError: it took longer, and was cancelled.
        """
        seconds = max(min(self.left_s, at_most_s), 0.0)
        limit = TimeLimit(seconds, clock=self._clock)
        try:
            async with limit:
                return await awaitable
        finally:
            self.left_s -= seconds - limit.left_s
