"""What AWS's endpoints take of each signal: an item's size, times and ids.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.request_limits import AWS, HOUR_NS
from extension.telemetry.otlp.labels import cut_labels
from extension.telemetry.otlp.shrink import shrink
from extension.telemetry.otlp.stored_event import EVENT_BYTES, event_bytes, text_bound

MAX_SPAN_BYTES = 200_000
MAX_EVENT_BYTES = 1_000_000 - EVENT_BYTES
MAX_AHEAD_NS = 2 * HOUR_NS
MAX_POINT_AHEAD_NS = HOUR_NS // 6
MAX_METRIC_BYTES = 900_000
"""Of one metric with some of its points; what is around it has a tenth of a request."""

MAX_METRIC_TEXT = 4_096
"""Characters of a metric's description."""

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8


class Leaf(NamedTuple):
    """A span, a log record, or a metric with some of its points, and the envelopes around it."""

    resource_group: Any
    scope_group: Any
    message: Any
    number: int
    times_ns: tuple[int, int] | tuple[()]


class Rules:
    """What holds for one signal; all of them change messages in place and return whether."""

    request: ClassVar[type[Any]]
    groups: ClassVar[str]
    scopes: ClassVar[str]
    items: ClassVar[str]
    ahead_ns: ClassVar[int] = MAX_AHEAD_NS

    def pairs(self, request: Any) -> Iterator[tuple[Any, Any]]:
        """Yield each scope's envelope with that of its resource."""
        for group in getattr(request, self.groups):
            for scoped in getattr(group, self.scopes):
                yield group, scoped

    def prepare(self, request: Any) -> int:
        """Change what would be wrong with any item; return how many were changed."""
        del request
        return 0

    def count(self, request: Any) -> int:
        """Return how many spans, records or metrics are in a request."""
        return sum(len(getattr(scoped, self.items)) for _, scoped in self.pairs(request))

    def leaves(self, request: Any) -> Iterator[Leaf]:
        """Yield what is in a request."""
        for group, scoped in self.pairs(request):
            for message in getattr(scoped, self.items):
                yield Leaf(group, scoped, message, 1, self.times_ns(message))

    def times_ns(self, message: Any) -> tuple[int, int] | tuple[()]:
        """Return the earliest and the latest time of an item."""
        raise NotImplementedError

    def is_valid(self, message: Any) -> bool:
        """Return whether an item has the ids that it needs."""
        del message
        return True

    def may_be_large(self, body: bytes) -> bool:
        """Return whether any item of a request can be too large: all of it says so in no time."""
        del body
        return True

    def cut(self, leaf: Leaf) -> int:
        """Make an item fit; return how many were cut."""
        raise NotImplementedError

    def weight(self, request: Any, body: bytes, count: int) -> int:
        """Return what a request counts for the weight that one may have."""
        del request, count
        return len(body)


class TraceRules(Rules):
    """X-Ray's."""

    request, groups, scopes, items = (
        ExportTraceServiceRequest,
        "resource_spans",
        "scope_spans",
        "spans",
    )

    def times_ns(self, message: Any) -> tuple[int, int]:
        """Return both ends, whichever comes first."""
        start_ns, end_ns = message.start_time_unix_nano, message.end_time_unix_nano
        return (start_ns, end_ns) if start_ns <= end_ns else (end_ns, start_ns)

    def is_valid(self, message: Any) -> bool:
        """Return whether the span has both ids."""
        return (
            len(message.trace_id) == TRACE_ID_BYTES
            and len(message.span_id) == SPAN_ID_BYTES
            and any(message.trace_id)
            and any(message.span_id)
        )

    def may_be_large(self, body: bytes) -> bool:
        """Return whether a span can be too large."""
        return len(body) > MAX_SPAN_BYTES

    def cut(self, leaf: Leaf) -> int:
        """Cut a span that is too large."""
        span = leaf.message
        if span.ByteSize() <= MAX_SPAN_BYTES:
            return 0
        shrink(span, limit=MAX_SPAN_BYTES, size=span.ByteSize)
        return 1


