"""Lines as the bytes of log records and span events: what nearly all of them are.

They are written by hand, because an object for each line, and one for each of its attributes, cost
ten times as much. What is unusual, an exception or a trace context of its own, is left to the
official encoder, which is the oracle of the tests for everything here.
Source: https://github.com/open-telemetry/opentelemetry-proto, logs.proto and common.proto
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from extension.telemetry.health import Health
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.reading.columns import Columns
from extension.telemetry.wire import Heads, TextHeads, varint

K = TypeVar("K")
V = TypeVar("V")

LOG_ATTRIBUTES, EVENT_ATTRIBUTES = 6, 3
"""Numbers of the field that an attribute is, in a log record and in an event of a span."""

BODIES = TextHeads(5)
"""What precedes the text of a log record."""

TIMES = struct.Struct("<BQBQ").pack
TIME, OBSERVED_TIME = 1 << 3 | 1, 11 << 3 | 1
"""Tags of the two times of a log record, both of 64 bits."""

MOST_REMEMBERED = 1024
"""Levels and names of attributes whose bytes are remembered; a stranger may write any."""


TEXTS, VALUES, TEXT_VALUES, ITEMS = Heads(1), Heads(2), TextHeads(2), Heads(1)
"""What precedes the text of an `AnyValue`, the value of a `KeyValue`, a value that is a text,
and an item of a list."""
ARRAYS, PAIRS = Heads(5), Heads(6)
"""What precedes the items and the pairs of an `AnyValue` that is nested."""

TRUE, FALSE = b"\x10\x01", b"\x10\x00"
INTEGER = b"\x18"
DOUBLE_TAG, DOUBLE = 4 << 3 | 1, struct.Struct("<Bd").pack
LARGEST_INTEGER = 2**63
ALL_BITS = 2**64 - 1
"""A negative integer is written as the number that its 64 bits are."""


class Remembered(dict[K, V]):
    """What is made of keys, each once while there are few: a stranger may write any."""

    def __init__(self, make: Callable[[K], V], *, most: int = MOST_REMEMBERED) -> None:
        self._make = make
        self._most = most

    def __missing__(self, key: K) -> V:
        made = self._make(key)
        if len(self) < self._most:
            self[key] = made
        return made


def level_bytes(level: tuple[int, str]) -> bytes:
    """Return number and text of a severity as they are in a log record."""
    number, text = level
    message = LogRecord(severity_number=number, severity_text=text)  # type: ignore[arg-type]
    encoded: bytes = message.SerializeToString()
    return encoded


def name_bytes(key: str) -> bytes:
    """Return the name of an attribute as it is in a `KeyValue`."""
    encoded: bytes = KeyValue(key=key).SerializeToString()
    return encoded


class AttributeBytes:
    """Writes attributes as a field of the message that has them, within limits.

    `with_nested`: log records have nested values, events of spans the JSON text of them.
    """

    def __init__(self, number: int, limits: Limits, *, with_nested: bool) -> None:
        self._limits = limits
        self._longest = limits.length
        self._heads = Heads(number)
        self._keys = Remembered(name_bytes)
        self._with_nested = with_nested
        self._writers: dict[type, Callable[[Any], bytes]] = {
            str: self._text,
            int: self._integer,
            bool: lambda value: TRUE if value else FALSE,
            float: lambda value: DOUBLE(DOUBLE_TAG, value),
            type(None): lambda _: b"",
            dict: self._object,
            list: self._list,
        }
        """By the type of a value: JSON has no others."""

    def encode(self, fields: Mapping[str, Any], *, besides: int, without: str = "") -> bytes:
        """Return a line's own fields, where `besides` attributes of ours stand before them."""
        left = max(self._limits.count - besides, 0)
        if len(fields) > left:
            fields = self._within_limit(fields, without, left)
        elif "" in fields or without in fields or None in fields.values():
            fields = dict(_sent(fields, without))
        return self.pairs(fields)

    def pairs(self, fields: Mapping[str, Any]) -> bytes:
        """Return attributes that are within the limits, each with a name and a value."""
        return self._pairs(self._heads, fields)

    def _within_limit(self, fields: Mapping[str, Any], without: str, left: int) -> dict[str, Any]:
        """Return as many of a line's fields as may be sent, counting the others."""
        sent = _sent(fields, without)
        if len(sent) > left:
            self._limits.count_left_out(len(sent) - left)
        return dict(sent[:left])

    def _pairs(self, heads: Heads, fields: Mapping[str, Any]) -> bytes:
        """Return names with their values, each as a field of the message that has them."""
        names, longest = self._keys, self._longest
        pieces: list[bytes] = []
        for key, value in fields.items():
            if type(value) is str and len(value) <= longest:
                raw = value.encode()
                head = TEXT_VALUES[len(raw)]
            else:
                raw = self._writers[type(value)](value)
                head = VALUES[len(raw)]
            name = names[key]
            pieces += heads[len(name) + len(head) + len(raw)], name, head, raw
        return b"".join(pieces)

    def one(self, key: str, value: str) -> bytes:
        """Return an attribute that is a text."""
        return self.pairs({key: value})

    def values(self, values: Iterable[Any]) -> Sequence[bytes]:
        """Return values as `AnyValue`s, nothing for None."""
        return [self._writers[type(value)](value) for value in values]

    def _text(self, text: str) -> bytes:
        raw = (text if len(text) <= self._longest else self._limits.text(text)).encode()
        return TEXTS[len(raw)] + raw

    def _integer(self, value: int) -> bytes:
        """Write a number; OTLP has no integers of more than 64 bits."""
        if 0 <= value < LARGEST_INTEGER:
            return INTEGER + varint(value)
        if -LARGEST_INTEGER < value < 0:
            return INTEGER + varint(value & ALL_BITS)
        return self._text(str(value))

    def _object(self, value: dict[str, Any]) -> bytes:
        if not self._with_nested:
            return self._text(json.dumps(value))
        if "" in value:
            value = {key: each for key, each in value.items() if key}
        raw = self._pairs(ITEMS, value)
        return PAIRS[len(raw)] + raw

    def _list(self, value: list[Any]) -> bytes:
        if not self._with_nested:
            return self._text(json.dumps(value))
        raw = b"".join([ITEMS[len(each)] + each for each in self.values(value)])
        return ARRAYS[len(raw)] + raw


def _sent(fields: Mapping[str, Any], without: str) -> list[tuple[str, Any]]:
    """Return those of a line's fields that have a name and a value, one excepted."""
    return [
        (key, each) for key, each in fields.items() if key and each is not None and key != without
    ]


def write_together(
    records: Columns, write: Callable[[Columns], list[bytes]], *, health: Health
) -> list[bytes]:
    """Write records by one call, or in halves where one cannot be encoded; that one is counted."""
    try:
        return write(records)
    except Exception as error:  # noqa: BLE001  # one line's, whatever is wrong with it
        if len(records) == 1:
            health.faults[type(error).__name__] += 1
            health.dropped["unencodable"] += 1
            return []
    middle = len(records) // 2
    halves = records[:middle], records[middle:]
    return [each for half in halves for each in write_together(half, write, health=health)]
