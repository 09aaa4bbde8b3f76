"""PURE: the records of many lines as columns: a `Record` is made only where somebody looks at one.

Nearly all lines have a time, a level, a text and a request id, and nothing else. An object for each
of them would cost more than everything that is done with it; a column is handled by one call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from operator import itemgetter
from types import MappingProxyType
from typing import Any, overload

from extension.telemetry.reading.json_lines import NEW
from extension.telemetry.reading.line_parts import NOTHING
from extension.telemetry.reading.records import Record

LineLevel = tuple[int, str]
"""The number and the text of a severity."""

NO_LEVEL: LineLevel = (0, "")
NONE: Mapping[int, Record] = MappingProxyType({})


class Columns(Sequence[Record]):
    """Records in their order; the columns are for reading only, `put` changes a record.

    `others` has, by their places, those that are more than their columns say: with an exception, a
    trace, secrets that were taken out of it, or of another stream than the function's.
    """

    __slots__ = (
        "_columns", "attributes", "bodies", "levels", "observed_ns", "others", "request_ids",
        "times_ns",
    )  # fmt: skip

    def __init__(
        self, columns: Iterable[Sequence[Any]] = ((),) * 6, *, others: Mapping[int, Record] = NONE
    ) -> None:
        copied = tuple([*column] for column in columns)
        self._columns: tuple[list[Any], ...] = copied
        self.times_ns: list[int] = copied[0]
        self.observed_ns: list[int] = copied[1]
        self.bodies: list[str] = copied[2]
        self.levels: list[LineLevel] = copied[3]
        self.request_ids: list[str] = copied[4]
        self.attributes: list[Mapping[str, Any]] = copied[5]
        self.others = {**others}

    @classmethod
    def blank(cls, observed_ns: Sequence[int]) -> Columns:
        """Return records of these times of which nothing is known yet."""
        number = len(observed_ns)
        texts, levels, attributes = [""] * number, [NO_LEVEL] * number, [NOTHING] * number
        return cls((observed_ns, observed_ns, texts, levels, texts, attributes))

    def put(self, at: int, record: Record) -> None:
        """Put a record in a place."""
        row = _row(record)
        for column, value in zip(self._columns, row, strict=True):
            column[at] = value
        self.others.pop(at, None)
        if _is_more(record):
            self.others[at] = record

    def append(self, record: Record) -> None:
        """Put a record at the end."""
        if _is_more(record):
            self.others[len(self.bodies)] = record
        for column, value in zip(self._columns, _row(record), strict=True):
            column.append(value)

    def extend(self, records: Columns) -> None:
        """Put records at the end."""
        before = len(self.bodies)
        self.others.update({before + at: record for at, record in records.others.items()})
        for column, more in zip(self._columns, records._columns, strict=True):
            column.extend(more)

    def without(self, refused: Collection[int]) -> Columns:
        """Return the records that do not stand in some places."""
        return self.where([at not in refused for at in range(len(self.bodies))])

    def where(self, wanted: Sequence[bool]) -> Columns:
        """Return the records that are wanted."""
        return self._some(lambda column: [*compress(column, wanted)])

    def at(self, places: Sequence[int]) -> Columns:
        """Return the records in some places."""
        return self._some(lambda column: [*map(column.__getitem__, places)])

    def _some(self, some: Callable[[Sequence[Any]], Sequence[Any]]) -> Columns:
        """Return some of the records; the same of each column."""
        others = self.others
        if others:
            places = some(range(len(self.bodies)))
            others = {now: others[at] for now, at in enumerate(places) if at in others}
        return Columns(map(some, self._columns), others=others)

    def __len__(self) -> int:
        return len(self.bodies)

    @overload
    def __getitem__(self, at: int) -> Record: ...

    @overload
    def __getitem__(self, at: slice) -> Columns: ...

    def __getitem__(self, at: int | slice) -> Record | Columns:
        if isinstance(at, slice):
            return self._some(itemgetter(at))
        return self._record(range(len(self.bodies))[at])

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


def _row(record: Record) -> tuple[Any, ...]:
    time_ns, observed_ns, _, body, number, text, request_id, fields, *_ = record
    return time_ns, observed_ns, body, (number, text), request_id, fields


def _is_more(record: Record) -> bool:
    """Tell whether a record is more than its columns say."""
    return record.stream != "function" or any(record[8:])


def in_columns(records: Iterable[Record]) -> Columns:
    """Return records as columns; nearly always they are already."""
    if isinstance(records, Columns):
        return records
    columns = Columns()
    for record in records:
        columns.append(record)
    return columns
