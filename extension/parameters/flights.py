"""Single flight: callers that want the same thing at the same time share one task.

A caller that goes away does not cancel the flight for the others, and a flight that everybody
left still lands: its value fills the cache. A failure goes to all who wait; the next caller tries
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

from extension.aws.errors import BUSY, UpstreamError

T = TypeVar("T")

MAX_FLIGHTS = 1000
"""Flights at once: as many as the cache has entries. Callers that hang up leave flights behind."""


class Flights(Generic[T]):
    """The tasks under way, by what they fetch."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}

    def under_way(self, key: Hashable) -> bool:
        """Whether somebody is fetching this now."""
        return key in self._tasks

    async def join(self, key: Hashable, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Wait for the flight of `key`, beginning it if there is none."""
        task = self._tasks.get(key)
        if task is None:
            if len(self._tasks) >= MAX_FLIGHTS:
                raise UpstreamError(BUSY, message="too many requests wait for AWS", transient=True)
            task = self._tasks[key] = asyncio.create_task(begin())
            task.add_done_callback(partial(self._landed, key))
        return await asyncio.shield(task)

    def cancel(self) -> None:
        """End every flight; whoever waits is cancelled too."""
        for task in self._tasks.values():
            task.cancel()

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # retrieved here: with every caller gone nobody else would
