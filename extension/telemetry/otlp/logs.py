"""Records to OTLP log records, with the ids of the invocation they were written in."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple, cast

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from extension.telemetry.assembly.finished import Finished
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.attribute_columns import AttributeColumns
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.line_attributes import (
    add_line_attributes,
    exception_attributes,
    nested,
)
from extension.telemetry.otlp.line_bytes import (
    BODIES,
    LOG_ATTRIBUTES,
    OBSERVED_TIME,
    TIME,
    TIMES,
    AttributeBytes,
    Remembered,
    level_bytes,
    write_together,
)
from extension.telemetry.otlp.requests import NO_RESOURCE
from extension.telemetry.otlp.resource import SCOPE
from extension.telemetry.otlp.span_contexts import own_context
from extension.telemetry.reading.columns import Columns, in_columns
from extension.telemetry.reading.line_parts import LineTrace
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext
from extension.telemetry.wire import Heads

RECORDS = Heads(2)
"""What precedes a log record in the message of its scope."""


class _Whose(NamedTuple):
    """The invocation that lines belong to, if there is one."""

    request_id: str
    context: TraceContext | None


class LogEncoder:
    """Log records of one sandbox as bytes, each as it is in the message of its scope."""

    def __init__(self, *, limits: Limits | None = None, health: Health) -> None:
        self._limits = limits or Limits()
        self._health = health
        self._levels = Remembered(level_bytes)
        self._attributes = AttributeBytes(LOG_ATTRIBUTES, self._limits, with_nested=True)
        self._own = AttributeColumns(LOG_ATTRIBUTES, self._limits, with_nested=True)

    def encode(self, finished: Finished) -> list[bytes]:
        """Return the records that something finished carries, in their order."""
        if not finished.records:
            return []
        records = in_columns(finished.records)
        request_id = "" if isinstance(finished, Initialization) else finished.request_id
        whose = _Whose(request_id, finished.context)
        write = partial(self._encode, whose=whose, shared=self._shared(whose))
        return write_together(records, write, health=self._health)

    def _encode(self, records: Columns, whose: _Whose, shared: bytes) -> list[bytes]:
        with_more = {
            at: record
            for at, record in records.others.items()
            if record.error or record.trace or record.stream != "function"
        }
        encoded = self._plain(records, whose, shared, but=with_more)
        for at, record in with_more.items():
            encoded[at] = self._with_everything(record, whose)
        return encoded

    def _plain(
        self, records: Columns, whose: _Whose, shared: bytes, *, but: Collection[int]
    ) -> list[bytes]:
        """Write lines that have a level and a text, or only a text, and perhaps fields."""
        bodies = [*map(str.encode, records.bodies)]
        heads = map(BODIES.__getitem__, map(len, bodies))
        levels = map(self._levels.__getitem__, records.levels)
        times = map(
            TIMES, repeat(TIME), records.times_ns, repeat(OBSERVED_TIME), records.observed_ns
        )
        has_id = bool(whose.request_id)
        without = names.FAAS_INVOCATION_ID if has_id else ""
        fields = self._own.encode(records, besides=has_id, without=without, but=but)
        parts = zip(times, heads, bodies, levels, repeat(shared), fields, strict=False)
        written = map(b"".join, parts)
        return [RECORDS[len(each)] + each for each in written]

    def _shared(self, whose: _Whose) -> bytes:
        """Return what all lines of an invocation share."""
        request_id, context = whose.request_id, whose.context
        of_invocation = {names.FAAS_INVOCATION_ID: request_id} if request_id else {}
        attributes = self._attributes.encode(of_invocation, besides=0)
        return attributes + _ids(context) if context else attributes

    def _with_everything(self, record: Record, whose: _Whose) -> bytes:
        """Let the official encoder write a line, whatever is in it."""
        encoded: bytes = self._message(record, whose).SerializeToString()
        return RECORDS[len(encoded)] + encoded

    def _message(self, record: Record, whose: _Whose) -> logs_pb2.LogRecord:
        request_id, context = whose
        log_record = build_log_record(
            record, request_id=request_id, context=context, limits=self._limits
        )
        readable = ReadableLogRecord(log_record, resource=NO_RESOURCE, instrumentation_scope=SCOPE)
        [of_resource] = encode_logs([readable]).resource_logs
        [message] = of_resource.scope_logs[0].log_records
        return cast("logs_pb2.LogRecord", message)


def build_log_record(
    record: Record, *, request_id: str, context: TraceContext | None, limits: Limits
) -> LogRecord:
    """Return a record as the SDK has it."""
    attributes: dict[str, Any] = {names.FAAS_INVOCATION_ID: request_id} if request_id else {}
    if record.error:
        attributes |= exception_attributes(record.error)
    if record.attributes or record.stream != "function":
        used = record.trace.keys if record.trace else ()
        add_line_attributes(attributes, record, convert=nested, without=used)
    whose = _context(context) if context else Context()
    if record.trace:
        whose = _line_context(record.trace)
    return LogRecord(
        timestamp=record.time_ns,
        observed_timestamp=record.observed_ns,
        context=whose,
        severity_text=record.severity_text or None,
        severity_number=SeverityNumber(record.severity) if record.severity else None,
        body=record.body,
        attributes=limits.apply(attributes),
    )


def _ids(of: TraceContext) -> bytes:
    """Return the ids of a span as they are in a log record."""
    message = logs_pb2.LogRecord(
        flags=TraceFlags.SAMPLED,
        trace_id=of.trace_id.to_bytes(16, "big"),
        span_id=of.span_id.to_bytes(8, "big"),
    )
    encoded: bytes = message.SerializeToString()
    return encoded


def _context(of: TraceContext) -> Context:
    return set_span_in_context(NonRecordingSpan(own_context(of)), Context())


def _line_context(trace: LineTrace) -> Context:
    """Return the span in which the function's own SDK wrote the line."""
    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    span = SpanContext(trace.trace_id, trace.span_id, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(span), Context())
