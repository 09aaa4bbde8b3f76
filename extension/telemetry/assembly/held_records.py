"""PURE: the lines of one request, or of an initialization, until they go out.

A span carries only so many lines, so they are held in two parts: the first goes out with the span
itself, and a further one in a span of its own as soon as it is full.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import add
from typing import NamedTuple

from extension.telemetry.reading.columns import Columns, in_columns
from extension.telemetry.reading.records import RECORD_BYTES, Record
from extension.telemetry.reading.times import LATEST_NS

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
        self.records = Columns()
        self.bytes = 0
        self._size = size

    def takes(self, held: int) -> bool:
        """Whether a line of `held` bytes fits."""
        return bool(self.number_of([held]))

    def number_of(self, sizes: Sequence[int]) -> int:
        """Return how many lines of these sizes fit, one after the other."""
        lines, most_bytes = self._size
        number = bisect_right([*accumulate(sizes)], most_bytes - self.bytes)
        if not self.records and sizes:
            number = max(number, 1)
        return min(number, max(lines, 1) - len(self.records))

    def add_all(self, records: Columns, held: int) -> None:
        """Put lines at the end that hold so many bytes together."""
        self.records.extend(records)
        self.bytes += held

    def take(self, since_ns: int, until_ns: int) -> Columns:
        """Give away the lines of a time."""
        times_ns = self.records.observed_ns
        if not times_ns or (since_ns <= min(times_ns) and max(times_ns) <= until_ns):
            taken, self.records, self.bytes = self.records, Columns(), 0
            return taken
        wanted = [since_ns <= ns <= until_ns for ns in times_ns]
        taken = self.records.where(wanted)
        self.records = self.records.where([not each for each in wanted])
        self.bytes = sum(sizes_of(self.records))
        return taken


def sizes_of(records: Columns) -> list[int]:
    """Estimate the bytes that each of many records holds, as `records.size` does of one."""
    sizes = [RECORD_BYTES + length for length in map(len, records.bodies)]
    if any(records.keys):
        both = zip(records.keys, records.values, strict=True)
        fields = [len("".join((*keys, *map(str, values)))) for keys, values in both]
        return [*map(add, sizes, fields)]
    return sizes


def in_parts(records: Iterable[Record], of: PartSize) -> list[Columns]:
    """Return the lines in their order, cut into what one span carries; one part at least."""
    left = in_columns(records)
    sizes = sizes_of(left)
    parts: list[Columns] = []
    while left or not parts:
        number = Part(of).number_of(sizes)
        parts.append(left[:number])
        left, sizes = left[number:], sizes[number:]
    return parts


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
        held_ns = (*self._first.records.observed_ns, *self._further.records.observed_ns)
        return max(held_ns, default=0)

    @property
    def is_exhausted(self) -> bool:
        """Whether so many bytes were held, now or before, that later lines are dropped."""
        return self._held_in_all >= MAX_BYTES_OF_ALL

    def hold(self, record: Record) -> bool:
        """Keep a line; return False if too much is held already."""
        return bool(self.hold_all([record]))

    def hold_all(self, records: Iterable[Record]) -> int:
        """Keep lines in their order; return how many are kept."""
        records = in_columns(records)
        sizes = sizes_of(records)
        kept = 0
        if not self._further.records:
            kept = self._hold_in(self._first, records, sizes)
            if kept == len(sizes):
                return kept  # nearly always
        return kept + self._hold_in(self._further, records[kept:], sizes[kept:])

    def _hold_in(self, part: Part, records: Columns, sizes: Sequence[int]) -> int:
        """Keep as many of the lines as fit into a part, and are within what all may hold."""
        left = MAX_BYTES_TOGETHER - self._budget.held_bytes
        number = min(part.number_of(sizes), bisect_right([*accumulate(sizes)], left))
        if number < len(sizes):
            records, sizes = records[:number], sizes[:number]
        held = sum(sizes)
        part.add_all(records, held)
        self._budget.held_bytes += held
        self._held_in_all += held
        return number

    def drop(self) -> None:
        """Count a line that will not go out."""
        self._dropped += 1

    def take(self) -> Columns:
        """Give all lines away."""
        return self._take(self._first, self._further)

    def take_first(self, *, until_ns: int) -> Columns:
        """Give the lines of the first part away, those after `until_ns` excepted."""
        return self._take(self._first, until_ns=until_ns)

    def take_further(self, *, until_ns: int | None = None) -> Columns:
        """Give the lines of the further part away, those after `until_ns` excepted."""
        return self._take(self._further, until_ns=LATEST_NS if until_ns is None else until_ns)

    def take_later(self, *, since_ns: int) -> Columns:
        """Give away the lines of `since_ns` and later."""
        return self._take(self._first, self._further, since_ns=since_ns)

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _take(self, *parts: Part, since_ns: int = 0, until_ns: int = LATEST_NS) -> Columns:
        parts = tuple(part for part in parts if part.records)
        if not parts:
            return Columns()
        before = sum(part.bytes for part in parts)
        taken, *more = (part.take(since_ns, until_ns) for part in parts)
        for each in more:
            taken.extend(each)
        self._budget.held_bytes -= before - sum(part.bytes for part in parts)
        return taken
