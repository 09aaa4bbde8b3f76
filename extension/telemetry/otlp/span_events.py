"""Log lines and exceptions as span events, and their fields as attributes."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import repeat
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import Event as SpanEvent

from extension.telemetry.assembly.finished import TimedError
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.line_attributes import add_line_attributes, exception_attributes
from extension.telemetry.otlp.line_bytes import (
    EVENT_ATTRIBUTES,
    MOST_REMEMBERED,
    AttributeBytes,
    AttributeHeads,
    write_together,
)
from extension.telemetry.reading.columns import Columns, LineLevel, in_columns
from extension.telemetry.reading.records import Record
from extension.telemetry.wire import Heads

EVENTS = Heads(11)
"""What stands before an event in the message of its span."""

TIME, TIME_BYTES = struct.Struct("<BQ").pack, 9
TIME_TAG = 1 << 3 | 1
NAME = Span.Event(name="log").SerializeToString()
BEFORE_FIELDS = TIME_BYTES + len(NAME)
MESSAGES = AttributeHeads(EVENT_ATTRIBUTES, names.LOG_MESSAGE)


class _Levels(dict[LineLevel, bytes]):
    """Levels as the attribute that an event has them in."""

    def __init__(self, attributes: AttributeBytes) -> None:
        self._attributes = attributes

    def __missing__(self, level: LineLevel) -> bytes:
        _, text = level
        encoded = self._attributes.one(names.LOG_SEVERITY, text) if text else b""
        if len(self) < MOST_REMEMBERED:
            self[level] = encoded
        return encoded


class LineEvents:
    """Lines as the bytes of events, as they stand in the message of their span."""

    def __init__(self, limits: Limits, *, health: Health) -> None:
        self._health = health
        self._attributes = AttributeBytes(EVENT_ATTRIBUTES, limits, with_nested=False)
        self._longest = limits.length
        self._levels = _Levels(self._attributes)
        self._is_roomy = limits.count > 1
        """Whether text and level are within the number of attributes."""

    def encode(self, records: Iterable[Record]) -> bytes:
        """Return lines in their order; one that cannot be encoded is counted."""
        columns = in_columns(records)
        if not columns:
            return b""
        return b"".join(write_together(columns, self._encode, health=self._health))

    def _encode(self, records: Columns) -> list[bytes]:
        encoded = self._plain(records)
        for at in self._with_more(records):
            encoded[at] = self._event(records[at])
        return encoded

    def _with_more(self, records: Columns) -> Iterable[int]:
        """Return the places of lines that are more than a text, and perhaps a level."""
        if not self._is_roomy:
            return range(len(records))
        longest, lengths = self._longest, [*map(len, records.bodies)]
        if max(lengths) > longest or any(records.attributes):
            both = enumerate(zip(lengths, records.attributes, strict=True))
            return [
                at
                for at, (length, fields) in both
                if fields or length > longest or at in records.others
            ]
        return records.others

    def _plain(self, records: Columns) -> list[bytes]:
        """Write lines that have a text, and perhaps a level."""
        bodies = [*map(str.encode, records.bodies)]
        heads = map(MESSAGES.__getitem__, map(len, bodies))
        levels = map(self._levels.__getitem__, records.levels)
        times = map(TIME, repeat(TIME_TAG), records.times_ns)
        written = map(b"".join, zip(times, repeat(NAME), heads, bodies, levels, strict=False))
        return [EVENTS[len(each)] + each for each in written]

    def _event(self, record: Record) -> bytes:
        """Return a line as an event; an exception that left the handler is one of its own."""
        encoded = self._fields(record)
        head = EVENTS[BEFORE_FIELDS + len(encoded)]
        return b"".join((head, TIME(TIME_TAG, record.time_ns), NAME, encoded))

    def _fields(self, record: Record) -> bytes:
        attributes: dict[str, Any] = {names.LOG_MESSAGE: record.body}
        if record.severity_text:
            attributes[names.LOG_SEVERITY] = record.severity_text
        if record.error and not record.evidence:
            attributes |= exception_attributes(record.error)
        if record.attributes or record.stream != "function":
            add_line_attributes(attributes, record)
        return self._attributes.encode(attributes, besides=0)


def exception_event(left: TimedError, *, limits: Limits) -> SpanEvent:
    """Return what left the handler as an event of the conventional name."""
    return SpanEvent("exception", limits.apply(exception_attributes(left.error)), left.time_ns)
