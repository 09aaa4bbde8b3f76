"""Waits until a file changes: looks at names, times and sizes, which works on every file system."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

INTERVAL_S = 0.3
_LEFT_OUT = frozenset({"node_modules", "__pycache__"})
"""Folders that are not looked into, besides those whose names begin with a dot."""

Snapshot = frozenset[tuple[str, int, int]]


def look_at(folders: Iterable[Path]) -> Snapshot:
    """Return name, time and size of every file below the folders."""
    return frozenset(each for folder in folders for each in _files(str(folder)))


async def until_changed(folders: Iterable[Path], *, since: Snapshot) -> None:
    """Return when the files are others than in the snapshot, and have stayed so for a moment."""
    folders = list(folders)
    found = since
    while found == since:
        await asyncio.sleep(INTERVAL_S)
        found = await asyncio.to_thread(look_at, folders)
    while True:  # a build writes for a while
        await asyncio.sleep(INTERVAL_S)
        now = await asyncio.to_thread(look_at, folders)
        if now == found:
            return
        found = now


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return  # removed meanwhile
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _LEFT_OUT:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
            continue
        try:
            known = entry.stat()
        except OSError:
            continue
        yield entry.path, known.st_mtime_ns, known.st_size
