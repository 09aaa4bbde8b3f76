"""Holds a process to a share of one core, as Lambda does with a function of little memory.

Through the kernel's CPU controller, of either version; needs the right to make a control group.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from simulator.sandbox import cpu_share
from simulator.sandbox.control_group import ControlGroup


def share_of(memory_mb: int) -> float:
    """Return the share of a core that a function of this size gets."""
    return min(cpu_share.share_of(memory_mb), 1.0)


class Share:
    """A control group with a quota; a process that is put into it stays there for life."""

    def __init__(self, share: float) -> None:
        self._share = share

    def __enter__(self) -> Share:
        self._group = ControlGroup()
        self._group.begin(self._share)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run(self._group.close())

    def hold(self, pid: int) -> None:
        """Throttle a process, all its threads, and what it starts."""
        self._group.add(pid)


def why_not() -> str:
    """Return why no share can be given here; empty when it can."""
    try:
        with Share(1.0):
            return ""
    except OSError as error:
        return f"no CPU quota here: {error.strerror or error}"
