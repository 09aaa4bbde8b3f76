"""OTLP requests of every size that a limit asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.simulator.aws.signed import NOW_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TRACE_ID = (NOW_NS // 1_000_000_000).to_bytes(4, "big") + bytes(range(12))
SPAN_ID = bytes(range(1, 9))
SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS


def attributes(values: Mapping[str, str]) -> list[KeyValue]:
    """Return attributes of text."""
    return [KeyValue(key=key, value=AnyValue(string_value=it)) for key, it in values.items()]


def span(*, name: str = "work", at_ns: int = NOW_NS, end_ns: int = 0, padding: int = 0) -> Span:
    """Return a span; `padding` is the length of an attribute."""
    return Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        name=name,
        start_time_unix_nano=at_ns,
        end_time_unix_nano=end_ns or at_ns,
        attributes=attributes({"padding": "x" * padding}) if padding else (),
    )


def spans(
    *items: Span, resource: Mapping[str, str] | None = None, scope: str = ""
) -> ExportTraceServiceRequest:
    """Return one request of spans."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(attributes(resource or {}))
    scoped = group.scope_spans.add()
    scoped.scope.name = scope
    scoped.spans.extend(items)
    return message


def record(body: str = "hello", *, at_ns: int = NOW_NS) -> LogRecord:
    """Return a log record."""
    return LogRecord(time_unix_nano=at_ns, body=AnyValue(string_value=body))


def records(
    *items: LogRecord, resource: Mapping[str, str] | None = None
) -> ExportLogsServiceRequest:
    """Return one request of log records."""
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    group.resource.attributes.extend(attributes(resource or {}))
    group.scope_logs.add().log_records.extend(items)
    return message


def point(labels: Mapping[str, str] | None = None, *, at_ns: int = NOW_NS) -> NumberDataPoint:
    """Return a data point of a sum."""
    return NumberDataPoint(as_int=1, time_unix_nano=at_ns, attributes=attributes(labels or {}))


def points(
    items: Iterable[NumberDataPoint],
    *,
    resource: Mapping[str, str] | None = None,
    description: str = "",
) -> ExportMetricsServiceRequest:
    """Return one request of one metric."""
    message = ExportMetricsServiceRequest()
    group = message.resource_metrics.add()
    group.resource.attributes.extend(attributes(resource or {}))
    metric = group.scope_metrics.add().metrics.add()
    metric.name, metric.description = "count", description
    metric.sum.data_points.extend(items)
    return message


def padded_to(
    size: int, build: Callable[[int], Any], *, of: Callable[[Any], int] | None = None
) -> int:
    """Return the padding with which `build(padding)` has exactly `size` bytes."""
    measure = of or (lambda message: int(message.ByteSize()))
    padding = size
    for _ in range(8):
        excess = measure(build(padding)) - size
        if not excess:
            return padding
        padding -= excess
    raise AssertionError(f"no padding makes it {size} bytes")
