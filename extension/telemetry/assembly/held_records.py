"""PURE: the lines of one request, or of an initialization, until they go out."""

from __future__ import annotations

from extension.telemetry.reading.records import Record, size

MAX_RECORDS = 1024
"""Lines held at once; those beyond are counted."""

MAX_RECORD_BYTES = 1_048_576
"""Their bytes: a span must fit into the buffer, and all of it into a small function's memory."""


class HeldRecords:
    """Bounded by number and bytes; `dropped` counts what came beyond."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._bytes = 0
        self.dropped = 0

    @property
    def latest_ns(self) -> int:
        """When the platform took the latest, 0 without any."""
        return max((record.observed_ns for record in self._records), default=0)

    def hold(self, record: Record) -> None:
        """Keep a line, or count it."""
        held = size(record)
        if len(self._records) >= MAX_RECORDS or self._bytes + held > MAX_RECORD_BYTES:
            self.dropped += 1
        else:
            self._records.append(record)
            self._bytes += held

    def take(self, *, until_ns: int | None = None) -> tuple[Record, ...]:
        """Give the lines away, those after `until_ns` excepted."""
        records, self._records, self._bytes = self._records, [], 0
        if until_ns is None:
            return tuple(records)
        self._records = [record for record in records if record.observed_ns > until_ns]
        self._bytes = sum(map(size, self._records))
        return tuple(record for record in records if record.observed_ns <= until_ns)
