"""PURE: the records of many lines as columns: a `Record` is made only where one is looked at.

Nearly all lines have a time, a level, a text and a request id, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extension.telemetry.reading.json_lines import NEW
from extension.telemetry.reading.line_parts import NOTHING
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.table import NONE, Table

LineLevel = tuple[int, str]
"""The number and the text of a severity."""

NO_LEVEL: LineLevel = (0, "")

Keys = tuple[str, ...]
"""The names of a line's fields; those of one logger mostly have the same."""


class Columns(Table[Record]):
    """Records in their order.

    `others` has those with an exception, a trace, secrets that were taken out of them, or of
    another stream than the function's.
    """

    __slots__ = ("bodies", "keys", "levels", "observed_ns", "request_ids", "times_ns", "values")

    times_ns: list[int]
    observed_ns: list[int]
    bodies: list[str]
    levels: list[LineLevel]
    request_ids: list[str]
    keys: list[Keys]
    values: list[tuple[Any, ...]]
    """What a line has under its keys, in their order."""

    def __init__(
        self, columns: Iterable[list[Any]] = (), *, others: Mapping[int, Record] = NONE
    ) -> None:
        super().__init__(columns or ([], [], [], [], [], [], []), others=others)
        (
            self.times_ns, self.observed_ns, self.bodies, self.levels,
            self.request_ids, self.keys, self.values,
        ) = self.columns  # fmt: skip

    @classmethod
    def blank(cls, observed_ns: Sequence[int]) -> Columns:
        """Return records of these times of which nothing is known yet."""
        number = len(observed_ns)
        nothing = ([each] * number for each in ("", NO_LEVEL, "", (), ()))
        return cls(([*observed_ns], [*observed_ns], *nothing))

    def _row(self, record: Record) -> tuple[Any, ...]:
        time_ns, observed_ns, _, body, number, text, request_id, fields, *_ = record
        keys, values = tuple(fields), tuple(fields.values())
        return time_ns, observed_ns, body, (number, text), request_id, keys, values

    def _is_more(self, record: Record) -> bool:
        return record.stream != "function" or any(record[8:])

    def _plain(self, at: int) -> Record:
        number, text = self.levels[at]
        keys, values = self.keys[at], self.values[at]
        attributes = dict(zip(keys, values, strict=True)) if keys else NOTHING
        fields = (
            self.times_ns[at], self.observed_ns[at], "function", self.bodies[at], number, text,
            self.request_ids[at], attributes, None, "", None, (),
        )  # fmt: skip
        return NEW(Record, fields)


def in_columns(records: Iterable[Record]) -> Columns:
    """Return records as columns; nearly always they are already."""
    if isinstance(records, Columns):
        return records
    columns = Columns()
    for record in records:
        columns.append(record)
    return columns
