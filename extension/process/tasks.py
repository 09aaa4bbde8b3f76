"""Background tasks: named, kept until they end, and never failing in silence.

Use `start_task` for work that runs beside its caller and has no result: an exception goes to
`on_error` when it is raised, not to the event loop when the task is garbage-collected. Use
`in_thread` for a call that blocks and must be made, even if no thread can be started for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from extension.process.log import Log, describe

T = TypeVar("T")

OnError = Callable[[Exception], None]

_running: set[asyncio.Task[None]] = set()
"""The event loop itself keeps only weak references to tasks."""


class EndedUnexpectedlyError(Exception):
    """A task that runs for ever has ended; says which."""


def start_task(
    work: Coroutine[Any, Any, None], *, name: str, on_error: OnError, runs_forever: bool = False
) -> asyncio.Task[None]:
    """Run `work` in the background; awaiting the task raises nothing but CancelledError."""
    task = asyncio.get_running_loop().create_task(
        _guard(work, name=name, on_error=on_error, runs_forever=runs_forever), name=name
    )
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


def log_errors(log: Log, *, name: str) -> OnError:
    """Return an `on_error` that writes one line, which names the task."""
    return lambda error: log.error("a task failed", task=name, cause=describe(error))


async def in_thread(work: Callable[[], T]) -> T:
    """Return the result of `work`, done in a thread of its own.

    The function may have taken all threads that the sandbox may have. Then it is done here, and
    the event loop waits: use this for what ends within seconds.
    """
    # Not one of the loop's threads: what these could not begin, they would begin later.
    thread = ThreadPoolExecutor(1)
    try:
        working = asyncio.get_running_loop().run_in_executor(thread, work)
    except RuntimeError:  # no thread can be started
        return work()
    return await working


async def _guard(
    work: Coroutine[Any, Any, None], *, name: str, on_error: OnError, runs_forever: bool
) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001  # reported, whatever it is; the process goes on
        on_error(error)
    else:
        if runs_forever:
            on_error(EndedUnexpectedlyError(name))
