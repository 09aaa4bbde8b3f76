"""Who is whose child and who still lives, as /proc says (Linux)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process; the start time tells it from a later one with the same id."""

    pid: int
    started_ticks: int
    parent: int
    session: int


def living() -> Iterator[Process]:
    """Every process that is not a zombie."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] not in "ZX":
            yield Process(
                pid=int(folder.name),
                parent=int(fields[1]),
                session=int(fields[3]),
                started_ticks=int(fields[19]),
            )


def descendants(pid: int) -> set[tuple[int, int]]:
    """(pid, start time) of the living children of `pid`, of their children, and so on."""
    everybody = list(living())
    found: set[tuple[int, int]] = set()
    parents = {pid}
    while children := [one for one in everybody if one.parent in parents]:
        found |= {(one.pid, one.started_ticks) for one in children}
        parents = {one.pid for one in children}
    return found


def still_living(processes: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the given processes that live."""
    return processes & {(one.pid, one.started_ticks) for one in living()}
