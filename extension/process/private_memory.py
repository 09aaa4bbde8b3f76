"""Keeps what the process knows out of core dumps and out of its neighbours' reach.

The function and every extension run as one user, who may read the memory of all of his processes
that are dumpable: one read of /proc would give every secret of the cache at once.
Source: https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
"""

from __future__ import annotations

import resource
from contextlib import suppress

PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """Allow neither core dumps nor other processes' eyes; where that is impossible, go on."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415  # some builds of Python are without it

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
