"""Ctrl-C and its kin: the running task is cancelled, and so everything is left in order."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C has ended
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def cancel_on_signals(say: Callable[[], None] = lambda: None) -> None:
    """Cancel the running task, and so leave every `async with`, on the first signal only.

    Explicitly, because a shell starts what it puts in the background with SIGINT ignored.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop() -> None:
        say()
        task.cancel()

    def on_signal(*_: object) -> None:
        # An impatient second Ctrl-C must not break off the cleaning up that the first begins.
        for ending in _ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        loop.call_soon_threadsafe(stop)

    for ending in _ENDINGS:
        signal.signal(ending, on_signal)
