"""Whether CloudWatch takes a request of metrics; a point that breaks a limit goes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.aws.endpoints import limits
from simulator.aws.endpoints.answers import AwsError
from simulator.aws.endpoints.stored_event import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

_ERROR = "ValidationException"
Labels = list[tuple[str, str]]


def check_points(message: ExportMetricsServiceRequest, *, body_bytes: int) -> None:
    """Raise AwsError, with the limit that the request breaks."""
    limit = limits.MAX_METRICS_BYTES
    if body_bytes > limit:
        raise AwsError(_ERROR, f"The request has {body_bytes} bytes; the limit is {limit}.")
    count, limit = count_points(message), limits.MAX_POINTS
    if count > limit:
        raise AwsError(_ERROR, f"The request has {count} data points; the limit is {limit}.")


def remove_bad_points(message: ExportMetricsServiceRequest, *, now_ns: int) -> list[str]:
    """Remove the points that break a limit; returns why, once for each.

    Raises AwsError when no point is left of some.
    """
    problems: list[str] = []
    left = 0
    for group in message.resource_metrics:
        for scoped in group.scope_metrics:
            shared = _labels(group.resource.attributes) + _scope_labels(scoped.scope)
            for metric in scoped.metrics:
                points = data_points(metric)
                for index in reversed(range(len(points))):
                    problem = _problem(points[index], shared, now_ns=now_ns)
                    if problem:
                        problems.append(problem)
                        del points[index]
                left += len(points)
    if problems and not left:
        raise AwsError(_ERROR, problems[0])
    return problems


def data_points(metric: Metric) -> Any:
    """Return the repeated field with the points of a metric, whatever its kind."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else []


def labels_bytes(labels: Labels) -> int:
    """Return the bytes of names and values of labels."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in labels)


def count_points(message: ExportMetricsServiceRequest) -> int:
    """Return how many data points a request has, over all its metrics."""
    return sum(
        len(data_points(metric))
        for group in message.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    )


def _problem(point: Any, shared: Labels, *, now_ns: int) -> str:
    labels = shared + _labels(point.attributes)
    if len(labels) > limits.MAX_LABELS:
        return f"A data point has {len(labels)} labels; the limit is {limits.MAX_LABELS}."
    size = labels_bytes(labels)
    if size > limits.MAX_LABELS_BYTES:
        return f"A data point's labels have {size} bytes; the limit is {limits.MAX_LABELS_BYTES}."
    if point.time_unix_nano < now_ns - limits.MAX_AGE_NS:
        return "A data point is older than 14 days."
    if point.time_unix_nano > now_ns + limits.MAX_POINT_AHEAD_NS:
        return "A data point is more than 10 minutes in the future."
    return ""


def _labels(pairs: Iterable[KeyValue]) -> Labels:
    return [(pair.key, as_text(pair.value)) for pair in pairs]


def _scope_labels(scope: InstrumentationScope) -> Labels:
    own = [("@name", scope.name), ("@version", scope.version)]
    return [label for label in own if label[1]] + _labels(scope.attributes)
