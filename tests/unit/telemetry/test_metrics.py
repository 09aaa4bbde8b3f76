"""Metrics of the FaaS conventions, with their units, and our own health."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.resources import Resource

from extension.platform.events import Invoke
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Invocation, Overhead
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import PendingItem
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.otlp.instruments import INSTRUMENTS
from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.reading.events import Report, RuntimeDone
from extension.telemetry.reading.xray import TraceContext
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.tap.cause import Cause
from extension.telemetry.tap.facts import Trigger
from extension.telemetry.tap.tapped import Tapped
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.pipeline_stage import Stage

INVOKE = Invoke(request_id="a", deadline_ms=given.ns(100) // 1_000_000)

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


def test_an_end_that_was_not_heard_measures_nothing() -> None:
    """Without the platform's events it is known when an invocation began, and no more."""
    into, assembler = meter(), Assembler(ids=SequentialIds(), with_platform=False)
    for request_id in ("a", "b"):
        for finished in assembler.invoke(request_id, tracing="", invoked_arn="", now_ns=0):
            assert isinstance(finished, Invocation)
            into.record(finished)
    assert collect(into) == {}


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


@pytest.mark.parametrize(("temporality", "begins"), [("delta", (30, 30)), ("cumulative", (0, 0))])
def test_a_point_does_not_begin_after_its_end(
    temporality: Literal["delta", "cumulative"], begins: tuple[int, ...]
) -> None:
    """Where the clock was set back since the last collection."""
    into = meter(temporality)
    record(into, given.start("a", 1), given.done("a", 2))
    collect(into, at=60)
    for begin, at in zip(begins, (30, 40), strict=True):
        record(into, given.start(str(at), at - 2), given.done(str(at), at - 1))
        points = [point for metric in collected(into, at=at) for point in _points(metric)]
        times = {(point.start_time_unix_nano, point.time_unix_nano) for point in points}
        assert times == {(given.ns(begin), given.ns(at))}


@pytest.mark.parametrize("temporality", ["delta", "cumulative"])
def test_what_is_measured_after_a_restore_begins_with_that(
    temporality: Literal["delta", "cumulative"],
) -> None:
    """The process began when the snapshot was made, which may be weeks ago."""
    into = meter(temporality)
    encoder = OtlpEncoder(
        ids=SequentialIds(), identity=ResourceIdentity(), signals=["metrics"], part=FULL_SIZE,
        meter=into, health=Health(),
    )  # fmt: skip
    stage = Stage(encoder=encoder)
    stage.feed(given.platform("restoreStart", 50), given.start("a", 51), given.done("a", 52))
    points = [point for metric in collected(into, at=60) for point in _points(metric)]
    assert {point.start_time_unix_nano for point in points} == {given.ns(50)}
    stage.feed(given.platform("restoreStart", 50), given.start("b", 61), given.done("b", 62))
    points = [point for metric in collected(into, at=70) for point in _points(metric)]
    begin = 60 if temporality == "delta" else 50
    assert {point.start_time_unix_nano for point in points} == {given.ns(begin)}


@pytest.mark.parametrize(
    ("is_told", "events", "leaves"),
    [
        (True, [], False),
        (True, [given.platform("restoreStart", 30, instanceId="b")], True),
        (True, [given.start("a", 41), given.done("a", 42)], True),  # the restore was lost
        (False, [], True),
    ],
    ids=["not told yet", "told", "lost", "not subscribed"],
)
def test_metrics_wait_for_the_restore_of_a_snapshot(
    events: list[given.JsonEvent], *, is_told: bool, leaves: bool
) -> None:
    """INVOKE may come before it: they would have the age of the snapshot, and no sandbox."""
    encoder = OtlpEncoder(
        ids=SequentialIds(), identity=ResourceIdentity(), signals=["metrics"], part=FULL_SIZE,
        meter=meter("cumulative"), health=Health(),
    )  # fmt: skip
    stage = Stage(encoder=encoder)
    stage.clock.wall_ns = given.ns(60)
    stage.pipeline.expect_restore(is_told=is_told)
    encoder.count_answer(CacheAnswer(result="MISS", age_s=0, waited_s=0))
    stage.pipeline.collect()
    assert stage.buffer.count == 0
    stage.pipeline.announced(INVOKE, at_ns=given.ns(40))
    stage.feed(*events)
    stage.pipeline.collect()
    assert bool(stage.buffer.count) == leaves
    stage.pipeline.collect(is_last=True)
    [entry, *_] = stage.buffer.batch("metrics", max_bytes=10**9)
    [metric, *_] = _metrics(entry.item)
    assert [point.start_time_unix_nano for point in _points(metric)] == [given.ns(40)]


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


