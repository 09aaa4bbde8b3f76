"""PURE: deliveries in the order they come: each taken once, what was cut in two joined."""

from __future__ import annotations

from extension.telemetry.reading.decode import Batch, parse
from extension.telemetry.reading.split_record import join

REMEMBERED = 32
"""Deliveries that are known by their content: the platform repeats the one it got no answer for."""

LONGEST_PART_BYTES = 4 * 1_048_576
"""Of a record that never ends: no delivery is larger."""


class Deliveries:
    """Reads the bodies of one subscription; without `reads_lines`, lines are only counted."""

    def __init__(self, *, reads_lines: bool = True) -> None:
        self._reads_lines = reads_lines
        self._seen: dict[tuple[int, int], None] = {}
        """The latest, in their order."""
        self._first_part = b""

    def is_repeated(self, body: bytes) -> bool:
        """Return whether this very delivery was taken before; each has times, so none is twice."""
        return _seen(body) in self._seen

    def taken(self, body: bytes) -> None:
        """Remember a delivery that is taken: where it comes again, it is not wanted."""
        self._seen[_seen(body)] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    @property
    def waits_for_more(self) -> bool:
        """Whether a record has begun whose end is to come."""
        return bool(self._first_part)

    def read(self, body: bytes, *, received_ns: int) -> Batch:
        """Return the events of a delivery; the parts that found no other are among its bad ones."""
        batch = self._read(body, received_ns)
        self._first_part = batch.first_part[:LONGEST_PART_BYTES]
        return batch

    def _read(self, body: bytes, received_ns: int) -> Batch:
        first, self._first_part = self._first_part, b""
        alone = self._parse(body, received_ns)
        if not first:
            return alone
        joined = join(first, body)
        if joined:
            batch = self._parse(joined, received_ns)
            # A third part may follow, but not where the second is whole by itself.
            is_second_part = not batch.first_part or alone.bad or alone.first_part
            if is_second_part and _reads_as_much(batch, as_=alone):
                return batch
        return Batch(
            events=alone.events,
            bad=alone.bad + 1,
            items=alone.items,
            first_part=alone.first_part,
        )

    def _parse(self, body: bytes, received_ns: int) -> Batch:
        return parse(body, received_ns=received_ns, reads_lines=self._reads_lines)

    def end(self) -> int:
        """Return how many records have begun and will not end."""
        waiting, self._first_part = bool(self._first_part), b""
        return int(waiting)


def _seen(body: bytes) -> tuple[int, int]:
    return len(body), hash(body)  # 64 bits, keyed: no two are alike by chance or by intent


def _reads_as_much(batch: Batch, *, as_: Batch) -> bool:
    """Return whether a join made nothing worse: what else is unreadable is unrelated."""
    return _unread(batch) <= _unread(as_) and len(batch.events) >= len(as_.events)


def _unread(batch: Batch) -> int:
    return batch.bad + bool(batch.first_part)
