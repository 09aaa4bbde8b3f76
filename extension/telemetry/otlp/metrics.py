"""What is finished, to metrics of the FaaS conventions, and our own health.

Delta temporality unless the user prefers cumulative: a sandbox may die at any time, and the sums of
thousands of short-lived ones mean nothing each by itself. No attribute ever holds a request id.
Source: https://opentelemetry.io/docs/specs/semconv/faas/faas-metrics/
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Literal

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource

from extension.process.clock import NS_PER_S
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished, Invocation, Overhead
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.verdict import judge
from extension.telemetry.export.buffer import PendingItem
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.instruments import INSTRUMENTS
from extension.telemetry.otlp.resource import SCHEMA_URL, SCOPE
from extension.telemetry.reading.events import Report
from extension.telemetry.resource_identity import BYTES_PER_MIB

if TYPE_CHECKING:  # not imported without a tap
    from extension.telemetry.tap.tapped import Tapped

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bucket bounds that the conventions advise for durations."""
BYTES = tuple(float(2**power * BYTES_PER_MIB) for power in range(5, 14))
"""From 32 MiB to 8 GiB: Lambda's memory sizes."""
NETWORK_BYTES = tuple(float(4**power * 1024) for power in range(10))
"""From 1 KiB to 256 MiB."""
COUNTS = (16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
"""Of descriptors and threads, of which Lambda allows 1024 each."""

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)

AGES = (
    0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0,
    345_600.0,
)  # fmt: skip
"""Up to four days, which a queue keeps messages for by default."""

BOUNDS = {"faas.net_io": NETWORK_BYTES, "lambda_dispatch.message_age": AGES}
BOUNDS_OF_UNITS = {"s": SECONDS, "By": BYTES, "1": SHARES}


class Distribution:
    """A histogram as it fills."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.min = float("inf")
        self.max = float("-inf")

    def add(self, value: float) -> None:
        """Count one value; a bound belongs to the bucket below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value
        self.min, self.max = min(self.min, value), max(self.max, value)