MIB = 1024 * 1024
KIB = [2**power for power in range(20)]
SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("faas.invoke_duration", SECONDS),
        ("lambda_dispatch.cache.age", SECONDS),
        ("faas.mem_usage", [mib * MIB for mib in (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)]),
        ("lambda_dispatch.tmp_usage", [mib * MIB for mib in (32, 64, 128, 256, 512, *KIB[10:14])]),
        ("faas.net_io", [kib * 1024 for kib in KIB[::2][:10]]),
        ("lambda_dispatch.threads", [16, 32, 64, 128, 256, 512, 1024]),
        (
            "lambda_dispatch.memory_utilization",
            [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1],
        ),
        (
            "lambda_dispatch.message_age",
            [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400, 345_600],
        ),
    ],
)
def test_the_bounds_of_buckets(name: str, bounds: list[float]) -> None:
    """Those that the conventions advise for durations, and those of what Lambda can have."""
    into = meter()
    into.record_usage(name, 0.0)
    [metric] = collected(into)
    [point] = _points(metric)
    assert list(point.explicit_bounds) == bounds
    assert list(point.bucket_counts) == [1] + [0] * len(bounds)
    assert (point.count, point.sum, point.min, point.max) == (1, 0, 0, 0)


def test_a_histogram_sums_its_values() -> None:
    """With the least and the largest of them."""
    into = meter()
    for value in (2.0, 1.0, 3.5):
        into.record_usage("faas.cpu_usage", value)
    [metric] = collected(into)
    [point] = _points(metric)
    assert (point.count, point.sum, point.min, point.max) == (3, 6.5, 1, 3.5)


@pytest.mark.parametrize(("temporality", "number"), [("delta", 1), ("cumulative", 2)])
def test_each_metric_says_its_temporality(
    temporality: Literal["delta", "cumulative"], number: int
) -> None:
    """OTLP has a number for it; sums only grow."""
    into = meter(temporality)
    record(into, *COLD)
    for metric in collected(into):
        data = getattr(metric, metric.WhichOneof("data"))
        assert data.aggregation_temporality == number
        assert metric.WhichOneof("data") != "sum" or data.is_monotonic


def test_totals_of_our_own_health_go_on() -> None:
    """Cumulative counts of losses are those since the process began."""
    into, health = meter("cumulative"), Health()
    health.failed_exports = 2
    assert collect(into, health=health) == {"lambda_dispatch.failed_exports": 2}
    health.failed_exports = 5
    assert collect(into, health=health) == {"lambda_dispatch.failed_exports": 5}


def answers(*results: str) -> Meter:
    """Return a meter of GETs, each of a value that is three seconds old."""
    into = meter()
    for result in results:
        into.record_answer(CacheAnswer(result=result, age_s=3, waited_s=0))
    return into


def test_gets_of_the_cache() -> None:
    """Counted by how they were answered; a value from memory has an age, and no other has."""
    into = answers("HIT", "HIT", "STALE", "MISS", "ERROR")
    found = {metric.name: metric for metric in collected(into)}
    counts = {
        point.attributes[0].value.string_value: point.as_int
        for point in _points(found["lambda_dispatch.cache.requests"])
    }
    assert counts == {"HIT": 2, "STALE": 1, "MISS": 1, "ERROR": 1}
    assert _points(found["lambda_dispatch.cache.requests"])[0].attributes[0].key == "result"
    [ages] = _points(found["lambda_dispatch.cache.age"])
    assert (ages.count, ages.sum) == (3, 9)


@pytest.mark.parametrize(
    ("code", "throttles", "counted"),
    [
        ("", 0, {}),
        ("Denied", 0, {"upstream_errors": 1}),
        ("", 2, {"throttles": 2}),
        ("Denied", 3, {"upstream_errors": 1, "throttles": 3}),
    ],
)
def test_calls_of_the_cache(code: str, throttles: int, counted: dict[str, int]) -> None:
    """How long each took, and by service how many failed or were slowed down."""
    into = meter()
    call = CacheCall(
        service="SSM", operation="GetParameter", name="/a", start_ns=given.ns(1),
        end_ns=given.ns(1.5), code=code, throttles=throttles,
    )  # fmt: skip
    into.record_call(call)
    found = {metric.name.rpartition(".")[2]: metric for metric in collected(into)}
    assert _points(found.pop("upstream_duration"))[0].sum == 0.5
    assert {name: _points(each)[0].as_int for name, each in found.items()} == counted
    for metric in found.values():
        [label] = _points(metric)[0].attributes
        assert (label.key, label.value.string_value) == ("rpc.service", "SSM")


CONTEXT = TraceContext(trace_id=1, span_id=2)


def invocation(**more: Any) -> Invocation:
    """Return one of two seconds."""
    return Invocation(
        **{
            "context": CONTEXT, "request_id": "r", "status": "success",
            "start_ns": given.ns(10), "end_ns": given.ns(12), **more,
        }
    )  # fmt: skip


def told(into: Meter) -> dict[tuple[str, str], float]:
    """Return each point's value, or sum, by its metric and its trigger."""
    return {
        (metric.name, _trigger(point)): point.sum
        if metric.WhichOneof("data") == "histogram"
        else point.as_int
        for metric in collected(into)
        for point in _points(metric)
    }


