"""Metrics of the FaaS conventions, with their units, and our own health."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.resources import Resource

from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import PendingItem
from extension.telemetry.health import Health
from extension.telemetry.otlp.instruments import INSTRUMENTS
from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.receiver.counts import ReceiverCounts
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds

COLD = [
    *given.init(0, 1),
    given.start("a", 1),
    given.done("a", 2, metrics={"durationMs": 400}),
    given.report("a", 2.1, maxMemoryUsedMB=75),
]


def meter(temporality: Literal["delta", "cumulative"] = "delta") -> Meter:
    """Return a meter that began at noon."""
    return Meter(temporality=temporality, now_ns=given.ns(0))


def record(into: Meter, *events: given.JsonEvent) -> None:
    """Record what one delivery finishes."""
    for finished in assemble(Assembler(ids=SequentialIds()), [events]):
        into.record(finished)


def collect(from_: Meter, *, at: float = 60, health: Health | None = None) -> dict[str, Any]:
    """Return each metric's value: a count, or sum and buckets of a histogram."""
    values: dict[str, Any] = {}
    for metric in collected(from_, at=at, health=health):
        assert metric.unit == INSTRUMENTS[metric.name].unit
        assert metric.description == INSTRUMENTS[metric.name].description
        values[metric.name] = _value(metric)
    return values


def collected(from_: Meter, *, at: float = 60, health: Health | None = None) -> list[Any]:
    """Return the metrics of one collection as they leave, and check the count of their points."""
    outgoing = from_.collect(health or Health(), resource=Resource({}), now_ns=given.ns(at))
    metrics = [metric for each in outgoing for metric in _metrics(each)]
    points = [point for metric in metrics for point in _points(metric)]
    assert sum(each.count for each in outgoing) == len(points)
    return metrics


def _metrics(outgoing: PendingItem) -> list[Any]:
    [resource_metrics] = ExportMetricsServiceRequest.FromString(outgoing.body).resource_metrics
    return list(resource_metrics.scope_metrics[0].metrics)


def _points(metric: Any) -> list[Any]:
    return list(getattr(metric, metric.WhichOneof("data")).data_points)


def _value(metric: Any) -> Any:
    if metric.WhichOneof("data") == "sum":
        points = {_label(point): point.as_int for point in _points(metric)}
        return points.get("", points)
    [point] = _points(metric)
    assert sum(point.bucket_counts) == point.count
    return point.sum


def _label(point: Any) -> str:
    """Return the reason that a point counts, nothing if it has none."""
    labels = {each.key: each.value.string_value for each in point.attributes}
    return str(labels.get("reason", ""))


def test_a_cold_invocation() -> None:
    """Durations are seconds, memory is bytes, counts are counts."""
    into = meter()
    record(into, *COLD)
    assert collect(into) == {
        "faas.invoke_duration": 0.4,
        "faas.init_duration": 1.0,
        "faas.mem_usage": 75 * 1_048_576,
        "faas.coldstarts": 1,
        "faas.invocations": 1,
    }


@pytest.mark.parametrize(
    ("end", "counter"),
    [
        (given.done("r", 2), "faas.invocations"),
        (given.done("r", 2, status="timeout"), "faas.timeouts"),
        (given.done("r", 2, status="error", errorType="Runtime.Unknown"), "faas.errors"),
    ],
)
def test_an_invocation_is_counted_once(end: given.JsonEvent, counter: str) -> None:
    """As successful, as an error or as a timeout."""
    into = meter()
    record(into, given.start("r", 1), end)
    counted = {name for name in collect(into) if name != "faas.invoke_duration"}
    assert counted == {counter}


def test_a_handler_that_raised_is_an_error() -> None:
    """Although the platform calls it a success."""
    into = meter()
    error = given.line("[ERROR] E: x\nTraceback (most recent call last):\n f", 1.5)
    record(into, given.start("r", 1), error, given.done("r", 2))
    assert collect(into)["faas.errors"] == 1


