"""Background tasks report what goes wrong, by name."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from extension.process.log import Log
from extension.process.tasks import in_thread, log_errors, start_task
from tests.doubles import LogLines, ManualClock, no_thread


async def fail() -> None:
    """Raise an exception with a text that must not be repeated."""
    raise ValueError("hunter2")


async def end() -> None:
    """End at once."""


async def wait() -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


def logged(lines: LogLines) -> Log:
    """Return a log that writes to `lines`."""
    return Log(clock=ManualClock(), sink=lines)


async def test_an_exception_is_logged_once_with_the_name_of_the_task() -> None:
    """Neither the code that awaits the task nor the event loop sees it."""
    lines = LogLines()
    task = start_task(fail(), name="timer", on_error=log_errors(logged(lines), name="timer"))
    await task
    [line] = lines.parsed
    assert (line["message"], line["task"], line["cause"]) == (
        "a task failed",
        "timer",
        "ValueError",
    )


async def test_the_task_has_its_name() -> None:
    """It is what asyncio's own tools show."""
    task = start_task(end(), name="timer", on_error=log_errors(logged(LogLines()), name="timer"))
    assert task.get_name() == "timer"
    await task


@pytest.mark.parametrize(
    ("runs_forever", "causes"), [(True, ["EndedUnexpectedlyError: timer"]), (False, [])]
)
async def test_a_task_that_should_run_for_ever_must_not_end(
    runs_forever: bool, causes: list[str]
) -> None:
    """Its end is an error even without an exception; other tasks may end."""
    lines = LogLines()
    on_error = log_errors(logged(lines), name="timer")
    await start_task(end(), name="timer", on_error=on_error, runs_forever=runs_forever)
    assert [line["cause"] for line in lines.parsed] == causes


async def test_a_task_is_kept_until_its_end_and_no_longer() -> None:
    """The event loop does not keep one that waits for itself alone; a sandbox starts thousands."""

    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    on_error = log_errors(logged(LogLines()), name="timer")
    task = weakref.ref(start_task(work(), name="timer", on_error=on_error))
    await asyncio.sleep(0)
    gc.collect()
    kept = task()
    assert kept is not None
    kept.cancel()
    await asyncio.wait({kept})
    del kept
    await asyncio.sleep(0)
    gc.collect()
    assert task() is None


async def test_cancelling_is_not_an_error() -> None:
    """The task ends as cancelled, and nothing is logged."""
    lines = LogLines()
    on_error = log_errors(logged(lines), name="timer")
    task = start_task(wait(), name="timer", on_error=on_error)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lines.lines == []


async def test_what_blocks_is_done_in_a_thread() -> None:
    """Its result and its exception are the caller's."""
    assert await in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


async def test_without_a_thread_it_is_done_here_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when threads can be started again: a second registration would be refused."""
    done: list[int] = []
    with monkeypatch.context() as exhausted:
        exhausted.setattr("threading.Thread.start", no_thread)
        await in_thread(lambda: done.append(threading.get_ident()))
    await asyncio.to_thread(lambda: None)
    await in_thread(lambda: None)
    assert done == [threading.get_ident()]
