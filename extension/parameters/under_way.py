"""The calls to AWS under way, which a freeze would cut: /next waits for them, for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from extension.process.clock import Clock


class UnderWay:
    """The fetches that have not ended yet; none of them holds back /next twice."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._ends: set[asyncio.Future[None]] = set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Mark a fetch as under way."""
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.add(end)
        try:
            yield
        finally:
            self._ends.discard(end)
            end.set_result(None)

    async def settle(self, *, within_s: float) -> float:
        """Wait until no fetch is under way; return the seconds that it took.

        Those that take longer are not waited for the next time.
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
