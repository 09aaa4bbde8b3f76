"""Sums and histograms as they fill between two exports, and the SDK's metrics made of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from extension.telemetry.otlp.instruments import INSTRUMENTS
from extension.telemetry.resource_identity import BYTES_PER_MIB

Key = tuple[str, str]
"""The name of a metric, and the label that splits it; empty: none."""

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


class Aggregation:
    """What is counted and measured; with delta temporality, since the last export."""

    def __init__(
        self,
        *,
        is_cumulative: bool,
        now_ns: int,
        attributes_of: Callable[[str, str], Mapping[str, str]],
    ) -> None:
        self._is_cumulative = is_cumulative
        self._attributes_of = attributes_of
        self._begin_ns = now_ns
        self.sums: Counter[Key] = Counter()
        self.distributions: dict[Key, Distribution] = {}

    def begin(self, at_ns: int) -> None:
        """Let what is collected next begin then, if it would begin earlier."""
        self._begin_ns = max(self._begin_ns, at_ns)

    def count(self, name: str, label: str = "", *, by: float = 1) -> None:
        """Add to a sum."""
        self.count_all({(name, label): by})

    def count_all(self, counts: Mapping[Key, float]) -> None:
        """Add to several sums."""
        self.sums.update(counts)

    def measure(self, name: str, value: float, label: str = "") -> None:
        """Add a value to a histogram."""
        bounds = BOUNDS.get(name) or BOUNDS_OF_UNITS.get(INSTRUMENTS[name].unit, COUNTS)
        self.distributions.setdefault((name, label), Distribution(bounds)).add(value)

    def collect(self, *, now_ns: int) -> list[Metric]:
        """Return the metrics that have a point, which never begins after its end.

        The clock may have been set back meanwhile, and back ends refuse what it would say.
        """
        self._begin_ns = min(self._begin_ns, now_ns)
        metrics = [*self._sums(now_ns), *self._histograms(now_ns)]
        if not self._is_cumulative:
            self.sums.clear()
            self.distributions.clear()
            self._begin_ns = now_ns
        return metrics

    @property
    def _temporality(self) -> AggregationTemporality:
        if self._is_cumulative:
            return AggregationTemporality.CUMULATIVE
        return AggregationTemporality.DELTA

    def _sums(self, now_ns: int) -> list[Metric]:
        points: dict[str, list[NumberDataPoint]] = {}
        for (name, label), value in self.sums.items():
            point = NumberDataPoint(
                attributes=self._attributes_of(name, label),
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
        for (name, label), each in self.distributions.items():
            point = self._point(self._attributes_of(name, label), each, now_ns)
            points.setdefault(name, []).append(point)
        return [_metric(name, Histogram(points[name], self._temporality)) for name in points]

    def _point(
        self, attributes: Mapping[str, str], of: Distribution, now_ns: int
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
