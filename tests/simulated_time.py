"""An event loop whose time is a test's clock: it passes at once, and only when nothing is to do."""

from __future__ import annotations

import asyncio
import selectors

from extension.process.clock import NS_PER_S
from tests.doubles import ManualClock


class StuckError(RuntimeError):
    """Everything waits, and nothing will ever happen."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Use it for what has no real sockets; a freeze is `clock.freeze` or `clock.advance` between
    two runs of the loop."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        super().__init__(_Selector(clock))

    def time(self) -> float:
        """Return the clock's monotonic time."""
        return self.clock.monotonic_ns / NS_PER_S


class _Selector(selectors.SelectSelector):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, else let the time pass that a real one would wait."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise StuckError("the simulation waits for something that never comes")
        if not ready and timeout:
            self._clock.advance(max(timeout, 1 / NS_PER_S))
        return ready