def test_what_is_billed() -> None:
    """Billed time times configured memory, of the report; nothing where either is unknown."""
    into = meter()
    record(into, *COLD)
    report = given.report("b", 62.1, billedDurationMs=1500, memorySizeMB=512)
    record(into, given.start("b", 61), given.done("b", 62), report)
    [billed] = [each for each in collected(into) if "billed" in each.name]
    [point] = _points(billed)
    assert (point.as_double, billed.unit) == (0.75, "{gigabyte_second}")
    assert collect(into) == {}


def test_delta_begins_anew_with_each_collection() -> None:
    """What was collected once is not exported again."""
    into = meter()
    record(into, *COLD)
    collect(into)
    assert collect(into) == {}
    record(into, given.start("b", 61), given.done("b", 62))
    assert collect(into, at=70) == {"faas.invoke_duration": 1.0, "faas.invocations": 1}


@pytest.mark.parametrize(
    ("temporality", "begins"), [("delta", (0, 60, 70)), ("cumulative", (0, 0, 0))]
)
def test_the_time_of_a_point(
    temporality: Literal["delta", "cumulative"], begins: tuple[int, ...]
) -> None:
    """Delta: from the last collection, whatever it held, so that no two points overlap."""
    into = meter(temporality)
    times: list[set[tuple[int, int]]] = []
    for at, name in zip((60, 70, 80), "abc", strict=True):
        record(into, given.start(name, at - 2), given.done(name, at - 1))
        points = [point for metric in collected(into, at=at) for point in _points(metric)]
        times.append({(point.start_time_unix_nano, point.time_unix_nano) for point in points})
    ends = (60, 70, 80)
    expected = [{(given.ns(begin), given.ns(end))} for begin, end in zip(begins, ends, strict=True)]
    assert times == expected


def test_cumulative_goes_on() -> None:
    """For back ends that want totals of each sandbox."""
    into = meter("cumulative")
    record(into, given.start("a", 1), given.done("a", 2))
    collect(into)
    record(into, given.start("b", 61), given.done("b", 62))
    assert collect(into, at=70) == {"faas.invoke_duration": 2.0, "faas.invocations": 2}


def test_buckets() -> None:
    """A bound belongs to the bucket below it, as OpenTelemetry counts."""
    into = meter()
    for name, seconds in (("a", 0.1), ("b", 0.11), ("c", 100)):
        record(into, given.start(name, 1), given.done(name, 1 + seconds))
    [metric] = [each for each in collected(into) if each.name == "faas.invoke_duration"]
    [point] = _points(metric)
    filled = {
        bound: count
        for bound, count in zip((*point.explicit_bounds, None), point.bucket_counts, strict=True)
        if count
    }
    assert filled == {0.1: 1, 0.25: 1, None: 1}
    assert (point.min, point.max) == (pytest.approx(0.1), pytest.approx(100))


def test_own_health_is_told_as_what_came_since() -> None:
    """Drops by reason, dead letters, failed exports, and the time added after responses."""
    into, health = meter(), Health()
    health.dead_letters = 5
    health.dropped.update({"buffer_full": 3, "rejected": 1})
    health.failed_exports = 2
    health.on_added = into.record_added
    health.add_after_response(0.03)
    assert collect(into, health=health) == {
        "lambda_dispatch.dropped": {"buffer_full": 3, "rejected": 1},
        "lambda_dispatch.dead_letters": 5,
        "lambda_dispatch.failed_exports": 2,
        "lambda_dispatch.added_after_response": 0.03,
    }
    health.dropped["rejected"] += 4
    assert collect(into, health=health) == {"lambda_dispatch.dropped": {"rejected": 4}}


def test_no_request_id_is_ever_an_attribute() -> None:
    """One time series a request would ruin any back end."""
    into = meter()
    record(into, *COLD)
    attributes = {
        each.key
        for metric in collected(into)
        for point in _points(metric)
        for each in point.attributes
    }
    assert attributes == {"faas.trigger"}


def test_what_the_receiver_counts_is_measured() -> None:
    """What came since the last export, where there is a receiver."""
    meter_, health = meter(), Health()
    health.received = ReceiverCounts()
    health.received.items["traces"] = 3
    assert collect(meter_, health=health)["lambda_dispatch.received.items"] == 3
    health.received.items["traces"] = 5
    assert collect(meter_, at=120, health=health)["lambda_dispatch.received.items"] == 2
