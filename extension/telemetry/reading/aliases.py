"""PURE: the names under which the loggers of many languages tell text, level, time, ids and errors.

One table: a part of a line, then its names, the surest first. A dot is a level of nesting, or part
of the name: loggers that follow ECS write both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

ALIASES: Mapping[str, tuple[str, ...]] = {
    # Python's logging and Powertools, pino, bunyan, winston, log4j2, logback, Monolog, zap, slog,
    # logrus, zerolog; then .NET, Rust's tracing, Serilog, GELF, loguru.
    "text": (
        "message", "msg", "Message", "fields.message", "@m", "RenderedMessage", "short_message",
        "log.message", "record.message", "@mt", "MessageTemplate",
    ),
    # Words that are also names of other things; they are the text of a line that has a level.
    # structlog, OpenTelemetry, and loggers of containers.
    "weak_text": ("event", "body", "Body", "text", "log"),
    "level": (
        "level", "log_level", "severity", "levelname", "level_name", "log.level", "logLevel",
        "loglevel", "LogLevel", "Level", "lvl", "@l", "severity_text", "severityText",
        "SeverityText", "record.level", "severity_number", "severityNumber", "SeverityNumber",
        "levelno", "level_number",
    ),
    "time": (
        "timestamp", "time", "@timestamp", "Timestamp", "ts", "asctime", "@t", "datetime",
        "timeMillis", "eventTime",
    ),
    "request": (
        "requestId", "AWSRequestId", "aws_request_id", "awsRequestId", "function_request_id",
        "FunctionRequestId", "faas.invocation_id", "lambdaRequestId", "span.requestId",
        "request_id", "AwsRequestId",
    ),
    # OpenTelemetry's names for other formats, then those of its SDKs, ECS and Serilog.
    "trace_id": ("trace_id", "traceId", "TraceId", "traceID", "otelTraceID", "trace.id", "@tr"),
    "span_id": ("span_id", "spanId", "SpanId", "spanID", "otelSpanID", "span.id", "@sp"),
    "trace_flags": ("trace_flags", "traceFlags", "TraceFlags", "otelTraceSampled"),
    "error": ("err", "error", "exception", "thrown", "Exception", "exc_info", "@x"),
    "error_type": ("errorType", "exception.type", "exception_name", "error.type"),
    "error_message": ("errorMessage", "exception.message", "error.message"),
    "stack": (
        "stackTrace", "stack_trace", "exception.stacktrace", "error.stack_trace", "stacktrace",
        "stack", "error.stack",
    ),
}  # fmt: skip


Field = tuple[str, str]
"""A field's name, and its name inside that one, or empty."""

Fields = Mapping[str, tuple[Field, ...]]
"""The fields that may tell each part, the surest first."""

NESTED = {name.partition(".")[0] for names in ALIASES.values() for name in names if "." in name}
KNOWN = frozenset(name for names in ALIASES.values() for name in names) | NESTED


def find(told: Mapping[str, Any]) -> Fields:
    """Return which fields may tell what; a logger's lines all have the same, so it is looked up."""
    return _find(tuple(filter(KNOWN.__contains__, told)))


@lru_cache(maxsize=128)
def _find(known: tuple[str, ...]) -> Fields:
    found: dict[str, tuple[Field, ...]] = {}
    for part, names in ALIASES.items():
        fields: list[Field] = []
        for name in names:
            outer, _, inner = name.partition(".")
            if name in known:
                fields.append((name, ""))
            if inner and outer in known:
                fields.append((outer, inner))
        if fields:
            found[part] = tuple(fields)
    return found


def value_of(told: Mapping[str, Any], field: Field) -> Any:
    """Return what a field tells, None if it is not there after all."""
    outer, inner = field
    value = told[outer]
    if not inner:
        return value
    return value.get(inner) if isinstance(value, dict) else None


def without(rest: dict[str, Any], field: Field) -> None:
    """Take a field that was used out of those that are left."""
    outer, inner = field
    if not inner:
        rest.pop(outer, None)
        return
    held = rest.get(outer)
    if isinstance(held, dict):
        left = {key: value for key, value in held.items() if key != inner}
        if left:
            rest[outer] = left
        else:
            rest.pop(outer)