class LogRules(Rules):
    """Those of CloudWatch Logs."""

    request, groups, scopes, items = (
        ExportLogsServiceRequest,
        "resource_logs",
        "scope_logs",
        "log_records",
    )

    def prepare(self, request: Any) -> int:
        """Give records without a time that of their observation, as OpenTelemetry advises."""
        changed = 0
        for _, scoped in self.pairs(request):
            for record in scoped.log_records:
                if not record.time_unix_nano and record.observed_time_unix_nano:
                    record.time_unix_nano = record.observed_time_unix_nano
                    changed += 1
        return changed

    def times_ns(self, message: Any) -> tuple[int, int]:
        """Return the record's time, which the event gets."""
        return message.time_unix_nano, message.time_unix_nano

    def may_be_large(self, body: bytes) -> bool:
        """Return whether an event can be too large."""
        return text_bound(body) > MAX_EVENT_BYTES

    def cut(self, leaf: Leaf) -> int:
        """Cut a record that is too large as an event."""
        record, scope, resource = leaf.message, leaf.scope_group.scope, leaf.resource_group.resource

        def size() -> int:
            return event_bytes(record, scope=scope, resource=resource)

        if size() <= MAX_EVENT_BYTES:
            return 0
        shrink(record, limit=MAX_EVENT_BYTES, size=size)
        return 1

    def weight(self, request: Any, body: bytes, count: int) -> int:
        """Return the bytes of all events at most: each repeats its scope and its resource."""
        repeated = sum(
            len(getattr(scoped, self.items))
            * (
                text_bound(group.resource.SerializeToString())
                + text_bound(scoped.scope.SerializeToString())
            )
            for group, scoped in self.pairs(request)
        )
        return text_bound(body) + repeated + count * EVENT_BYTES


class MetricRules(Rules):
    """CloudWatch's."""

    request, groups, scopes, items = (
        ExportMetricsServiceRequest,
        "resource_metrics",
        "scope_metrics",
        "metrics",
    )
    ahead_ns = MAX_POINT_AHEAD_NS

    def prepare(self, request: Any) -> int:
        """Cut the descriptions of metrics."""
        changed = 0
        for _, scoped in self.pairs(request):
            for metric in scoped.metrics:
                if len(metric.description) > MAX_METRIC_TEXT:
                    metric.description = metric.description[:MAX_METRIC_TEXT]
                    changed += 1
        return changed

    def leaves(self, request: Any) -> Iterator[Leaf]:
        """Yield the metrics, those of many points in parts."""
        for group, scoped in self.pairs(request):
            for metric in scoped.metrics:
                for part in _in_parts(metric):
                    points = points_of(part)
                    yield Leaf(group, scoped, part, len(points), self.times_ns(part))

    def times_ns(self, message: Any) -> tuple[int, int] | tuple[()]:
        """Return the earliest and the latest of the points' times."""
        times = [point.time_unix_nano for point in points_of(message)]
        return (min(times), max(times)) if times else ()

    def cut(self, leaf: Leaf) -> int:
        """Cut the labels of points: of the resource's, which all have, before their own."""
        shared, scope = leaf.resource_group.resource, leaf.scope_group.scope
        return sum(cut_labels(point, shared, scope) for point in points_of(leaf.message))


RULES: Mapping[Signal, Rules] = {
    "traces": TraceRules(),
    "logs": LogRules(),
    "metrics": MetricRules(),
}


def points_of(metric: Any) -> Any:
    """Return the points of a metric, whatever its kind."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def _in_parts(metric: Any) -> Iterator[Any]:
    """Yield a metric, in halves of its points where it has more than a request takes."""
    points = points_of(metric)
    is_small = len(points) <= AWS["metrics"].items and metric.ByteSize() <= MAX_METRIC_BYTES
    if is_small or len(points) < 2:
        yield metric
        return
    middle, kind = len(points) // 2, metric.WhichOneof("data")
    for gone in (slice(middle, None), slice(0, middle)):
        part = type(metric)()
        part.CopyFrom(metric)
        del getattr(part, kind).data_points[gone]
        yield from _in_parts(part)
