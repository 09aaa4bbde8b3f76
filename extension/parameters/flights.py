"""Fetches that are under way: callers share them, each for its own time, and /next waits for them.

Single flight: callers that need the same value at the same time share one task. A caller that goes
away does not cancel it, and a task without callers still fills the cache. A failure is raised for
every caller that waits; the next one tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

from extension.aws.errors import BUSY, UpstreamError
from extension.process.clock import Clock
from extension.process.waits import TimeLimit

T = TypeVar("T")

MAX_FLIGHTS = 1000
"""Flights at once: as many as the cache has entries. Callers that disconnect leave theirs."""


class Flights(Generic[T]):
    """Tasks by what they fetch."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}

    def under_way(self, key: Hashable) -> bool:
        """Whether `key` is being fetched now."""
        return key in self._tasks

    async def join(self, key: Hashable, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of the flight for `key`, starting it if there is none."""
        self.begin(key, begin)
        return await self.result(key)

    def begin(self, key: Hashable, begin: Callable[[], Coroutine[Any, Any, T]]) -> None:
        """Start a flight for `key` unless there is one; raises UpstreamError if there are too many.

        No caller needs to wait for it.
        """
        if key in self._tasks:
            return
        if len(self._tasks) >= MAX_FLIGHTS:
            raise UpstreamError(BUSY, message="too many requests wait for AWS", transient=True)
        task = self._tasks[key] = asyncio.create_task(begin())
        task.add_done_callback(partial(self._landed, key))

    async def result(self, key: Hashable) -> T:
        """Return the result of the flight for `key`, which is under way."""
        return await asyncio.shield(self._tasks[key])

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # retrieved here, in case every caller has gone


class CallerWaits:
    """The waits of callers, each for `at_most_s()` seconds; what they wait for may take longer.

    A flight has the limit of its first caller, who may have had more time than the others.
    """

    def __init__(self, at_most_s: Callable[[], float], *, clock: Clock) -> None:
        self.at_most_s = at_most_s
        """Returns how long a caller may wait from this moment on."""
        self._clock = clock
        self._limits: set[TimeLimit] = set()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Raise TimeoutError in the `async with` block once its caller has waited long enough."""
        async with TimeLimit(self.at_most_s(), clock=self._clock) as limit:
            self._limits.add(limit)
            try:
                yield
            finally:
                self._limits.discard(limit)

    def restart(self) -> None:
        """Let the waits under way count from now on: `at_most_s` has news."""
        for limit in self._limits:
            limit.restart(self.at_most_s())


class UnderWay:
    """Fetches that a freeze would cut; each of them delays /next once at most."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._ends: set[asyncio.Future[None]] = set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count the fetch in the `with` block as under way."""
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.add(end)
        try:
            yield
        finally:
            self._ends.discard(end)
            end.set_result(None)

    async def settle(self, *, within_s: float) -> float:
        """Wait until no fetch is under way; return the seconds that it took.

        Fetches that take longer than `within_s` are ignored from then on.
        """
        if not self._ends:
            return 0.0
        began = self._clock.now()
        try:
            async with asyncio.timeout(within_s):
                while self._ends:
                    await asyncio.wait(self._ends)
        except TimeoutError:
            self._ends.clear()
        return self._clock.now().since(began)
