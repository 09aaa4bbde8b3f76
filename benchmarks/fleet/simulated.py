"""Simulated time for what also uses threads: their work is done at once.

Its result comes after `THREAD_S` of simulated time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests import simulated_time

THREAD_S = 0.01
"""About what a call to AWS takes, which is what threads are for."""


class SimulatedLoop(simulated_time.SimulatedLoop):
    """A loop that does the work of threads itself."""

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
