"""What the tests build and download, kept in .cache: once, however many processes need it.

Rule of the module: what lies in the cache under a name is complete, or its lock is held.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache"
READY = ".ready"


@contextmanager
def locked(name: str) -> Iterator[Path]:
    """Yield the path of an entry; other processes and threads wait for their turn."""
    entry = CACHE / name
    entry.parent.mkdir(parents=True, exist_ok=True)
    with entry.with_name(f"{entry.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield entry


def built(name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, which `build` fills unless an earlier call has done so.

    What `build` raises is passed on, and the next call starts from an empty folder.
    """
    with locked(name) as folder:
        if not (folder / READY).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            (folder / READY).touch()
    return folder
