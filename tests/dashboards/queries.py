"""The same question to two back ends: what a metric is called there, and how it is asked for.

Both store the deltas that the extension sends, so what happened in a window is their sum. PromQL's
`rate` and `increase` would miss the first value of each sandbox, and a cold start is a first value.
"""

from __future__ import annotations

from typing import Protocol

COUNTED = "faas.invoke_duration"
"""Each invocation is in this histogram once, however it ended."""


class Dialect(Protocol):
    """How one back end is asked."""

    function: str
    """The label that names the function."""

    def label(self, attribute: str) -> str:
        """Return the label that an attribute of a data point becomes."""

    def total(self, metric: str, *, by: str = "", where: str = "") -> str:
        """Return a query for what a counter has counted, by function and one attribute."""

    def number(self, metric: str) -> str:
        """Return a query for how many values a histogram has got, by function."""

    def mean(self, metric: str) -> str:
        """Return a query for the mean of a histogram, by function."""

    def quantile(self, share: float, metric: str) -> str:
        """Return a query for a quantile of a histogram, by function."""


class Prometheus:
    """Prometheus' own translation of OTLP: UnderscoreEscapingWithSuffixes, classic histograms."""

    function = "job"

    def __init__(
        self, units: dict[str, str], *, sum_by: str, window: str, selector: str = ""
    ) -> None:
        self._units = units
        self._sum_by = sum_by
        self._window = window
        self._selector = selector

    def name(self, metric: str) -> str:
        """Return what a metric is called, without the endings of counters and histograms."""
        unit = {"s": "_seconds", "By": "_bytes"}.get(self._units[metric], "")
        plain = self.label(metric)
        return plain if plain.endswith(unit) else plain + unit

    def label(self, attribute: str) -> str:
        """Underscores stand for dots."""
        return attribute.replace(".", "_")

    def total(self, metric: str, *, by: str = "", where: str = "") -> str:
        """A counter ends in `_total`."""
        name = f"{self.name(metric)}_total"
        return f"sum by ({self._by(by)}) ({self._of(name, where)})"

    def number(self, metric: str) -> str:
        """Count what all buckets hold."""
        return f"sum by (job) ({self._of(f'{self.name(metric)}_count')})"

    def mean(self, metric: str) -> str:
        """Divide the sum by the number."""
        name = self.name(metric)
        return f"sum by (job) ({self._of(f'{name}_sum')}) / {self.number(metric)}"

    def quantile(self, share: float, metric: str) -> str:
        """Estimate it from the buckets."""
        inner = f"sum by (job, le) ({self._of(f'{self.name(metric)}_bucket')})"
        return f"histogram_quantile({share}, {inner})"

    def _by(self, attribute: str) -> str:
        return f"job, {self.label(attribute)}" if attribute else "job"

    def _of(self, name: str, where: str = "") -> str:
        matchers = ", ".join(filter(None, (self._selector, where)))
        braces = f"{{{matchers}}}" if matchers else ""
        return f"{self._sum_by}({name}{braces}[{self._window}])"


class CloudWatch:
    """CloudWatch's labels for OTLP: names as they are, native histograms."""

    function = '"@resource.service.name"'

    def __init__(self, *, window: str) -> None:
        self._window = window

    def label(self, attribute: str) -> str:
        """Quote what has dots."""
        return f'"{attribute}"' if "." in attribute else attribute

    def total(self, metric: str, *, by: str = "", where: str = "") -> str:
        """A counter has no ending."""
        further = f", {self.label(by)}" if by else ""
        return f"sum by ({self.function}{further}) ({self._of(metric, where)})"

    def number(self, metric: str) -> str:
        """Count what a native histogram holds."""
        return f"histogram_count({self._summed(metric)})"

    def mean(self, metric: str) -> str:
        """Ask the histogram itself."""
        return f"histogram_avg({self._summed(metric)})"

    def quantile(self, share: float, metric: str) -> str:
        """Estimate it from the histogram."""
        return f"histogram_quantile({share}, {self._summed(metric)})"

    def _summed(self, metric: str) -> str:
        return f"sum by ({self.function}) ({self._of(metric)})"

    def _of(self, metric: str, where: str = "") -> str:
        matchers = ", ".join(filter(None, (f'"{metric}"', where)))
        return f"sum_over_time({{{matchers}}}[{self._window}])"


def invocations(of: Dialect) -> str:
    """Return a query for the number of invocations, by function."""
    return of.number(COUNTED)


def or_zero(of: Dialect, query: str, *, of_all: str = "") -> str:
    """Return a query that is 0 for functions that run and of which it tells nothing."""
    return f"{query} or on ({of.function}) 0 * {of_all or invocations(of)}"


def error_rate(of: Dialect) -> str:
    """Return a query for the share of invocations that failed or timed out."""
    errors = or_zero(of, of.total("faas.errors"))
    timeouts = or_zero(of, of.total("faas.timeouts"))
    return f"(({errors}) + ({timeouts})) / {invocations(of)}"


def cold_start_rate(of: Dialect) -> str:
    """Return a query for the share of invocations that waited for an initialization."""
    return f"({or_zero(of, of.total('faas.coldstarts'))}) / {invocations(of)}"


def gets(of: Dialect) -> str:
    """Return a query for the number of GETs that the cache has answered."""
    return of.total("lambda_dispatch.cache.requests")


def hit_ratio(of: Dialect) -> str:
    """Return a query for the share of GETs that no call to AWS was needed for."""
    hits = of.total("lambda_dispatch.cache.requests", where='result=~"HIT|STALE"')
    return f"({or_zero(of, hits, of_all=gets(of))}) / {gets(of)}"
