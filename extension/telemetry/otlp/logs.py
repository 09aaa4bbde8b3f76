"""Records to OTLP log records, with the ids of the invocation they were written in."""

from __future__ import annotations

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.requests import NO_RESOURCE
from extension.telemetry.otlp.resource import SCOPE
from extension.telemetry.otlp.span_contexts import own_context
from extension.telemetry.otlp.span_events import attribute_values
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext


def build_logs(finished: Finished) -> list[ReadableLogRecord]:
    """Return the records that something finished carries, in their order."""
    if not finished.records:
        return []
    request_id = "" if isinstance(finished, Initialization) else finished.request_id
    context = _context(finished.context) if finished.context else None
    return [
        ReadableLogRecord(
            log_record=_log_record(record, request_id=request_id, context=context),
            resource=NO_RESOURCE,
            instrumentation_scope=SCOPE,
        )
        for record in finished.records
    ]


def _context(of: TraceContext) -> Context:
    return set_span_in_context(NonRecordingSpan(own_context(of)), Context())


def _log_record(record: Record, *, request_id: str, context: Context | None) -> LogRecord:
    attributes = attribute_values(record.attributes)
    if request_id:
        attributes[names.FAAS_INVOCATION_ID] = request_id
    attributes[names.LOG_STREAM] = record.stream
    if record.error:
        attributes[names.EXCEPTION_TYPE] = record.error.type
        attributes[names.EXCEPTION_MESSAGE] = record.error.message
        attributes[names.EXCEPTION_STACKTRACE] = record.error.stack
    return LogRecord(
        timestamp=record.time_ns,
        observed_timestamp=record.observed_ns,
        context=context or Context(),
        severity_text=record.severity_text or None,
        severity_number=SeverityNumber(record.severity) if record.severity else None,
        body=record.body,
        attributes=attributes,
    )
