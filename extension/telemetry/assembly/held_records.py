"""PURE: the lines of one request, or of an initialization, until they go out.

A span carries only so many lines, so they are held in two parts: the first goes out with the span
itself, and a further one in a span of its own as soon as it is full.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from extension.telemetry.reading.records import Record, size

MAX_BYTES_TOGETHER = 16 * 1_048_576
"""Held of all requests together: a thousand may be open at once, if a stranger says so."""

MAX_BYTES_OF_ALL = 64 * 1_048_576
"""Of one request, with the lines that have left: a loop that logs must not send for ever."""


class PartSize(NamedTuple):
    """What one span carries: it must fit into the buffer, and into what a back end takes."""

    lines: int = 1024
    bytes: int = 262_144


FULL_SIZE = PartSize()


class LineBudget:
    """How many bytes several `HeldRecords` hold together, with what the SDK sent beside them."""

    def __init__(self) -> None:
        self.held_bytes = 0


class Part:
    """Lines that fit into one span; a single line always does."""

    def __init__(self, size: PartSize) -> None:
        self.records: list[Record] = []
        self.bytes = 0
        self._size = size

    def takes(self, held: int) -> bool:
        """Whether a line of `held` bytes fits."""
        lines, most_bytes = self._size
        return not self.records or (len(self.records) < lines and self.bytes + held <= most_bytes)

    def add(self, record: Record, held: int) -> None:
        """Put a line at the end."""
        self.records.append(record)
        self.bytes += held

    def add_all(self, records: Sequence[Record], held: int) -> bool:
        """Put lines of `held` bytes together at the end if all of them fit."""
        lines, most_bytes = self._size
        if len(self.records) + len(records) > lines or self.bytes + held > most_bytes:
            return False
        self.records += records
        self.bytes += held
        return True

    def take(self, is_wanted: Callable[[Record], bool]) -> list[Record]:
        """Give some of the lines away."""
        taken = [record for record in self.records if is_wanted(record)]
        if len(taken) == len(self.records):
            self.records, self.bytes = [], 0
        elif taken:
            self.records = [record for record in self.records if not is_wanted(record)]
            self.bytes = sum(map(size, self.records))
        return taken


def in_parts(records: Sequence[Record], of: PartSize) -> list[list[Record]]:
    """Return the lines in their order, cut into what one span carries; one part at least."""
    parts = [Part(of)]
    for record in records:
        held = size(record)
        if not parts[-1].takes(held):
            parts.append(Part(of))
        parts[-1].add(record, held)
    return [part.records for part in parts]


class HeldRecords:
    """Two parts; those that share a `budget` are bounded together, too."""

    def __init__(self, part: PartSize = FULL_SIZE, *, budget: LineBudget | None = None) -> None:
        self._budget = budget or LineBudget()
        self._first, self._further = Part(part), Part(part)
        self._held_in_all = 0
        self._dropped = 0

    @property
    def latest_ns(self) -> int:
        """When the platform took the latest, 0 without any."""
        held = (*self._first.records, *self._further.records)
        return max((record.observed_ns for record in held), default=0)

    @property
    def is_exhausted(self) -> bool:
        """Whether so many bytes were held, now or before, that later lines are dropped."""
        return self._held_in_all >= MAX_BYTES_OF_ALL

    def hold(self, record: Record) -> bool:
        """Keep a line; return False if too much is held already."""
        held = size(record)
        part = self._first
        if self._further.records or not part.takes(held):
            part = self._further
            if not part.takes(held):
                return False
        if self._budget.held_bytes + held > MAX_BYTES_TOGETHER:
            return False
        part.add(record, held)
        self._budget.held_bytes += held
        self._held_in_all += held
        return True

    def hold_all(self, records: Sequence[Record]) -> int:
        """Keep lines in their order; return how many are kept."""
        if not self._further.records:
            sizes = [size(record) for record in records]
            together = sum(sizes)
            within_budget = self._budget.held_bytes + together <= MAX_BYTES_TOGETHER
            if within_budget and self._first.add_all(records, together):
                self._budget.held_bytes += together
                self._held_in_all += together
                return len(records)
        for number, record in enumerate(records):
            if not self.hold(record):
                return number
        return len(records)

    def drop(self) -> None:
        """Count a line that will not go out."""
        self._dropped += 1

    def take(self) -> tuple[Record, ...]:
        """Give all lines away."""
        return self._take(self._first, self._further)

    def take_first(self, *, until_ns: int) -> tuple[Record, ...]:
        """Give the lines of the first part away, those after `until_ns` excepted."""
        return self._take(self._first, is_wanted=lambda record: record.observed_ns <= until_ns)

    def take_further(self, *, until_ns: int | None = None) -> tuple[Record, ...]:
        """Give the lines of the further part away, those after `until_ns` excepted."""
        return self._take(
            self._further,
            is_wanted=lambda record: until_ns is None or record.observed_ns <= until_ns,
        )

    def take_later(self, *, since_ns: int) -> tuple[Record, ...]:
        """Give away the lines of `since_ns` and later."""
        return self._take(
            self._first, self._further, is_wanted=lambda record: record.observed_ns >= since_ns
        )

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _take(
        self, *parts: Part, is_wanted: Callable[[Record], bool] = lambda _: True
    ) -> tuple[Record, ...]:
        before = sum(part.bytes for part in parts)
        taken = [record for part in parts for record in part.take(is_wanted)]
        self._budget.held_bytes -= before - sum(part.bytes for part in parts)
        return tuple(taken)
