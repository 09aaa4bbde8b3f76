"""An event loop on a clock that is set: what waits is done when the clock is there.

Where nothing is left to do now, the clock jumps to the next timer, so a day takes seconds. Work for
threads is done at once, and its result comes after `THREAD_S`.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

from extension.process.clock import NS_PER_S
from tests.doubles import ManualClock

THREAD_S = 0.01
"""About what a call to AWS takes, which is what threads are for."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Runs on the clock that it is given, which a freeze may set meanwhile."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(_Jumping(clock))
        self._simulated = clock

    def time(self) -> float:
        """Return the clock's seconds."""
        return self._simulated.monotonic_ns / NS_PER_S

    def run_in_executor(  # type: ignore[override]  # the work's type is of no interest here
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Do the work now; its result, or what it raises, comes later."""
        del executor
        future: asyncio.Future[Any] = self.create_future()
        try:
            self.call_later(THREAD_S, _unless_done, future.set_result, future, func(*args))
        except Exception as error:  # noqa: BLE001  # it is the caller's
            self.call_later(THREAD_S, _unless_done, future.set_exception, future, error)
        return future


def _unless_done(settle: Callable[[Any], None], future: asyncio.Future[Any], what: Any) -> None:
    if not future.done():
        settle(what)


class _Jumping(selectors.DefaultSelector):
    """Never waits: nothing comes from outside."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready, else let the time pass that should have been waited for."""
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("the simulation waits for something that never comes")
            self._clock.advance(timeout)
        return ready
