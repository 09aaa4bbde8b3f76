"""Waits that do not count frozen time: a time limit, and a budget for several waits.

Lambda can freeze the sandbox at any moment, and the clock behind asyncio's timeouts may keep
running. So time is counted in short steps: a step that ends far too late saw a freeze, and a
response that arrived during the freeze is still in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf
from types import TracebackType
from typing import Self, TypeVar

from extension.process.clock import Clock

T = TypeVar("T")

STEP_S = 0.25

FREEZE_S = 1.0
"""A step that ends this many seconds late saw a freeze, or a machine that stalled as long."""


class Countdown:
    """Calls `on_end` when `seconds` have passed, in steps; the step of the first freeze is free.

    So what arrived during the freeze is seen before time is up. `left_s` is what is left, at any
    time.
    """

    def __init__(self, seconds: float, *, on_end: Callable[[], object], clock: Clock) -> None:
        self.left_s = seconds
        self.was_frozen = False
        """Whether a freeze was seen."""
        self._on_end = on_end
        self._clock = clock

    def start(self) -> None:
        """Begin to count."""
        self._step_s = min(STEP_S, self.left_s)
        self._began = self._clock.now()
        self._timer = asyncio.get_running_loop().call_later(self._step_s, self._end_step)

    def stop(self) -> None:
        """Count no longer."""
        self._timer.cancel()
        self._count_step(least_s=0.0)

    def _end_step(self) -> None:
        self._count_step(least_s=self._step_s)
        if self.left_s > 0:
            self.start()
        else:
            self._on_end()

    def _count_step(self, *, least_s: float) -> None:
        """Subtract what a step took; a step with a freeze counts as long as it was meant to be."""
        took_s = self._clock.now().since(self._began)
        froze = took_s > self._step_s + FREEZE_S
        if not froze:
            self.left_s -= max(took_s, least_s)
        elif self.was_frozen:
            self.left_s -= self._step_s
        self.was_frozen |= froze


@contextmanager
def watch_for_freeze(*, clock: Clock) -> Iterator[Countdown]:
    """Yield what says in `was_frozen`, once the `with` block is over, whether one fell into it."""
    countdown = Countdown(inf, on_end=_never, clock=clock)
    countdown.start()
    try:
        yield countdown
    finally:
        countdown.stop()


def _never() -> None:
    """End nothing: a countdown from infinity does not get there."""


class TimeLimit(Countdown):
    """`async with TimeLimit(seconds, clock=clock) as limit`: raises TimeoutError after `seconds`.

    `left_s` is what is left, at any time.
    """

    def __init__(self, seconds: float, *, clock: Clock) -> None:
        super().__init__(seconds, on_end=self._end, clock=clock)

    def restart(self, seconds: float) -> None:
        """Count from now on, and from another number of seconds; within the block."""
        self.stop()
        self.left_s = seconds
        self.start()

    async def __aenter__(self) -> Self:
        self._timeout = await asyncio.timeout(None).__aenter__()
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        await self._timeout.__aexit__(kind, error, traceback)

    def _end(self) -> None:
        self._timeout.reschedule(asyncio.get_running_loop().time())


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
    condition: Callable[[], bool], *, news: asyncio.Event, within_s: float, clock: Clock
) -> None:
    """Wait until a condition holds, looking at it at each `news`, for so long at most."""
    is_over = False

    def end() -> None:
        nonlocal is_over
        is_over = True
        news.set()

    countdown = Countdown(within_s, on_end=end, clock=clock)
    countdown.start()
    try:
        while not (is_over or condition()):
            news.clear()
            await news.wait()
    finally:
        countdown.stop()
