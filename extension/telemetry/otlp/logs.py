"""Records to OTLP log records, with the ids of the invocation they were written in."""

from __future__ import annotations

from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.line_attributes import (
    add_line_attributes,
    exception_attributes,
    nested,
)
from extension.telemetry.otlp.requests import NO_RESOURCE
from extension.telemetry.otlp.resource import SCOPE
from extension.telemetry.otlp.span_contexts import own_context
from extension.telemetry.reading.line_parts import LineTrace
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext


def build_logs(finished: Finished, limits: Limits | None = None) -> list[ReadableLogRecord]:
    """Return the records that something finished carries, in their order."""
    limits = limits or Limits()
    if not finished.records:
        return []
    request_id = "" if isinstance(finished, Initialization) else finished.request_id
    context = _context(finished.context) if finished.context else None
    return [
        ReadableLogRecord(
            log_record=_log_record(record, request_id=request_id, context=context, limits=limits),
            resource=NO_RESOURCE,
            instrumentation_scope=SCOPE,
        )
        for record in finished.records
    ]


def _context(of: TraceContext) -> Context:
    return set_span_in_context(NonRecordingSpan(own_context(of)), Context())


def _log_record(
    record: Record, *, request_id: str, context: Context | None, limits: Limits
) -> LogRecord:
    attributes: dict[str, Any] = {names.FAAS_INVOCATION_ID: request_id} if request_id else {}
    if record.error:
        attributes |= exception_attributes(record.error)
    if record.attributes or record.stream != "function":
        used = record.trace.keys if record.trace else ()
        add_line_attributes(attributes, record, convert=nested, without=used)
    if record.trace:
        context = _line_context(record.trace)
    return LogRecord(
        timestamp=record.time_ns,
        observed_timestamp=record.observed_ns,
        context=context or Context(),
        severity_text=record.severity_text or None,
        severity_number=SeverityNumber(record.severity) if record.severity else None,
        body=record.body,
        attributes=limits.apply(attributes),
    )


def _line_context(trace: LineTrace) -> Context:
    """Return the span in which the function's own SDK wrote the line."""
    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    span = SpanContext(trace.trace_id, trace.span_id, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(span), Context())