def _trigger(point: Any) -> str:
    """Return what the point is split by as `faas.trigger`, nothing if it is not."""
    labels = {each.key: each.value.string_value for each in point.attributes}
    return str(labels.get("faas.trigger", ""))


@pytest.mark.parametrize("done", [None, RuntimeDone(time_ns=0, request_id="r")])
def test_the_duration_without_a_measured_one(done: RuntimeDone | None) -> None:
    """It is that of the span."""
    into = meter()
    into.record(invocation(done=done))
    assert told(into)["faas.invoke_duration", "other"] == 2


def test_an_incomplete_invocation_has_no_outcome() -> None:
    """It may have failed, and when it ended was not heard: no duration is made up."""
    into = meter()
    into.record(invocation(incomplete=True))
    assert told(into) == {}


def report(**metrics: Any) -> Report:
    """Return a report with these figures."""
    return Report(time_ns=0, request_id="r", **metrics)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({}, {}),
        ({"max_memory_used_mb": 64}, {"faas.mem_usage": 64 * MIB}),
        ({"memory_size_mb": 512}, {}),
        ({"max_memory_used_mb": 64, "memory_size_mb": 0}, {"faas.mem_usage": 64 * MIB}),
        (
            {"max_memory_used_mb": 64, "memory_size_mb": 256},
            {"faas.mem_usage": 64 * MIB, "lambda_dispatch.memory_utilization": 0.25},
        ),
        ({"max_memory_used_mb": 0}, {"faas.mem_usage": 0}),
    ],
)
def test_what_a_report_measures(figures: dict[str, Any], expected: dict[str, float]) -> None:
    """The memory that was used, and its share where the size is known."""
    into = meter()
    into.record(
        Overhead(
            context=CONTEXT, request_id="r", start_ns=0, end_ns=1, report=report(**figures),
            trigger="other",
        )
    )  # fmt: skip
    assert {name: value for (name, _), value in told(into).items()} == expected


def test_a_report_in_place_of_the_end_is_counted_with_the_invocation() -> None:
    """One that came behind the end is counted with the overhead, and not twice."""
    into, used = meter(), report(max_memory_used_mb=1)
    into.record(invocation(report=used))
    into.record(invocation(report=used, done=RuntimeDone(time_ns=0, request_id="r")))
    assert told(into)["faas.mem_usage", "other"] == MIB


def tapped(trigger: Trigger, *, sent_ns: int = 0) -> Tapped:
    """Return what the tap knows of an invocation."""
    return Tapped(cause=Cause(source="", trigger=trigger, sent_ns=sent_ns))


def test_each_trigger_has_its_own_points() -> None:
    """That of the setting stands for all invocations that nothing else is known of."""
    into = Meter(temporality="delta", now_ns=given.ns(0), trigger="http")
    into.record(invocation())
    into.record(invocation(tapped=tapped("http")))
    into.record(invocation(tapped=tapped("timer"), cold_start=True))
    into.record(invocation(tapped=tapped("timer"), status="timeout"))
    found = told(into)
    assert found["faas.invocations", "http"] == 2
    assert found["faas.invocations", "timer"] == 1
    assert found["faas.coldstarts", "timer"] == 1
    assert found["faas.timeouts", "timer"] == 1
    assert found["faas.invoke_duration", "timer"] == 4


@pytest.mark.parametrize(
    ("trigger", "sent_ns", "waited_s"),
    [
        ("pubsub", given.ns(4), 6),
        ("datasource", given.ns(4), 6),
        ("http", given.ns(4), None),
        ("pubsub", 0, None),
    ],
)
def test_how_long_messages_waited(trigger: Trigger, sent_ns: int, waited_s: float | None) -> None:
    """In seconds; requests do not wait, and without a time of sending nothing is known."""
    into = meter()
    into.record(invocation(tapped=tapped(trigger, sent_ns=sent_ns)))
    assert told(into).get(("lambda_dispatch.message_age", trigger)) == waited_s


@pytest.mark.parametrize(
    ("figures", "billed"),
    [
        ({"billed_duration_ms": 1000.0, "memory_size_mb": 128}, 0.125),
        ({"billed_duration_ms": 1000.0}, None),
        ({"memory_size_mb": 128}, None),
    ],
)
def test_gigabyte_seconds(figures: dict[str, Any], billed: float | None) -> None:
    """Of all reports since the last collection; nothing where a figure is missing."""
    into = meter()
    for _ in range(2):
        into.record(
            Overhead(
                context=CONTEXT, request_id="r", start_ns=0, end_ns=1, report=report(**figures)
            )
        )
    metrics = {metric.name: metric for metric in collected(into)}
    found = metrics.get("lambda_dispatch.billed_gigabyte_seconds")
    assert (found and _points(found)[0].as_double) == (billed and 2 * billed)
