"""PURE: the lines of one request, or of an initialization, until they go out."""

from __future__ import annotations

from collections.abc import Callable

from extension.telemetry.reading.records import Record, size

MAX_RECORDS = 1024
"""Lines held at once; those beyond are counted."""

MAX_RECORD_BYTES = 1_048_576
"""Their bytes: a span must fit into the buffer, and all of it into a small function's memory."""


MAX_BYTES_TOGETHER = 16 * 1_048_576
"""Of all requests together: a thousand may be open at once, if a stranger says so."""


class Room:
    """How many bytes several `HeldRecords` hold together."""

    def __init__(self) -> None:
        self.held_bytes = 0


class HeldRecords:
    """Bounded by number and bytes; what comes beyond is counted until somebody asks.

    Those that share a `room` are bounded together, too.
    """

    def __init__(self, *, room: Room | None = None) -> None:
        self._room = room or Room()
        self._records: list[Record] = []
        self._bytes = 0
        self._dropped = 0

    @property
    def latest_ns(self) -> int:
        """When the platform took the latest, 0 without any."""
        return max((record.observed_ns for record in self._records), default=0)

    def hold(self, record: Record) -> bool:
        """Keep a line; False if there is no room for it."""
        held = size(record)
        if len(self._records) >= MAX_RECORDS or self._bytes + held > MAX_RECORD_BYTES:
            return False
        if self._room.held_bytes + held > MAX_BYTES_TOGETHER:
            return False
        self._records.append(record)
        self._count(held)
        return True

    def drop(self) -> None:
        """Count a line for which there was no room."""
        self._dropped += 1

    def take(self, *, until_ns: int | None = None) -> tuple[Record, ...]:
        """Give the lines away, those after `until_ns` excepted."""
        if until_ns is None:
            records, self._records = self._records, []
            self._count(-self._bytes)
            return tuple(records)
        return self._take(lambda record: record.observed_ns <= until_ns)

    def take_later(self, *, since_ns: int) -> tuple[Record, ...]:
        """Give away the lines of `since_ns` and later."""
        return self._take(lambda record: record.observed_ns >= since_ns)

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _take(self, is_wanted: Callable[[Record], bool]) -> tuple[Record, ...]:
        records = self._records
        self._records = [record for record in records if not is_wanted(record)]
        self._count(sum(map(size, self._records)) - self._bytes)
        return tuple(record for record in records if is_wanted(record))

    def _count(self, more: int) -> None:
        self._bytes += more
        self._room.held_bytes += more
