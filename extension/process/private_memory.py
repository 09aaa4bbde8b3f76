"""Keeps the memory of the process out of core dumps and from other processes.

The function and all extensions run as one user, and a user may read the memory of his dumpable
processes: a single read of /proc would reveal every secret in the cache.
Source: https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
"""

from __future__ import annotations

import resource
from contextlib import suppress

PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """Forbid core dumps and access through /proc; where that is impossible, continue."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415  # some builds of Python do not have it

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
