"""PURE: the records of many lines as columns: a `Record` is made only where somebody looks at one.

Nearly all lines have a time, a level, a text and a request id, and nothing else. An object for each
of them would cost more than everything that is done with it; a column is handled by one call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, overload

from extension.telemetry.reading.json_lines import NEW
from extension.telemetry.reading.line_parts import NOTHING
from extension.telemetry.reading.records import Record

LineLevel = tuple[int, str]
"""The number and the text of a severity."""

NO_LEVEL: LineLevel = (0, "")


class Columns(Sequence[Record]):
    """Records in their order; the columns are for reading only, `put` changes a record.

    `others` has, by their places, those that are more than their columns say: with an exception, a
    trace, secrets that were taken out of it, or of another stream than the function's.
    """

    __slots__ = (
        "attributes", "bodies", "levels", "observed_ns", "others", "request_ids", "times_ns"
    )  # fmt: skip

    def __init__(
        self,
        *,
        times_ns: list[int],
        observed_ns: list[int],
        bodies: list[str],
        levels: list[LineLevel],
        request_ids: list[str],
        attributes: list[Mapping[str, Any]] | None = None,
        others: dict[int, Record] | None = None,
    ) -> None:
        self.times_ns = times_ns
        self.observed_ns = observed_ns
        self.bodies = bodies
        self.levels = levels
        self.request_ids = request_ids
        self.attributes = [NOTHING] * len(bodies) if attributes is None else attributes
        self.others = {} if others is None else others

    @classmethod
    def blank(cls, observed_ns: Sequence[int]) -> Columns:
        """Return records of these times of which nothing is known yet."""
        number = len(observed_ns)
        return cls(
            times_ns=[*observed_ns],
            observed_ns=[*observed_ns],
            bodies=[""] * number,
            levels=[NO_LEVEL] * number,
            request_ids=[""] * number,
        )

    def put(self, at: int, record: Record) -> None:
        """Put a record in a place."""
        time_ns, observed_ns, stream, body, number, text, request_id, fields, *rest = record
        self.times_ns[at], self.observed_ns[at] = time_ns, observed_ns
        self.bodies[at], self.levels[at] = body, (number, text)
        self.request_ids[at], self.attributes[at] = request_id, fields
        if stream != "function" or any(rest):
            self.others[at] = record
        else:
            self.others.pop(at, None)

    def without(self, refused: Collection[int]) -> Columns:
        """Return the records that do not stand in some places."""
        kept = [at not in refused for at in range(len(self.bodies))]
        places = compress(range(len(self.bodies)), kept)
        return Columns(
            times_ns=[*compress(self.times_ns, kept)],
            observed_ns=[*compress(self.observed_ns, kept)],
            bodies=[*compress(self.bodies, kept)],
            levels=[*compress(self.levels, kept)],
            request_ids=[*compress(self.request_ids, kept)],
            attributes=[*compress(self.attributes, kept)],
            others={
                now: self.others[at] for now, at in enumerate(places) if at in self.others
            } if self.others else {},
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.bodies)

    @overload
    def __getitem__(self, at: int) -> Record: ...

    @overload
    def __getitem__(self, at: slice) -> Columns: ...

    def __getitem__(self, at: int | slice) -> Record | Columns:
        places = range(len(self.bodies))[at]
        if isinstance(places, range):
            wanted = {*places}
            return self.without([at for at in range(len(self.bodies)) if at not in wanted])
        return self._record(places)

    def __iter__(self) -> Iterator[Record]:
        return map(self._record, range(len(self.bodies)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({[*self]!r})"

    def _record(self, at: int) -> Record:
        if at in self.others:
            return self.others[at]
        number, text = self.levels[at]
        fields = (
            self.times_ns[at], self.observed_ns[at], "function", self.bodies[at], number, text,
            self.request_ids[at], self.attributes[at], None, "", None, (),
        )  # fmt: skip
        return NEW(Record, fields)


def in_columns(records: Iterable[Record]) -> Columns:
    """Return records as columns; nearly always they are already."""
    if isinstance(records, Columns):
        return records
    records = [*records]
    columns = Columns.blank([record.observed_ns for record in records])
    for at, record in enumerate(records):
        columns.put(at, record)
    return columns
