"""Log lines and exceptions as span events, and their fields as attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import Event as SpanEvent

from extension.telemetry.assembly.finished import TimedError
from extension.telemetry.otlp import attributes as names
from extension.telemetry.reading.records import Record

LARGEST_INTEGER = 2**63
"""From here on OTLP has no integers; JSON, and so a log line, does."""


def log_event(record: Record) -> SpanEvent:
    """Return a line as an event."""
    attributes = attribute_values(record.attributes)
    attributes[names.LOG_MESSAGE] = record.body
    if record.severity_text:
        attributes[names.LOG_SEVERITY] = record.severity_text
    if record.stream == "extension":
        attributes[names.LOG_STREAM] = record.stream
    return SpanEvent("log", attributes, record.time_ns)


def exception_event(left: TimedError) -> SpanEvent:
    """Return what left the handler as an event of the conventional name."""
    attributes = {
        names.EXCEPTION_TYPE: left.error.type,
        names.EXCEPTION_MESSAGE: left.error.message,
        names.EXCEPTION_STACKTRACE: left.error.stack,
    }
    known = {name: value for name, value in attributes.items() if value}
    return SpanEvent("exception", known, left.time_ns)


def attribute_values(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's structured fields as attributes; nested ones as their JSON text."""
    return {key: _attribute(value) for key, value in told.items() if value is not None}


def _attribute(value: Any) -> str | bool | int | float:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= LARGEST_INTEGER:
        return str(value)
    return value if isinstance(value, str | bool | int | float) else json.dumps(value)
