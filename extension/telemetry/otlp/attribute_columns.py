"""Attributes of many lines whose fields have the same names, written by column.

All values that lines have under one name are written by a few calls, and what precedes them
is remembered. They are the bytes that `AttributeBytes` writes for each line alone; it is asked
where the limit of number is reached, for values of several types, and for what is nested deeply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice, repeat
from typing import Any, NamedTuple

from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.line_bytes import (
    ARRAYS,
    INTEGER,
    ITEMS,
    LARGEST_INTEGER,
    PAIRS,
    TEXT_VALUES,
    VALUES,
    AttributeBytes,
    Remembered,
    name_bytes,
)
from extension.telemetry.reading.columns import Columns, Keys
from extension.telemetry.reading.table import places_of, put_all
from extension.telemetry.wire import MOST_REMEMBERED, Heads, TextHeads, varint

OF_LIST = 1
"""Number of the field that an item is, or a pair, in a list of them."""

MOST_KEYS, MOST_LENGTHS = 128, 256
"""Names, and lengths of what is under one, that are remembered; a stranger may write any."""

MOST_LEVELS = 2
"""Of nesting that are written by column; each takes several calls within each other."""

FEW = 4
"""Fewer that are alike are written sooner one by one."""


class IntegerHeads(dict[int, bytes]):
    """What precedes an integer that is an `AnyValue` in a field, by its length in bytes."""

    def __init__(self, number: int) -> None:
        self._value = Heads(number)

    def __missing__(self, length: int) -> bytes:
        self[length] = head = self._value[len(INTEGER) + length] + INTEGER
        return head


class AttributeHeads(dict[int, bytes]):
    """What precedes the value of an attribute of one name, by the value's length in bytes.

    `heads` are those of its field, which all names share, and `values` what precedes it in its
    pair; at most so many lengths are remembered.
    """

    def __init__(
        self,
        heads: Heads,
        name: bytes,
        values: Mapping[int, bytes] = TEXT_VALUES,
        *,
        most: int = MOST_REMEMBERED,
    ) -> None:
        self._heads = heads
        self._name = name
        self._values = values
        self._most = most

    def __missing__(self, length: int) -> bytes:
        before = self._name + self._values[length]
        head = self._heads[len(before) + length] + before
        if length < self._most:
            self[length] = head
        return head


class _Before(NamedTuple):
    """What precedes texts, before integers, and before any other value, by their lengths."""

    texts: Mapping[int, bytes]
    integers: Mapping[int, bytes]
    others: Mapping[int, bytes]


BEFORE_ITEMS = _Before(TextHeads(OF_LIST), IntegerHeads(OF_LIST), ITEMS)
IN_PAIRS = _Before(TEXT_VALUES, IntegerHeads(2), VALUES)


_Keys = Remembered[str, _Before]


def _before_values(number: int, *, with_none: bool) -> _Keys:
    """Return what precedes an attribute's value, by its name."""
    shared = Heads(number)

    def make(key: str) -> _Before:
        name = name_bytes(key)
        heads = [AttributeHeads(shared, name, each, most=MOST_LENGTHS) for each in IN_PAIRS]
        if not with_none:
            heads[-1][0] = b""  # only nothing is so short, and is no attribute
        return _Before(*heads)

    return Remembered(make, most=MOST_KEYS)


class AttributeColumns:
    """Writes attributes of lines as fields of the messages that have them, within limits.

    `with_nested`: log records have nested values, events of spans the JSON text of them.
    """

    def __init__(self, number: int, limits: Limits, *, with_nested: bool) -> None:
        self._limits = limits
        self._longest = limits.length
        self._alone = AttributeBytes(number, limits, with_nested=with_nested)
        self._levels = MOST_LEVELS if with_nested else 0
        self._fields = _before_values(number, with_none=False)
        self._pairs = _before_values(OF_LIST, with_none=True)

    def encode(
        self, records: Columns, *, besides: int, without: str = "", but: Collection[int] = ()
    ) -> Iterable[bytes]:
        """Return each line's own fields, where `besides` attributes of ours stand before them.

        Nothing for lines in some places, and without an end where no line has any.
        """
        if not any(records.keys):
            return repeat(b"")
        fields = [b""] * len(records)
        for keys, among in places_of(records.keys).items():
            places = [at for at in among if at not in but] if but else among
            if keys and places:
                rows = [records.values[at] for at in places]
                put_all(self._alike(keys, rows, besides, without), places, into=fields)
        return fields

    def _alike(
        self, keys: Keys, rows: Sequence[Sequence[Any]], besides: int, without: str
    ) -> Iterable[bytes]:
        """Return the fields of lines that have the same keys."""
        is_full = len(keys) > self._limits.count - besides
        if is_full or len(rows) < FEW:  # what is left out depends on the values
            lines = (dict(zip(keys, row, strict=True)) for row in rows)
            return [self._alone.encode(each, besides=besides, without=without) for each in lines]
        sent = ["" if key == without else key for key in keys]
        return self._rows(self._fields, sent, rows, levels=self._levels)

    def _rows(
        self, before: _Keys, keys: Iterable[str], rows: Sequence[Iterable[Any]], *, levels: int
    ) -> Iterable[bytes]:
        """Return names and values of each row; what has no name is left out."""
        pieces: list[Iterable[bytes]] = []
        for key, column in zip(keys, zip(*rows, strict=True), strict=True):
            if key:
                pieces += self._column(before[key], column, levels)
        return map(b"".join, zip(*pieces, strict=True)) if pieces else repeat(b"", len(rows))

    def _column(
        self, before: _Before, column: Sequence[Any], levels: int
    ) -> tuple[Iterable[bytes], Sequence[bytes]]:
        """Return what precedes the values of a column, and the values."""
        types = {*map(type, column)}
        heads, raw = before.others, None
        if types == {str}:
            heads, raw = before.texts, self._texts(column)
        elif types == {int}:
            if min(column) >= 0 and max(column) < LARGEST_INTEGER:
                heads, raw = before.integers, [*map(varint, column)]
        elif levels and types == {dict}:
            raw = self._objects(column, levels - 1)
        elif levels and types == {list}:
            raw = self._lists(column, levels - 1)
        if raw is None:
            raw = self._alone.values(column)
        return map(heads.__getitem__, map(len, raw)), raw

    def _texts(self, column: Sequence[str]) -> Sequence[bytes]:
        if max(map(len, column)) > self._longest:
            column = [*map(self._limits.text, column)]
        return [*map(str.encode, column)]

    def _objects(self, column: Sequence[dict[str, Any]], levels: int) -> Sequence[bytes]:
        alike = places_of(map(tuple, column))
        if len(alike) * FEW > len(column):
            return self._alone.values(column)
        raw = [b""] * len(column)
        for keys, places in alike.items():
            rows = [column[at].values() for at in places]
            put_all(self._rows(self._pairs, keys, rows, levels=levels), places, into=raw)
        return [PAIRS[len(each)] + each for each in raw]

    def _lists(self, column: Sequence[list[Any]], levels: int) -> Sequence[bytes]:
        heads, items = self._column(BEFORE_ITEMS, [*chain.from_iterable(column)], levels)
        pieces = chain.from_iterable(zip(heads, items, strict=True))
        raw = [b"".join(islice(pieces, 2 * number)) for number in map(len, column)]
        return [ARRAYS[len(each)] + each for each in raw]
