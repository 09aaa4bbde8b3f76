"""A share of the CPU without the kernel's help: processes are stopped until they have earned it.

What they have used is measured every few milliseconds. Once it is more than their share of the time
that has passed they are stopped (SIGSTOP), and continued (SIGCONT) when they have waited it out. So
the average is right, although one process may run a few milliseconds too long at a time.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress

from simulator.clock import SECOND_NS, monotonic_ns
from simulator.sandbox.processes import with_descendants

PERIOD_S = 0.1
"""Of how much time processes that did nothing may use the share later; more is lost to them."""

_TICK_S = 0.003
_CPUCLOCK_SCHED = 2  # a process's CPU clock is ~pid shifted by three, and this; see clock_getres(2)


class Budget:
    """How much CPU may be used now, in nanoseconds; negative when too much was used."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._most_ns = share * PERIOD_S * SECOND_NS
        self._left_ns = self._most_ns

    def allows(self, *, used_ns: int, passed_ns: int) -> bool:
        """Take off what was used, add what was earned meanwhile, and return whether any is left."""
        earned_ns = passed_ns * self._share
        self._left_ns = min(self._left_ns - used_ns + earned_ns, self._most_ns)
        return self._left_ns > 0


class StopAndGo:
    """Watches processes and all they start, as long as these stay in their groups."""

    def __init__(self) -> None:
        self._leaders: list[int] = []
        self._used_ns: dict[int, int] = {}
        self._is_frozen = False
        self._task: asyncio.Task[None] | None = None

    def add(self, pid: int) -> None:
        """Watch a process, which leads a group."""
        self._leaders.append(pid)

    def begin(self, share: float) -> None:
        """Begin to give all processes together this share of a core."""
        if self._task is None:
            self._take_used_ns()
            self._task = asyncio.create_task(self._watch(Budget(share)))

    def freeze(self) -> None:
        """Send no signal until `thaw`: the processes are stopped for another reason."""
        self._is_frozen = True

    def thaw(self) -> None:
        """Go on."""
        self._is_frozen = False

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self, budget: Budget) -> None:
        is_running, then_ns = True, monotonic_ns()
        while True:
            await asyncio.sleep(_TICK_S)
            now_ns = monotonic_ns()
            used_ns = self._take_used_ns()
            allows = budget.allows(used_ns=used_ns, passed_ns=now_ns - then_ns)
            then_ns = now_ns
            if self._is_frozen:
                is_running = True  # a thaw lets all of them run
            elif allows != is_running or not allows:  # again and again: a new process runs
                self._signal(signal.SIGCONT if allows else signal.SIGSTOP)
                is_running = allows

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._leaders:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)

    def _take_used_ns(self) -> int:
        """Return what was used since the last time; forgets leaders whose group is gone."""
        self._leaders = [pid for pid in self._leaders if _has_group(pid)]
        used_ns = 0
        for pid in with_descendants(self._leaders):
            with suppress(OSError):
                total_ns = time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
                used_ns += max(total_ns - self._used_ns.get(pid, 0), 0)
                self._used_ns[pid] = total_ns
        return used_ns


def _has_group(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True
