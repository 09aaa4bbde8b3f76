"""Run tasks in forks of this process, some at a time, each within bounds of its own."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Name = TypeVar("Name")

BROKEN = 70
"""The exit status of a task that raised."""

POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a fork does: its exit status is the outcome. It has so much CPU, and so long in all."""

    run: Callable[[], int]
    cpu_s: float = 900.0
    wall_s: float = 1_800.0


def run_tasks(
    tasks: Iterable[tuple[Name, Task]], *, jobs: int
) -> Iterator[tuple[Name, int | None]]:
    """Yield the exit status of each task, None for one that took too long."""
    running: dict[int, tuple[Name, float]] = {}
    waiting = iter(tasks)
    more = True
    while more or running:
        while more and len(running) < jobs:
            following = next(waiting, None)
            if following is None:
                more = False
            else:
                running[_fork(following[1])] = (
                    following[0],
                    time.monotonic() + following[1].wall_s,
                )
        for child, (name, until) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended and time.monotonic() > until:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                ended, status = child, signal.SIGXCPU
            if ended:
                del running[child]
                is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
                yield name, None if is_late else os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)


def _fork(task: Task) -> int:
    child = os.fork()
    if child:
        return child
    status = BROKEN
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        limit = int(task.cpu_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        status = task.run()
    finally:
        os._exit(status)
