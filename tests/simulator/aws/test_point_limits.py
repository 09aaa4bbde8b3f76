"""The limits of CloudWatch's metrics: those of a request refuse it, those of a point the point."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from simulator.aws.endpoints import AwsEndpoints, limits
from tests.simulator.aws.conftest import Post
from tests.simulator.aws.messages import DAY_NS, SECOND_NS, padded_to, point, points
from tests.simulator.aws.signed import NOW_NS

REFUSED = (400, "ValidationException")


async def refusal(post: Post, message: Any) -> str:
    """Return the message of a request that is refused."""
    response = await post("metrics", message)
    assert (response.status, response.error) == REFUSED
    return response.message


async def rejected(post: Post, message: Any) -> tuple[int, str]:
    """Return how many points a partial success rejects, and why."""
    response = await post("metrics", message)
    assert response.status == 200
    partly = ExportMetricsServiceResponse.FromString(response.body).partial_success
    return partly.rejected_data_points, partly.error_message


async def test_request_bytes(post: Post) -> None:
    """One megabyte, and not a byte more."""

    def build(padding: int) -> Any:
        return points([point()], description="x" * padding)

    padding = padded_to(limits.MAX_METRICS_BYTES, build)
    assert await rejected(post, build(padding)) == (0, "")
    assert "has 1000001 bytes" in await refusal(post, build(padding + 1))


async def test_points_of_a_request(aws: AwsEndpoints, post: Post) -> None:
    """A thousand points, over all metrics of the request."""
    most = [point() for _ in range(limits.MAX_POINTS - 1)]
    message = points(most)
    message.MergeFrom(points([point()]))

    assert await rejected(post, message) == (0, "")
    assert sum(len(metric.points) for metric in aws.metrics) == 1000
    message.MergeFrom(points([point()]))
    assert "1001 data points" in await refusal(post, message)


async def test_histograms_count_too(post: Post) -> None:
    """Points of any kind of metric count."""
    message = points([])
    histogram = message.resource_metrics[0].scope_metrics[0].metrics.add(name="duration")
    for _ in range(limits.MAX_POINTS + 1):
        histogram.histogram.data_points.add(time_unix_nano=NOW_NS)

    assert "1001 data points" in await refusal(post, message)


async def test_any_kind_of_metric_is_taken(aws: AwsEndpoints, post: Post) -> None:
    """Exponential histograms are counted, though the decoder here does not know them."""
    message = points([])
    histogram = message.resource_metrics[0].scope_metrics[0].metrics.add(name="duration")
    histogram.exponential_histogram.data_points.add(time_unix_nano=NOW_NS)

    assert await rejected(post, message) == (0, "")
    assert [accepted.point_count for accepted in aws.accepted] == [1]


@pytest.mark.parametrize(
    ("inside", "outside", "why"),
    [
        (NOW_NS + 600 * SECOND_NS, NOW_NS + 600 * SECOND_NS + 1, "10 minutes in the future"),
        (NOW_NS - 14 * DAY_NS, NOW_NS - 14 * DAY_NS - 1, "older than 14 days"),
    ],
)
async def test_time_window(
    aws: AwsEndpoints, post: Post, inside: int, outside: int, why: str
) -> None:
    """A point of a wrong time is rejected; when it is the only one, so is the request."""
    count, message = await rejected(post, points([point(at_ns=inside), point(at_ns=outside)]))

    assert count == 1
    assert why in message
    assert [point.time_ns for metric in aws.metrics for point in metric.points] == [inside]
    assert why in await refusal(post, points([point(at_ns=outside)]))


async def test_number_of_labels(post: Post) -> None:
    """Attributes of resource and point count together."""
    resource = {f"r{number}": "" for number in range(100)}
    most = {f"p{number}": "" for number in range(50)}

    assert await rejected(post, points([point(most)], resource=resource)) == (0, "")
    message = points([point(most), point({**most, "one.more": ""})], resource=resource)
    count, why = await rejected(post, message)
    assert (count, why) == (1, "A data point has 151 labels; the limit is 150.")


async def test_bytes_of_labels(post: Post) -> None:
    """Names and values of all labels, in UTF-8."""
    padding = limits.MAX_LABELS_BYTES - len("resource") - len("point") - 2
    fits = point({"point": "é" + "x" * padding})

    assert await rejected(post, points([fits], resource={"resource": ""})) == (0, "")
    count, why = await rejected(post, points([fits, point()], resource={"resource": "1"}))
    assert (count, why) == (1, "A data point's labels have 40001 bytes; the limit is 40000.")
