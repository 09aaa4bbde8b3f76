"""PURE: what waits for export: bounded by bytes and by items, the oldest dropped and counted.

An entry leaves when it was acknowledged or when it is dropped, never because it was sent: a batch
under way stays where it is, and what was not acknowledged goes out again with the same ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from extension.telemetry.export.outgoing import Outgoing, Signal

MAX_ITEMS = 16_384
"""Against many tiny items, whose bookkeeping outweighs their bytes."""


class Entry(NamedTuple):
    """One item that waits; `number` names it."""

    number: int
    outgoing: Outgoing


class Buffer:
    """First in, first out, within each signal; what it drops is counted in `dropped` by reason."""

    def __init__(
        self, *, max_bytes: int, dropped: Counter[str], max_items: int = MAX_ITEMS
    ) -> None:
        self._max_bytes = max_bytes
        self._max_items = max_items
        self._entries: dict[int, Entry] = {}
        self._next = 0
        self.size = 0
        self._dropped = dropped

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def fullness(self) -> float:
        """How full it is, from 0 to 1, by whichever bound is nearer."""
        return max(self.size / self._max_bytes, len(self._entries) / self._max_items)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals of which anything waits, in the order of their oldest entries."""
        return tuple(dict.fromkeys(each.outgoing.signal for each in self._entries.values()))

    def add(self, outgoing: Outgoing) -> None:
        """Keep one item; make room by dropping the oldest."""
        if outgoing.size > self._max_bytes:
            self._dropped["too_large"] += 1
            return
        self._entries[self._next] = Entry(self._next, outgoing)
        self._next += 1
        self.size += outgoing.size
        while self.size > self._max_bytes or len(self._entries) > self._max_items:
            self._remove(next(iter(self._entries)))
            self._dropped["buffer_full"] += 1

    def batch(self, signal: Signal, *, max_bytes: int) -> list[Entry]:
        """Return a signal's oldest entries, at least one if any; they stay until `forget`."""
        chosen: list[Entry] = []
        room = max_bytes
        for entry in self._entries.values():
            if entry.outgoing.signal != signal:
                continue
            room -= entry.outgoing.size
            if chosen and room < 0:
                break
            chosen.append(entry)
        return chosen

    def forget(self, batch: Iterable[Entry]) -> None:
        """Let go what was settled; entries dropped meanwhile are gone already."""
        for entry in batch:
            self._remove(entry.number)

    def _remove(self, number: int) -> None:
        entry = self._entries.pop(number, None)
        if entry is not None:
            self.size -= entry.outgoing.size
