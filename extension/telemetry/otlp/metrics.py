"""What is finished, to metrics of the FaaS conventions, and our own health.

Delta temporality unless the user prefers cumulative: a sandbox may die at any time, and the sums of
thousands of short-lived ones mean nothing each by itself. No attribute ever holds a request id.
Source: https://opentelemetry.io/docs/specs/semconv/faas/faas-metrics/
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource

from extension.process.clock import NS_PER_S
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished, Invocation, Overhead
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.verdict import judge
from extension.telemetry.export.buffer import PendingItem
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.aggregation import Aggregation
from extension.telemetry.otlp.instruments import INSTRUMENTS
from extension.telemetry.otlp.resource import SCHEMA_URL, SCOPE
from extension.telemetry.reading.events import Report
from extension.telemetry.resource_identity import BYTES_PER_MIB

if TYPE_CHECKING:  # not imported without a tap
    from extension.telemetry.tap.tapped import Tapped


class Meter:
    """Gathers between two exports."""

    def __init__(
        self, *, temporality: Literal["delta", "cumulative"], now_ns: int, trigger: str = "other"
    ) -> None:
        self._trigger = trigger
        self.gathered = Aggregation(
            is_cumulative=temporality == "cumulative",
            now_ns=now_ns,
            attributes_of=self._attributes,
        )
        self._collected: Counter[tuple[str, str]] = Counter()

    def record(self, finished: Finished) -> None:
        """Count one thing that is finished."""
        match finished:
            case Invocation():
                self._invocation(finished)
            case Overhead():
                self._report(finished.report, trigger=self._label(finished.trigger))
            case Initialization(kind="init"):
                self.gathered.measure(
                    "faas.init_duration", (finished.end_ns - finished.start_ns) / NS_PER_S
                )

    def record_answer(self, answer: CacheAnswer) -> None:
        """Count one GET of the cache, and how old the value was if it came from there."""
        self.gathered.count("lambda_dispatch.cache.requests", answer.result)
        if answer.result in ("HIT", "STALE"):
            self.gathered.measure("lambda_dispatch.cache.age", answer.age_s)

    def record_call(self, call: CacheCall) -> None:
        """Count one call of the cache to AWS."""
        self.gathered.measure(
            "lambda_dispatch.cache.upstream_duration", (call.end_ns - call.start_ns) / NS_PER_S
        )
        if call.code:
            self.gathered.count("lambda_dispatch.cache.upstream_errors", call.service)
        if call.throttles:
            self.gathered.count("lambda_dispatch.cache.throttles", call.service, by=call.throttles)

    def record_usage(self, name: str, value: float) -> None:
        """Measure what the sandbox used while one invocation ran."""
        self.gathered.measure(name, value)

    def record_added(self, seconds: float) -> None:
        """Measure how long one invocation was held after its response."""
        self.gathered.measure("lambda_dispatch.added_after_response", seconds)

    def collect(self, health: Health, *, resource: Resource, now_ns: int) -> list[PendingItem]:
        """Return what was gathered since the last call as one request, or nothing."""
        self._health(health)
        metrics = self.gathered.collect(now_ns=now_ns)
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
            self.gathered.measure("faas.invoke_duration", measured, trigger)
        if invocation.cold_start:
            self.gathered.count("faas.coldstarts", trigger)
        verdict = judge(invocation)
        if invocation.status == "timeout":
            self.gathered.count("faas.timeouts", trigger)
        elif verdict.failed:
            self.gathered.count("faas.errors", trigger)
        elif not invocation.incomplete:
            self.gathered.count("faas.invocations", trigger)
        if invocation.report and not invocation.done:
            self._report(invocation.report, trigger=trigger)
        if invocation.tapped and invocation.tapped.has_waited:
            self._waited(invocation.tapped, start_ns=invocation.start_ns)

    def _waited(self, tapped: Tapped, *, start_ns: int) -> None:
        waited_ms = tapped.waited_ms(start_ns=start_ns)
        if waited_ms is not None:
            self.gathered.measure("lambda_dispatch.message_age", waited_ms / 1000, tapped.trigger)

    def _label(self, trigger: str) -> str:
        """Return what stands for a trigger; that of most invocations stands for itself."""
        return "" if trigger == self._trigger else trigger

    def _report(self, report: Report, *, trigger: str) -> None:
        if report.max_memory_used_mb is not None:
            self.gathered.measure(
                "faas.mem_usage", report.max_memory_used_mb * BYTES_PER_MIB, trigger
            )
        if report.max_memory_used_mb is not None and report.memory_size_mb:
            share = report.max_memory_used_mb / report.memory_size_mb
            self.gathered.measure("lambda_dispatch.memory_utilization", share)
        if report.billed_duration_ms is not None and report.memory_size_mb is not None:
            billed = report.memory_size_mb / 1024 * report.billed_duration_ms / 1000
            self.gathered.count("lambda_dispatch.billed_gigabyte_seconds", by=billed)

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
        self.gathered.count_all(now - self._collected)
        self._collected = now

    def _attributes(self, name: str, label: str) -> dict[str, str]:
        """Return what a metric is split by; the conventions want the trigger of all of theirs."""
        if name.startswith("faas."):
            return {names.FAAS_TRIGGER: label or self._trigger}
        return {INSTRUMENTS[name].label: label} if label else {}
