"""PURE: the names under which the loggers of many languages write text, level, time, ids and
errors.

One table: a part of a line, then its names, the surest first. A dot is a level of nesting, or part
of the name: loggers that follow ECS write both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

ALIASES: Mapping[str, tuple[str, ...]] = {
    # Logback's own, whose `message` is a template; Python's logging and Powertools, pino, bunyan,
    # winston, log4j2, Monolog, zap, slog, logrus, zerolog; then .NET, Rust's tracing, Serilog,
    # GELF, loguru, hclog.
    "text": (
        "formattedMessage", "message", "msg", "Message", "fields.message", "@m", "RenderedMessage",
        "short_message", "log.message", "record.message", "@mt", "MessageTemplate", "@message",
    ),
    # Words that are also names of other things; they are the text of a line that has a level.
    # structlog, OpenTelemetry, loggers of containers, zap in development, tslog.
    "weak_text": ("event", "body", "Body", "text", "log", "M", "0"),
    "level": (
        "level", "log_level", "severity", "levelname", "level_name", "log.level", "logLevel",
        "loglevel", "LogLevel", "Level", "lvl", "@l", "severity_text", "severityText",
        "SeverityText", "record.level", "severity_number", "severityNumber", "SeverityNumber",
        "levelno", "level_number", "@level", "L", "_meta.logLevelName", "context.logLevel",
    ),
    "time": (
        "timestamp", "time", "@timestamp", "Timestamp", "ts", "asctime", "@t", "datetime",
        "timeMillis", "eventTime", "instant", "record.time", "T", "_meta.date",
    ),
    "request": (
        "requestId", "AWSRequestId", "aws_request_id", "awsRequestId", "function_request_id",
        "FunctionRequestId", "faas.invocation_id", "lambdaRequestId", "span.requestId",
        "request_id", "AwsRequestId", "functionRequestId", "contextMap.AWSRequestId",
        "mdc.AWSRequestId", "faas.execution",
    ),
    # OpenTelemetry's names for other formats, then those of its SDKs, ECS, Serilog, Google's
    # layouts, and of the contexts that Java's loggers write as an object.
    "trace_id": (
        "trace_id", "traceId", "TraceId", "traceID", "otelTraceID", "trace.id", "@tr",
        "logging.googleapis.com/trace", "mdc.trace_id", "mdc.traceId", "contextMap.trace_id",
        "contextMap.traceId",
    ),
    "span_id": (
        "span_id", "spanId", "SpanId", "spanID", "otelSpanID", "span.id", "@sp",
        "logging.googleapis.com/spanId", "mdc.span_id", "mdc.spanId", "contextMap.span_id",
        "contextMap.spanId",
    ),
    "trace_flags": (
        "trace_flags", "traceFlags", "TraceFlags", "otelTraceSampled",
        "logging.googleapis.com/trace_sampled", "mdc.trace_flags", "mdc.sampled",
        "contextMap.trace_flags",
    ),
    "error": (
        "err", "error", "exception", "thrown", "Exception", "exc_info", "@x", "throwable",
        "context.exception", "record.exception",
    ),
    "error_type": ("errorType", "exception.type", "exception_name", "error.type"),
    "error_message": ("errorMessage", "exception.message", "error.message"),
    "stack": (
        "stackTrace", "stack_trace", "exception.stacktrace", "error.stack_trace", "stacktrace",
        "stack", "error.stack", "full_message",
    ),
}  # fmt: skip


GELF = "short_message"
"""Of Graylog, whose levels are syslog's."""

Field = tuple[str, str]
"""A field's name, and its name inside that one, or empty."""

NO_FIELD: Field = ("", "")

SERILOG_TIME: Field = ("@t", "")
"""Of Serilog's compact form, in which a line without a level is information."""

Fields = Mapping[str, tuple[Field, ...]]
"""The fields that may hold each part, the surest first."""


class Plain(NamedTuple):
    """The keys of a line that has each part under one name, and no rare part.

    Nearly all lines are such; those that have no level, time or request id have an empty key.
    """

    text: str
    level: str
    time: str
    request: str


class Found(NamedTuple):
    """What the keys of a line may mean; `plain` where that is simple."""

    fields: Fields
    plain: Plain | None


SELDOM = frozenset(("error", "error_type", "stack", "trace_id"))
"""Parts that take a closer look at the line."""

MOST_KEYS = 64
"""Of a line whose keys are remembered; a stranger's line may have any number."""

NESTED = {name.partition(".")[0] for names in ALIASES.values() for name in names if "." in name}
KNOWN = frozenset(name for names in ALIASES.values() for name in names) | NESTED


def find(payload: Mapping[str, Any]) -> Found:
    """Return which fields may mean what; a logger's lines all have the same, so it is looked up."""
    return _of_keys(tuple(payload)) if len(payload) <= MOST_KEYS else _of_many_keys(payload)


@lru_cache(maxsize=128)
def _of_keys(keys: tuple[str, ...]) -> Found:
    return _of_many_keys(keys)


def _of_many_keys(keys: Iterable[str]) -> Found:
    return _find(tuple(filter(KNOWN.__contains__, keys)))


@lru_cache(maxsize=128)
def _find(known: tuple[str, ...]) -> Found:
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
    return Found(found, _plain(found))


def _plain(found: Fields) -> Plain | None:
    """Return the first key of each part if it is at the top, and there is one request id."""
    if not SELDOM.isdisjoint(found) or len(found.get("request", ())) > 1:
        return None
    if "text" not in found or (GELF, "") in found["text"]:
        return None
    if SERILOG_TIME in found.get("time", ()) and "level" not in found:
        return None
    first = [found.get(part, (NO_FIELD,))[0] for part in ("text", "level", "time", "request")]
    return None if any(inner for _, inner in first) else Plain(*(outer for outer, _ in first))


def value_of(payload: Mapping[str, Any], field: Field) -> Any:
    """Return what a field holds, None if it is not there after all."""
    outer, inner = field
    value = payload[outer]
    if not inner:
        return value
    return value.get(inner) if isinstance(value, dict) else None


def put(rest: dict[str, Any], field: Field, value: Any) -> None:
    """Give a field another value."""
    outer, inner = field
    rest[outer] = {**rest[outer], inner: value} if inner else value


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
