"""Lines as the bytes of log records and span events: what nearly all of them are.

A line's time, level and text are written by hand, for an object a line costs ten times as much;
whatever is not a text in an attribute is written by the official message. What is unusual, an
exception or a trace context of its own, is left to the official encoder.
Source: https://github.com/open-telemetry/opentelemetry-proto, logs.proto and common.proto
"""

from __future__ import annotations

import struct
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from extension.telemetry.otlp.wire import Heads, TextHeads

LOG_ATTRIBUTES = 6
BODIES = TextHeads(5)
"""What stands before the text of a log record."""

TIMES = struct.Struct("<BQBQ").pack
TIME, OBSERVED_TIME = 1 << 3 | 1, 11 << 3 | 1
"""Tags of the two times of a log record, both of 64 bits."""

MOST_REMEMBERED = 1024
"""Levels and names of attributes whose bytes are remembered; a stranger may write any."""


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
    """Writes attributes as one field of the message that has them."""

    def __init__(self, number: int) -> None:
        self._heads = Heads(number)
        self._texts = TextHeads(2)
        self._keys = Keys()
        self._kept = AnyValue()

    def text(self, key: str, value: str) -> bytes:
        """Return an attribute whose value is a text."""
        raw = value.encode()
        name, head = self._keys[key], self._texts[len(raw)]
        return self._heads[len(name) + len(head) + len(raw)] + name + head + raw

    def any(self, key: str, value: Any) -> bytes:
        """Return an attribute of any value that JSON has."""
        if isinstance(value, str):
            return self.text(key, value)
        kept = self._kept
        kept.Clear()
        fill(kept, value)
        return self._field(key, kept.SerializeToString())

    def _field(self, key: str, value: bytes) -> bytes:
        name, head = self._keys[key], VALUES[len(value)]
        return self._heads[len(name) + len(head) + len(value)] + name + head + value


VALUES = Heads(2)
"""What stands before the value of a `KeyValue`."""


def fill(into: AnyValue, value: Any) -> None:
    """Put a value of JSON into an official message."""
    match value:
        case str():
            into.string_value = value
        case bool():
            into.bool_value = value
        case int():
            into.int_value = value
        case float():
            into.double_value = value
        case dict():
            into.kvlist_value.SetInParent()
            for key, each in value.items():
                pair = into.kvlist_value.values.add()
                pair.key = key
                fill(pair.value, each)
        case list():
            into.array_value.SetInParent()
            for each in value:
                fill(into.array_value.values.add(), each)
