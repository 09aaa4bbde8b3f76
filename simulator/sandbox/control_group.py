"""A share of the CPU through the kernel's own controller, in version 1 or 2.

Needs the right to make a control group: root, outside of most containers.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from simulator.sandbox.processes import with_descendants

PERIOD_US = 20_000
"""How often the kernel gives the group its share again; as short as it is on Lambda."""

V1 = Path("/sys/fs/cgroup/cpu")
V2 = Path("/sys/fs/cgroup")
_MIN_QUOTA_US = 1000  # the kernel refuses less
_ATTEMPTS, _PAUSE_S = 100, 0.01


class ControlGroup:
    """A group of processes; what is put into it stays there, and so does what it starts."""

    def __init__(self) -> None:
        """Make the group, without a limit; raises OSError where that is not possible."""
        parent = V1 if (V1 / "cpu.cfs_quota_us").exists() else V2
        self.path = parent / f"simulator-{os.getpid()}-{os.urandom(4).hex()}"
        self.path.mkdir()
        if not self._limits():
            self.path.rmdir()
            raise OSError("the parent group has no CPU controller for its children")

    def add(self, pid: int) -> None:
        """Put a process into the group, and what it has started by now; later ones follow it."""
        members: set[int] = set()
        while missing := set(with_descendants([pid])) - members:
            members |= missing
            for each in missing:
                with suppress(ProcessLookupError):  # it has ended
                    (self.path / "cgroup.procs").write_text(str(each))

    def begin(self, share: float) -> None:
        """Give all processes of the group together this share of a core."""
        quota_us = max(round(share * PERIOD_US), _MIN_QUOTA_US)
        for name, value in (
            ("cpu.max", f"{quota_us} {PERIOD_US}"),
            ("cpu.cfs_period_us", str(PERIOD_US)),
            ("cpu.cfs_quota_us", str(quota_us)),
        ):
            if name in self._limits():
                (self.path / name).write_text(value)

    def freeze(self) -> None:
        """Do nothing: a process that is stopped uses no CPU."""

    def thaw(self) -> None:
        """Do nothing: the kernel has kept the limit."""

    async def close(self) -> None:
        """Remove the group; the kernel takes a moment to let go of processes that were killed."""
        for _ in range(_ATTEMPTS):
            try:
                self.path.rmdir()
            except OSError:
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    def _limits(self) -> list[str]:
        names = ("cpu.max", "cpu.cfs_period_us", "cpu.cfs_quota_us")
        return [name for name in names if (self.path / name).exists()]
