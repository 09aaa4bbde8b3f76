"""Holds a process to a share of one core, as Lambda does with a function of little memory.

Through the kernel's CPU controller, of either version; needs the right to make a control group.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

MEMORY_OF_A_CORE_MB = 1769
"""Lambda gives a whole core from this memory size on, and a proportional share below.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

PERIOD_US = 20_000

V1 = Path("/sys/fs/cgroup/cpu")
V2 = Path("/sys/fs/cgroup")


def share_of(memory_mb: int) -> float:
    """Return the share of a core that a function of this size gets."""
    return min(memory_mb / MEMORY_OF_A_CORE_MB, 1.0)


class Share:
    """A control group with a quota; whoever is put into it stays there for life."""

    def __init__(self, share: float) -> None:
        self._quota_us = round(share * PERIOD_US)
        self._group = _parent() / f"lambda-dispatch-bench-{os.getpid()}"

    def __enter__(self) -> Share:
        self._group.mkdir()
        if (self._group / "cpu.max").exists():
            (self._group / "cpu.max").write_text(f"{self._quota_us} {PERIOD_US}")
        else:
            (self._group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self._group / "cpu.cfs_quota_us").write_text(str(self._quota_us))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._group.rmdir()

    def hold(self, pid: int) -> None:
        """Throttle a process, all its threads."""
        (self._group / "cgroup.procs").write_text(str(pid))


def why_not() -> str:
    """Return why no share can be given here; empty when it can."""
    try:
        with Share(1.0):
            return ""
    except OSError as error:
        return f"no CPU quota here: {error.strerror}"


def _parent() -> Path:
    return V1 if (V1 / "cpu.cfs_quota_us").exists() else V2
