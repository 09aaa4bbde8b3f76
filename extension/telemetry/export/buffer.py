"""PURE: what waits for export, as bytes: bounded exactly, the oldest dropped and counted.

Serialized `Export…ServiceRequest`s of one signal joined byte by byte are the merged request,
because their only field is repeated; the events of the JSON format are joined by commas. So
everything is encoded once, when it is finished, its size is exact, and a batch is a join.
Source: https://protobuf.dev/programming-guides/encoding/#last-one-wins

An entry leaves when it was acknowledged or when it is dropped, never because it was sent: a batch
under way stays where it is, and what was not acknowledged goes out again with the same ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from extension.process.frozen import Frozen

ENTRY_BYTES = 256
"""What an entry takes besides its body, so that many small ones are bounded, too."""

Signal = Literal["traces", "logs", "metrics", "events"]
"""What kind of items these are; `events` are the platform's own, for the JSON format."""

REQUEST_BYTES = 32_768
"""What many records are cut into: an endpoint that takes no more at once still gets them all, and
the smallest buffer that may be set has a place for it."""


class PendingItem(Frozen):
    """A small request that waits for export: `count` spans, log records, data points or events."""

    signal: Signal
    body: bytes
    count: int = 1
    weight: int = 0
    """What it counts for the bounds that some back ends have."""
    times_ns: tuple[int, ...] = ()
    """The earliest and the latest time in it, where that matters."""


class Load(Protocol):
    """What a request holds so far, for a back end with bounds of its own."""

    def takes(self, item: PendingItem) -> bool:
        """Add an item, the first in any case; return False if it would be too much."""


class Fitting(Protocol):
    """Makes items fit what their back ends take."""

    def fit(self, item: PendingItem) -> Iterable[PendingItem]:
        """Return what an item becomes."""

    def load(self, signal: Signal) -> Load | None:
        """Return an empty request's load, None where the back end has no bounds of its own."""


class Entry(NamedTuple):
    """One request that waits; `number` is its place in the order of arrival."""

    number: int
    item: PendingItem


OnDropped = Callable[[Sequence[PendingItem], str], None]
"""`on_dropped(items, reason)` takes what is lost."""


def count_drops(dropped: Counter[str]) -> OnDropped:
    """Return what counts the items that are lost, by reason."""

    def on_dropped(items: Sequence[PendingItem], reason: str) -> None:
        dropped[reason] += sum(item.count for item in items)

    return on_dropped


class Buffer:
    """First in, first out, within each signal; what it drops is counted in `dropped` by reason,
    unless `on_dropped` takes it. With a `fitting`, items fit when they come in."""

    def __init__(
        self,
        *,
        max_bytes: int,
        dropped: Counter[str],
        on_dropped: OnDropped | None = None,
        fitting: Fitting | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._fitting = fitting
        self._on_dropped = on_dropped or count_drops(dropped)
        self._waiting: dict[Signal, dict[int, Entry]] = {}
        self.next_number = 0
        """The place of the next entry: what is below waits already."""
        self.size = 0
        """Bytes of all entries."""
        self.count = 0
        """Spans, log records, data points and events that wait."""

    @property
    def fullness(self) -> float:
        """How full it is, from 0 to 1."""
        return self.size / self._max_bytes

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals of which anything waits, in the order of their oldest entries."""
        return tuple(sorted(filter(self._waiting.get, self._waiting), key=self._oldest))

    def add(self, item: PendingItem) -> None:
        """Keep one request; drop the oldest if they are too much."""
        for each in self._fitting.fit(item) if self._fitting else (item,):
            self._add(each)

    def _add(self, item: PendingItem) -> None:
        if _size(item) > self._max_bytes:
            self._on_dropped([item], "too_large")
            return
        entry = Entry(self.next_number, item)
        self.next_number += 1
        self._waiting.setdefault(item.signal, {})[entry.number] = entry
        self.size += _size(item)
        self.count += item.count
        while self.size > self._max_bytes:
            self._drop_oldest()

    def extend(self, items: Iterable[PendingItem]) -> None:
        """Keep several requests, in their order."""
        for item in items:
            self.add(item)

    def batch(self, signal: Signal, *, max_bytes: int, before: int | None = None) -> list[Entry]:
        """Return a signal's oldest entries below `before`, at least one; they stay until `forget`.

        The bodies of all but a single one come to `max_bytes` together, at most.
        """
        chosen: list[Entry] = []
        left = max_bytes
        load = self._fitting.load(signal) if self._fitting else None
        for entry in self._waiting.get(signal, {}).values():
            left -= len(entry.item.body) + 1  # the comma of the JSON format
            if (before is not None and entry.number >= before) or (chosen and left < 0):
                break
            if load and not load.takes(entry.item):
                break
            chosen.append(entry)
        return chosen

    def forget(self, batch: Iterable[Entry]) -> int:
        """Let go what was settled; return how many of its items had been dropped meanwhile."""
        return sum(
            entry.item.count - self._remove(entry.item.signal, entry.number) for entry in batch
        )

    def missing(self, batch: Iterable[Entry]) -> list[PendingItem]:
        """Return what of a batch was dropped since it was taken."""
        return [
            entry.item
            for entry in batch
            if entry.number not in self._waiting.get(entry.item.signal, {})
        ]

    def _oldest(self, signal: Signal) -> int:
        return next(iter(self._waiting[signal]))

    def _drop_oldest(self) -> None:
        signal = self.signals[0]
        oldest = self._waiting[signal][self._oldest(signal)]
        self._remove(signal, oldest.number)
        self._on_dropped([oldest.item], "buffer_full")

    def _remove(self, signal: Signal, number: int) -> int:
        """Remove an entry if it is still here; return the number of its items."""
        entry = self._waiting[signal].pop(number, None)
        if entry is None:
            return 0
        self.size -= _size(entry.item)
        self.count -= entry.item.count
        return entry.item.count


def _size(item: PendingItem) -> int:
    return len(item.body) + ENTRY_BYTES
