"""Log lines and exceptions as span events, and their fields as attributes."""

from __future__ import annotations

import struct
from collections.abc import Iterable
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
)
from extension.telemetry.reading.records import Record
from extension.telemetry.wire import Heads

EVENTS = Heads(11)
"""What stands before an event in the message of its span."""

TIME, TIME_BYTES = struct.Struct("<BQ").pack, 9
TIME_TAG = 1 << 3 | 1
NAME = Span.Event(name="log").SerializeToString()
BEFORE_FIELDS = TIME_BYTES + len(NAME)
MESSAGES = AttributeHeads(EVENT_ATTRIBUTES, names.LOG_MESSAGE)


class LineEvents:
    """Lines as the bytes of events, as they stand in the message of their span."""

    def __init__(self, limits: Limits, *, health: Health) -> None:
        self._health = health
        self._attributes = AttributeBytes(EVENT_ATTRIBUTES, limits, with_nested=False)
        self._longest = limits.length
        self._levels = {"": b""}
        self._is_roomy = limits.count > 1
        """Whether text and level are within the number of attributes."""

    def encode(self, records: Iterable[Record]) -> bytes:
        """Return lines in their order; one that cannot be encoded is counted."""
        encoded: list[bytes] = []
        for record in records:
            try:
                encoded.append(self._event(record))
            except Exception as error:  # noqa: BLE001  # one line's, whatever is wrong with it
                self._health.faults[type(error).__name__] += 1
                self._health.dropped["unencodable"] += 1
        return b"".join(encoded)

    def _event(self, record: Record) -> bytes:
        """Return a line as an event; an exception that left the handler is one of its own."""
        is_plain = not (record.attributes or record.error or record.stream != "function")
        if is_plain and self._is_roomy and len(record.body) <= self._longest:
            return self._plain(record)
        encoded = self._fields(record)
        head = EVENTS[BEFORE_FIELDS + len(encoded)]
        return b"".join((head, TIME(TIME_TAG, record.time_ns), NAME, encoded))

    def _plain(self, record: Record) -> bytes:
        """Write a line that has a text, and perhaps a level."""
        raw = record.body.encode()
        text, level = MESSAGES[len(raw)], self._level(record.severity_text)
        head = EVENTS[BEFORE_FIELDS + len(text) + len(raw) + len(level)]
        return b"".join((head, TIME(TIME_TAG, record.time_ns), NAME, text, raw, level))

    def _level(self, level: str) -> bytes:
        encoded = self._levels.get(level)
        if encoded is None:
            encoded = self._attributes.one(names.LOG_SEVERITY, level)
            if len(self._levels) < MOST_REMEMBERED:
                self._levels[level] = encoded
        return encoded

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
