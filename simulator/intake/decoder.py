"""OTLP requests in protobuf → the values of `simulator.otlp`.

The rule of this module: nothing of the sender is used, only the official message definitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage

from simulator.intake.otlp import Event, Link, LogRecord, Metric, Point, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogRecordMessage
    from opentelemetry.proto.metrics.v1.metrics_pb2 import (
        HistogramDataPoint,
        NumberDataPoint,
    )
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as MetricMessage

    from simulator.intake.otlp import Attributes, MetricType

REQUESTS: Mapping[str, type[Message]] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}
"""What is posted to each path."""


def decode_traces(body: bytes) -> list[Span]:
    """Spans of an ExportTraceServiceRequest; raises google.protobuf.message.DecodeError."""
    return [
        _span(span, resource=_attributes(group.resource.attributes), scope=scoped.scope.name)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    ]


def decode_logs(body: bytes) -> list[LogRecord]:
    """Records of an ExportLogsServiceRequest; raises google.protobuf.message.DecodeError."""
    return [
        _log_record(
            record, resource=_attributes(group.resource.attributes), scope=scoped.scope.name
        )
        for group in ExportLogsServiceRequest.FromString(body).resource_logs
        for scoped in group.scope_logs
        for record in scoped.log_records
    ]


def decode_metrics(body: bytes) -> list[Metric]:
    """Metrics of an ExportMetricsServiceRequest; raises google.protobuf.message.DecodeError."""
    return [
        _metric(metric, resource=_attributes(group.resource.attributes), scope=scoped.scope.name)
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    ]


def _span(span: SpanMessage, *, resource: Attributes, scope: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        kind=SpanMessage.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=StatusMessage.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        events=tuple(_event(event) for event in span.events),
        links=tuple(
            Link(
                trace_id=link.trace_id.hex(),
                span_id=link.span_id.hex(),
                attributes=_attributes(link.attributes),
            )
            for link in span.links
        ),
        resource=resource,
        scope=scope,
        trace_state=span.trace_state,
        flags=span.flags,
        dropped_attributes_count=span.dropped_attributes_count,
        dropped_events_count=span.dropped_events_count,
        dropped_links_count=span.dropped_links_count,
    )


def _event(event: SpanMessage.Event) -> Event:
    return Event(
        name=event.name,
        time_ns=event.time_unix_nano,
        attributes=_attributes(event.attributes),
        dropped_attributes_count=event.dropped_attributes_count,
    )


def _log_record(record: LogRecordMessage, *, resource: Attributes, scope: str) -> LogRecord:
    return LogRecord(
        time_ns=record.time_unix_nano,
        observed_time_ns=record.observed_time_unix_nano,
        severity_number=record.severity_number,
        severity_text=record.severity_text,
        body=_value(record.body),
        attributes=_attributes(record.attributes),
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        event_name=record.event_name,
        resource=resource,
        scope=scope,
        flags=record.flags,
        dropped_attributes_count=record.dropped_attributes_count,
    )


def _metric(metric: MetricMessage, *, resource: Attributes, scope: str) -> Metric:
    histogram, total, gauge = metric.histogram, metric.sum, metric.gauge
    kind: MetricType
    temporality = 0
    match metric.WhichOneof("data"):
        case "histogram":
            kind, temporality = "histogram", histogram.aggregation_temporality
            points = tuple(_histogram_point(point) for point in histogram.data_points)
        case "sum":
            kind, temporality = "sum", total.aggregation_temporality
            points = tuple(_number_point(point) for point in total.data_points)
        case "gauge":
            kind = "gauge"
            points = tuple(_number_point(point) for point in gauge.data_points)
        case other:
            raise ValueError(f"metric {metric.name}: {other} is not decoded here")
    return Metric(
        name=metric.name,
        unit=metric.unit,
        description=metric.description,
        type=kind,
        temporality=AggregationTemporality.Name(temporality).removeprefix(
            "AGGREGATION_TEMPORALITY_"
        ),
        monotonic=total.is_monotonic,
        points=points,
        resource=resource,
        scope=scope,
    )


def _number_point(point: NumberDataPoint) -> Point:
    value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
    return Point(
        start_ns=point.start_time_unix_nano,
        time_ns=point.time_unix_nano,
        attributes=_attributes(point.attributes),
        value=value,
    )


def _histogram_point(point: HistogramDataPoint) -> Point:
    return Point(
        start_ns=point.start_time_unix_nano,
        time_ns=point.time_unix_nano,
        attributes=_attributes(point.attributes),
        count=point.count,
        sum=point.sum,
        min=point.min if point.HasField("min") else None,
        max=point.max if point.HasField("max") else None,
        bounds=tuple(point.explicit_bounds),
        bucket_counts=tuple(point.bucket_counts),
    )


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case field:
            return getattr(value, field)
