"""Log records as they leave, and as the official encoder writes them."""

from __future__ import annotations

from typing import Any

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan

from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.line_attributes import add_line_attributes, exception_attributes, flat
from extension.telemetry.otlp.logs import LogEncoder, build_log_record
from extension.telemetry.otlp.requests import NO_RESOURCE, PLACEHOLDER
from extension.telemetry.otlp.resource import SCOPE
from extension.telemetry.otlp.span_events import LineEvents
from extension.telemetry.reading.records import Record


def leaving(
    finished: Finished, *, limits: Limits | None = None, health: Health | None = None
) -> list[LogRecord]:
    """Return the log records of something finished as an endpoint reads them."""
    encoder = LogEncoder(limits=limits, health=health or Health())
    return [
        record
        for each in encoder.encode(finished)
        for record in ScopeLogs.FromString(each).log_records
    ]


def official(finished: Finished, *, limits: Limits | None = None) -> list[LogRecord]:
    """Return them as the official encoder writes what the SDK holds of them."""
    request_id = "" if isinstance(finished, Initialization) else finished.request_id
    held = [
        ReadableLogRecord(
            build_log_record(
                record, request_id=request_id, context=finished.context, limits=limits or Limits()
            ),
            resource=NO_RESOURCE,
            instrumentation_scope=SCOPE,
        )
        for record in finished.records
    ]
    resources = encode_logs(held).resource_logs
    return [record for each in resources for record in each.scope_logs[0].log_records]


def leaving_event(*records: Record, limits: Limits) -> Span:
    """Return a span whose events are lines, as an endpoint reads it."""
    span: Span = Span.FromString(LineEvents(limits, health=Health()).encode(records))
    return span


def official_event(*records: Record, limits: Limits) -> Span:
    """Return it as the official encoder writes events that the SDK holds."""
    events = [_sdk_event(record, limits) for record in records]
    [of_resource] = encode_spans(
        [ReadableSpan("", context=PLACEHOLDER, events=events)]
    ).resource_spans
    [span] = of_resource.scope_spans[0].spans
    return Span(events=span.events)


def _sdk_event(record: Record, limits: Limits) -> SpanEvent:
    attributes: dict[str, Any] = {names.LOG_MESSAGE: record.body}
    if record.severity_text:
        attributes[names.LOG_SEVERITY] = record.severity_text
    if record.error and not record.evidence:
        attributes |= exception_attributes(record.error)
    add_line_attributes(attributes, record, convert=flat)
    return SpanEvent("log", limits.apply(attributes), record.time_ns)
