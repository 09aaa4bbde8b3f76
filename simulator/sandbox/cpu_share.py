"""The share of the CPU that all processes of a sandbox have together.

Lambda gives 1 769 MB one core, and other sizes in proportion; 128 MB are 1/14 of a core. The first
init of a sandbox has more than that, so a share begins after it; a repeated init has the share.
Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from simulator.errors import SimulatorError
from simulator.sandbox.control_group import ControlGroup
from simulator.sandbox.stop_and_go import StopAndGo

if TYPE_CHECKING:
    from simulator.settings import FunctionSettings

MEMORY_OF_A_CORE_MB = 1769


class CpuShare(Protocol):
    """What holds the processes of a sandbox to their share."""

    def add(self, pid: int) -> None:
        """Hold a process, and what it starts, to the share once that has begun."""

    def begin(self, share: float) -> None:
        """Begin to give all processes together this share of a core."""

    def freeze(self) -> None:
        """Leave the processes alone: they are stopped."""

    def thaw(self) -> None:
        """Go on: the processes may run again."""

    async def close(self) -> None:
        """Let go of everything; the processes have ended."""


def share_of(memory_mb: int) -> float:
    """Return how many cores a function of this size has."""
    return memory_mb / MEMORY_OF_A_CORE_MB


def open_share(settings: FunctionSettings) -> CpuShare | None:
    """Return what holds processes to a share, if one is wanted.

    Raises SimulatorError where nothing can. Managed Instances have cores of their own.
    """
    if not settings.cpu_share or settings.is_managed:
        return None
    try:
        return ControlGroup()
    except OSError:  # not root, or control groups are read-only, as in many containers
        if sys.platform != "linux":
            raise SimulatorError("cpu_share: a share of the CPU needs Linux") from None
        return StopAndGo()
