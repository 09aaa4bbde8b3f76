"""Lines as the bytes of log records and span events: what nearly all of them are.

They are written by hand, for an object a line, and one for each of its attributes, cost ten times
as much. What is unusual, an exception or a trace context of its own, is left to the official
encoder, which is the oracle of the tests for everything here.
Source: https://github.com/open-telemetry/opentelemetry-proto, logs.proto and common.proto
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.wire import Heads, TextHeads, field, varint

LOG_ATTRIBUTES, EVENT_ATTRIBUTES = 6, 3
"""Numbers of the field that an attribute is, in a log record and in an event of a span."""

BODIES = TextHeads(5)
"""What stands before the text of a log record."""

_TIMES = struct.Struct("<BQBQ")
TIMES, TIMES_BYTES = _TIMES.pack, _TIMES.size
TIME, OBSERVED_TIME = 1 << 3 | 1, 11 << 3 | 1
"""Tags of the two times of a log record, both of 64 bits."""

MOST_REMEMBERED = 1024
"""Levels and names of attributes whose bytes are remembered; a stranger may write any."""


TEXTS, VALUES, TEXT_VALUES, ITEMS = Heads(1), Heads(2), TextHeads(2), Heads(1)
"""What stands before the text of an `AnyValue`, the value of a `KeyValue`, a value that is a text,
and an item of a list."""

TRUE, FALSE = b"\x10\x01", b"\x10\x00"
INTEGER = b"\x18"
DOUBLE_TAG, DOUBLE = 4 << 3 | 1, struct.Struct("<Bd").pack
ARRAY, PAIRS = 5, 6
LARGEST_INTEGER = 2**63
ALL_BITS = 2**64 - 1
"""A negative integer is written as the number that its 64 bits are."""


class Levels(dict[tuple[int, str], bytes]):
    """Number and text of a severity as they stand in a log record."""

    def __missing__(self, level: tuple[int, str]) -> bytes:
        number, text = level
        message = LogRecord(severity_number=number, severity_text=text)  # type: ignore[arg-type]
        encoded: bytes = message.SerializeToString()
        if len(self) < MOST_REMEMBERED:
            self[level] = encoded
        return encoded


class Keys(dict[str, bytes]):
    """The name of an attribute as it stands in a `KeyValue`."""

    def __missing__(self, key: str) -> bytes:
        encoded: bytes = KeyValue(key=key).SerializeToString()
        if len(self) < MOST_REMEMBERED:
            self[key] = encoded
        return encoded


class AttributeBytes:
    """Writes attributes as a field of the message that has them, within limits.

    `with_nested`: log records have nested values, events of spans the JSON text of them.
    """

    def __init__(self, number: int, limits: Limits, *, with_nested: bool) -> None:
        self._limits = limits
        self._heads = Heads(number)
        self._keys = Keys()
        self._with_nested = with_nested

    def of(self, fields: Mapping[str, Any], *, besides: int, without: str = "") -> Iterator[bytes]:
        """Yield a line's own fields, where `besides` attributes of ours stand before them."""
        room = self._limits.count - besides
        for key, value in fields.items():
            if value is None or not key or key == without:
                continue
            room -= 1
            if room < 0:
                self._limits.count_left_out()
                continue
            yield self._pair(self._heads, key, value)

    def text(self, key: str, value: str) -> bytes:
        """Return an attribute that is a text."""
        return self._pair(self._heads, key, value)

    def _pair(self, heads: Heads, key: str, value: Any) -> bytes:
        name = self._keys[key]
        if isinstance(value, str):
            raw = self._limits.text(value).encode()
            head = TEXT_VALUES[len(raw)]
        else:
            raw = self._value(value)
            head = VALUES[len(raw)]
        return b"%b%b%b%b" % (heads[len(name) + len(head) + len(raw)], name, head, raw)

    def _value(self, value: Any) -> bytes:
        """Return what JSON has as an `AnyValue`; OTLP has no integers of more than 64 bits."""
        match value:
            case bool():
                return TRUE if value else FALSE
            case int() if -LARGEST_INTEGER < value < LARGEST_INTEGER:
                return INTEGER + varint(value & ALL_BITS)
            case float():
                return DOUBLE(DOUBLE_TAG, value)
            case str() | int():
                return self._text(str(value))
            case dict() | list() if not self._with_nested:
                return self._text(json.dumps(value))
            case dict():
                pairs = [self._pair(ITEMS, key, each) for key, each in value.items() if key]
                return field(PAIRS, b"".join(pairs))
            case list():
                items = [ITEMS[len(each)] + each for each in map(self._value, value)]
                return field(ARRAY, b"".join(items))
        return b""

    def _text(self, text: str) -> bytes:
        raw = self._limits.text(text).encode()
        return TEXTS[len(raw)] + raw
