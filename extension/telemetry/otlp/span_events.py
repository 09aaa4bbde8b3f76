"""Log lines and exceptions as span events, and their fields as attributes."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import Event as SpanEvent

from extension.telemetry.assembly.finished import TimedError
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.line_attributes import add_line_attributes, exception_attributes, flat
from extension.telemetry.reading.records import Record


def log_event(record: Record, *, limits: Limits) -> SpanEvent:
    """Return a line as an event; an exception that left the handler is an event of its own."""
    attributes: dict[str, Any] = {names.LOG_MESSAGE: record.body}
    if record.severity_text:
        attributes[names.LOG_SEVERITY] = record.severity_text
    if record.error and not record.evidence:
        attributes |= exception_attributes(record.error)
    if record.attributes or record.stream != "function":
        add_line_attributes(attributes, record, convert=flat)
    return SpanEvent("log", limits.apply(attributes), record.time_ns)


def exception_event(left: TimedError, *, limits: Limits) -> SpanEvent:
    """Return what left the handler as an event of the conventional name."""
    return SpanEvent("exception", limits.apply(exception_attributes(left.error)), left.time_ns)
