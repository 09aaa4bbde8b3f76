"""Waits that do not count frozen time: a time limit, and a budget for several waits.

Lambda can freeze the sandbox at any moment, and the clock behind asyncio's timeouts may keep
running. So time is counted in short steps: a step that ends far too late saw a freeze, and a
response that arrived during the freeze is still in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from extension.process.clock import Clock

T = TypeVar("T")

STEP_S = 0.25

FREEZE_S = 1.0
"""A step that ends this many seconds late saw a freeze, or a machine that stalled as long."""


class TimeLimit:
    """`async with TimeLimit(seconds, clock=clock) as limit`: raises TimeoutError after `seconds`.

    The step of the first freeze is not counted, so that responses are read before time is up.
    `left_s` is what is left, at any time.
    """

    def __init__(self, seconds: float, *, clock: Clock) -> None:
        self.was_frozen = False
        """Whether a freeze was seen."""
        self.left_s = seconds
        self._clock = clock

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._timeout = await asyncio.timeout(None).__aenter__()
        self._begin_step()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._count_step(least_s=0.0)
        await self._timeout.__aexit__(kind, error, traceback)

    def _begin_step(self) -> None:
        self._step_s = min(STEP_S, self.left_s)
        self._began = self._clock.now()
        self._timer = self._loop.call_later(self._step_s, self._end_step)

    def _end_step(self) -> None:
        self._count_step(least_s=self._step_s)
        if self.left_s > 0:
            self._begin_step()
        else:
            self._timeout.reschedule(self._loop.time())

    def _count_step(self, *, least_s: float) -> None:
        """Subtract what a step took; a step with a freeze counts as long as it was meant to be."""
        took_s = self._clock.now().since(self._began)
        froze = took_s > self._step_s + FREEZE_S
        if not froze:
            self.left_s -= max(took_s, least_s)
        elif self.was_frozen:
            self.left_s -= self._step_s
        self.was_frozen |= froze


class Budget:
    """Seconds that may be spent waiting, over several waits.

    `left_s` is what is left of them; it may be read and set at any time.
    """

    def __init__(self, seconds: float, *, clock: Clock) -> None:
        self.left_s = seconds
        self._clock = clock

    async def wait(self, awaitable: Awaitable[T], *, at_most_s: float = float("inf")) -> T:
        """Return the result of `awaitable`, within the budget and within `at_most_s` seconds.

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


async def wait_until(
    condition: Callable[[], bool], *, news: asyncio.Event, within_s: float
) -> None:
    """Wait until a condition holds, looking at it at each `news`, for so long at most.

    Frozen time may count here: use it where it does no harm to stop waiting after a freeze.
    """
    is_over = False

    def end() -> None:
        nonlocal is_over
        is_over = True
        news.set()

    timer = asyncio.get_running_loop().call_later(within_s, end)
    try:
        while not (is_over or condition()):
            news.clear()
            await news.wait()
    finally:
        timer.cancel()