class Meter:
    """Gathers between two exports."""

    def __init__(
        self, *, temporality: Literal["delta", "cumulative"], now_ns: int, trigger: str = "other"
    ) -> None:
        self._trigger = trigger
        self._cumulative = temporality == "cumulative"
        self._begin_ns = now_ns
        self._counters: Counter[tuple[str, str]] = Counter()
        self._billed = 0.0
        """Gigabytes times seconds."""
        self._distributions: dict[tuple[str, str], Distribution] = {}
        self._collected: Counter[tuple[str, str]] = Counter()

    def record(self, finished: Finished) -> None:
        """Count one thing that is finished."""
        match finished:
            case Invocation():
                self._invocation(finished)
            case Overhead():
                self._report(finished.report, trigger=self._label(finished.trigger))
            case Initialization(kind="init"):
                self._add("faas.init_duration", (finished.end_ns - finished.start_ns) / NS_PER_S)

    def record_answer(self, answer: CacheAnswer) -> None:
        """Count one GET of the cache, and how old the value was if it came from there."""
        self._counters["lambda_dispatch.cache.requests", answer.result] += 1
        if answer.result in ("HIT", "STALE"):
            self._add("lambda_dispatch.cache.age", answer.age_s)

    def record_call(self, call: CacheCall) -> None:
        """Count one call of the cache to AWS."""
        self._add(
            "lambda_dispatch.cache.upstream_duration", (call.end_ns - call.start_ns) / NS_PER_S
        )
        if call.code:
            self._counters["lambda_dispatch.cache.upstream_errors", call.service] += 1
        if call.throttles:
            self._counters["lambda_dispatch.cache.throttles", call.service] += call.throttles

    def record_usage(self, name: str, value: float) -> None:
        """Measure what the sandbox used while one invocation ran."""
        self._add(name, value)

    def record_added(self, seconds: float) -> None:
        """Measure how long one invocation was held after its response."""
        self._add("lambda_dispatch.added_after_response", seconds)

    def collect(self, health: Health, *, resource: Resource, now_ns: int) -> list[PendingItem]:
        """Return what was gathered since the last call as one request, or nothing."""
        self._health(health)
        metrics = [*self._sums(now_ns), *self._histograms(now_ns)]
        if not self._cumulative:
            self._counters.clear()
            self._billed = 0.0
            self._distributions.clear()
            self._begin_ns = now_ns
        if not metrics:
            return []
        scope = ScopeMetrics(scope=SCOPE, metrics=metrics, schema_url=SCHEMA_URL)
        data = MetricsData(
            [ResourceMetrics(resource, scope_metrics=[scope], schema_url=SCHEMA_URL)]
        )
        body = encode_metrics(data).SerializePartialToString()
        points = sum(len(metric.data.data_points) for metric in metrics)
        return [PendingItem(signal="metrics", body=body, count=points)]

    def _invocation(self, invocation: Invocation) -> None:
        done = invocation.done
        lasted_s = (invocation.end_ns - invocation.start_ns) / NS_PER_S
        measured = done.duration_ms / 1000 if done and done.duration_ms is not None else lasted_s
        trigger = self._label(invocation.tapped.trigger if invocation.tapped else "")
        if not invocation.incomplete:  # its end is none that was heard
            self._add("faas.invoke_duration", measured, trigger)
        if invocation.cold_start:
            self._counters["faas.coldstarts", trigger] += 1
        verdict = judge(invocation)
        if invocation.status == "timeout":
            self._counters["faas.timeouts", trigger] += 1
        elif verdict.failed:
            self._counters["faas.errors", trigger] += 1
        elif not invocation.incomplete:
            self._counters["faas.invocations", trigger] += 1
        if invocation.report and not invocation.done:
            self._report(invocation.report, trigger=trigger)
        if invocation.tapped and invocation.tapped.has_waited:
            self._waited(invocation.tapped, start_ns=invocation.start_ns)

    def _waited(self, tapped: Tapped, *, start_ns: int) -> None:
        waited_ms = tapped.waited_ms(start_ns=start_ns)
        if waited_ms is not None:
            self._add("lambda_dispatch.message_age", waited_ms / 1000, tapped.trigger)

    def _label(self, trigger: str) -> str:
        """Return what stands for a trigger; that of most invocations stands for itself."""
        return "" if trigger == self._trigger else trigger

    def _report(self, report: Report, *, trigger: str) -> None:
        if report.max_memory_used_mb is not None:
            self._add("faas.mem_usage", report.max_memory_used_mb * BYTES_PER_MIB, trigger)
        if report.max_memory_used_mb is not None and report.memory_size_mb:
            share = report.max_memory_used_mb / report.memory_size_mb
            self._add("lambda_dispatch.memory_utilization", share)
        if report.billed_duration_ms is not None and report.memory_size_mb is not None:
            self._billed += report.memory_size_mb / 1024 * report.billed_duration_ms / 1000

    def _health(self, health: Health) -> None:
        """Turn counts since the process began into what came since the last export."""
        now = Counter(
            {("lambda_dispatch.dropped", reason): count for reason, count in health.dropped.items()}
        )
        now["lambda_dispatch.dead_letters", ""] = health.dead_letters
        now["lambda_dispatch.failed_exports", ""] = health.failed_exports
        now["lambda_dispatch.platform_dropped", ""] = health.platform_dropped
        now["lambda_dispatch.secret_leaks", ""] = health.leaks
        if health.received:
            now.update(health.received.metrics())
        self._counters.update(now - self._collected)
        self._collected = now

    def _add(self, name: str, value: float, label: str = "") -> None:
        bounds = BOUNDS.get(name) or BOUNDS_OF_UNITS.get(INSTRUMENTS[name].unit, COUNTS)
        self._distributions.setdefault((name, label), Distribution(bounds)).add(value)

    def _attributes(self, name: str, label: str) -> dict[str, str]:
        """Return what a metric is split by; the conventions want the trigger of all of theirs."""
        if name.startswith("faas."):
            return {names.FAAS_TRIGGER: label or self._trigger}
        return {INSTRUMENTS[name].label: label} if label else {}

    @property
    def _temporality(self) -> AggregationTemporality:
        if self._cumulative:
            return AggregationTemporality.CUMULATIVE
        return AggregationTemporality.DELTA

    def _sums(self, now_ns: int) -> list[Metric]:
        points: dict[str, list[NumberDataPoint]] = {}
        values: dict[tuple[str, str], int | float] = {**self._counters}
        if self._billed:
            values["lambda_dispatch.billed_gigabyte_seconds", ""] = self._billed
        for (name, label), value in values.items():
            point = NumberDataPoint(
                attributes=self._attributes(name, label),
                start_time_unix_nano=self._begin_ns,
                time_unix_nano=now_ns,
                value=value,
            )
            points.setdefault(name, []).append(point)
        return [
            _metric(name, Sum(points[name], self._temporality, is_monotonic=True))
            for name in points
        ]

    def _histograms(self, now_ns: int) -> list[Metric]:
        points: dict[str, list[HistogramDataPoint]] = {}
        for (name, label), each in self._distributions.items():
            point = self._point(self._attributes(name, label), each, now_ns)
            points.setdefault(name, []).append(point)
        return [_metric(name, Histogram(points[name], self._temporality)) for name in points]

    def _point(
        self, attributes: dict[str, str], of: Distribution, now_ns: int
    ) -> HistogramDataPoint:
        return HistogramDataPoint(
            attributes=attributes,
            start_time_unix_nano=self._begin_ns,
            time_unix_nano=now_ns,
            count=sum(of.counts),
            sum=of.sum,
            bucket_counts=list(of.counts),
            explicit_bounds=of.bounds,
            min=of.min,
            max=of.max,
        )


def _metric(name: str, data: Sum | Histogram) -> Metric:
    unit, description, _ = INSTRUMENTS[name]
    return Metric(name, description, unit, data)
