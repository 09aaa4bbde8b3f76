"""Log lines and exceptions as span events, and their fields as attributes."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from itertools import repeat
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import Event as SpanEvent

from extension.telemetry.assembly.finished import TimedError
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.attribute_columns import AttributeColumns, AttributeHeads
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.line_attributes import add_line_attributes, exception_attributes
from extension.telemetry.otlp.line_bytes import (
    EVENT_ATTRIBUTES,
    AttributeBytes,
    Remembered,
    name_bytes,
    write_together,
)
from extension.telemetry.reading.columns import Columns, Keys, LineLevel, in_columns
from extension.telemetry.reading.records import Record
from extension.telemetry.wire import Heads

EVENTS = Heads(11)
"""What precedes an event in the message of its span."""

TIME, TIME_BYTES = struct.Struct("<BQ").pack, 9
TIME_TAG = 1 << 3 | 1
NAME = Span.Event(name="log").SerializeToString()
BEFORE_FIELDS = TIME_BYTES + len(NAME)
OURS = frozenset((names.LOG_MESSAGE, names.LOG_SEVERITY))
MESSAGES = AttributeHeads(Heads(EVENT_ATTRIBUTES), name_bytes(names.LOG_MESSAGE))


class LineEvents:
    """Lines as the bytes of events, as they are in the message of their span."""

    def __init__(self, limits: Limits, *, health: Health) -> None:
        self._health = health
        self._attributes = AttributeBytes(EVENT_ATTRIBUTES, limits, with_nested=False)
        self._own = AttributeColumns(EVENT_ATTRIBUTES, limits, with_nested=False)
        self._longest, self._most = limits.length, limits.count
        self._levels = Remembered(self._level)
        self._is_roomy = limits.count >= len(OURS)
        """Whether text and level are within the number of attributes."""

    def encode(self, records: Iterable[Record]) -> bytes:
        """Return lines in their order; one that cannot be encoded is counted."""
        columns = in_columns(records)
        if not columns:
            return b""
        return b"".join(write_together(columns, self._encode, health=self._health))

    def _encode(self, records: Columns) -> list[bytes]:
        with_more = self._with_more(records)
        encoded = self._plain(records, but=with_more)
        for at in with_more:
            encoded[at] = self._event(records[at])
        return encoded

    def _with_more(self, records: Columns) -> Collection[int]:
        """Return the places of lines that are more than a text, a level, and fields of their own.

        Or more than the limits let through, of which ours go first.
        """
        if not self._is_roomy:
            return range(len(records))
        places = {*records.others}
        longest, lengths = self._longest, [*map(len, records.bodies)]
        if max(lengths) > longest:
            places.update([at for at, length in enumerate(lengths) if length > longest])
        if unusual := {*filter(self._are_unusual, {*records.keys})}:
            places.update([at for at, keys in enumerate(records.keys) if keys in unusual])
        return places

    def _are_unusual(self, keys: Keys) -> bool:
        """Return whether fields may be too many beside ours, or have the name of one."""
        return len(keys) > self._most - len(OURS) or not OURS.isdisjoint(keys)

    def _plain(self, records: Columns, *, but: Collection[int]) -> list[bytes]:
        """Write lines that have a text, and perhaps a level and fields."""
        bodies = [*map(str.encode, records.bodies)]
        heads = map(MESSAGES.__getitem__, map(len, bodies))
        levels = map(self._levels.__getitem__, records.levels)
        times = map(TIME, repeat(TIME_TAG), records.times_ns)
        fields = self._own.encode(records, besides=len(OURS), but=but)
        parts = zip(times, repeat(NAME), heads, bodies, levels, fields, strict=False)
        return [EVENTS[len(each)] + each for each in map(b"".join, parts)]

    def _level(self, level: LineLevel) -> bytes:
        """Return a level as the attribute that an event has it in."""
        _, text = level
        return self._attributes.one(names.LOG_SEVERITY, text) if text else b""

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
