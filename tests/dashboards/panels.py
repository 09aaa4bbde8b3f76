"""What the dashboards show, row by row, and what the alerts watch; `write.py` writes it down."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.dashboards import queries
from tests.dashboards.queries import Dialect, or_zero

Query = Callable[[Dialect], str]


class Line(NamedTuple):
    """One query of a panel; `label`: the attribute that its series differ by."""

    legend: str
    query: Query
    label: str = ""


class Panel(NamedTuple):
    """A diagram over time; `unit` as Grafana calls it."""

    title: str
    unit: str
    says: str
    lines: tuple[Line, ...]


class Alert(NamedTuple):
    """A condition that holds for `minutes`; `{value}` in `summary` is shown as `unit` says."""

    name: str
    severity: str
    minutes: int
    condition: Query
    summary: str
    remedy: str


def counted(metric: str, *, by: str = "") -> Query:
    """Return the query of a counter, which is 0 while nothing is counted."""
    return lambda of: or_zero(of, of.total(metric, by=by))


def quantile(share: float, metric: str) -> Query:
    """Return the query of a quantile."""
    return lambda of: of.quantile(share, metric)


def quantile_or_zero(share: float, metric: str) -> Query:
    """Return the query of a quantile of what not every function has."""
    return lambda of: or_zero(of, of.quantile(share, metric))


def mean(metric: str) -> Query:
    """Return the query of a mean."""
    return lambda of: of.mean(metric)


def p99(metric: str) -> tuple[Line, ...]:
    """Return the two lines of a distribution."""
    return Line("p50", quantile(0.5, metric)), Line("p99", quantile(0.99, metric))


ROWS: dict[str, tuple[Panel, ...]] = {
    "Function": (
        Panel(
            "Invocations",
            "short",
            "How many ended in each way.",
            (
                Line("succeeded", counted("faas.invocations")),
                Line("failed", counted("faas.errors")),
                Line("timed out", counted("faas.timeouts")),
            ),
        ),
        Panel(
            "Error rate",
            "percentunit",
            "The share of invocations that failed or timed out.",
            (Line("", queries.error_rate),),
        ),
        Panel("Duration", "s", "How long the handler ran.", p99("faas.invoke_duration")),
        Panel(
            "Cold starts",
            "percentunit",
            "The share of invocations that waited for an initialization.",
            (Line("", queries.cold_start_rate),),
        ),
        Panel("Initialization", "s", "How long a cold start took.", p99("faas.init_duration")),
        Panel(
            "Memory of the limit",
            "percentunit",
            "At 100 % an invocation runs out of memory.",
            p99("lambda_dispatch.memory_utilization"),
        ),
        Panel("Memory", "bytes", "Most memory that an invocation used.", p99("faas.mem_usage")),
        Panel(
            "Billed gigabyte-seconds",
            "short",
            "Billed duration times memory: what Lambda charges for.",
            (Line("", counted("lambda_dispatch.billed_gigabyte_seconds")),),
        ),
    ),
    "What invokes it (the tap)": (
        Panel(
            "Successes by trigger",
            "short",
            "Without the tap, each has the trigger that DISPATCH_FAAS_TRIGGER names.",
            (Line("", counted("faas.invocations", by="faas.trigger"), label="faas.trigger"),),
        ),
        Panel(
            "Age of messages",
            "s",
            "How long the oldest message or record of an invocation waited; 0 without any.",
            (
                Line("p50", quantile_or_zero(0.5, "lambda_dispatch.message_age")),
                Line("p99", quantile_or_zero(0.99, "lambda_dispatch.message_age")),
            ),
        ),
    ),
    "Telemetry": (
        Panel(
            "Lost",
            "short",
            "Spans, records and points that never arrive; docs/operation.md has the reasons.",
            (
                Line("", counted("lambda_dispatch.dropped", by="reason"), label="reason"),
                Line("by the platform", counted("lambda_dispatch.platform_dropped")),
            ),
        ),
        Panel(
            "Exports that failed",
            "short",
            "They are repeated; dead letters are items that were stored instead of lost.",
            (
                Line("failed", counted("lambda_dispatch.failed_exports")),
                Line("dead letters", counted("lambda_dispatch.dead_letters")),
            ),
        ),
        Panel(
            "Added after the response",
            "s",
            "How long the extension held an invocation.",
            p99("lambda_dispatch.added_after_response"),
        ),
        Panel(
            "Secrets in lines",
            "short",
            "Records that held a secret, which was removed.",
            (Line("", counted("lambda_dispatch.secret_leaks")),),
        ),
    ),
    "Parameters and secrets": (
        Panel(
            "Hit ratio",
            "percentunit",
            "The share of GETs that waited for no call to AWS.",
            (Line("", queries.hit_ratio),),
        ),
        Panel(
            "GETs",
            "short",
            "How the cache answered.",
            (Line("", counted("lambda_dispatch.cache.requests", by="result"), label="result"),),
        ),
        Panel(
            "Calls to AWS",
            "s",
            "How long they took, with all attempts.",
            p99("lambda_dispatch.cache.upstream_duration"),
        ),
        Panel(
            "Throttles and errors of AWS",
            "short",
            "Answers that throttled, and calls that failed.",
            (
                Line(
                    "throttles",
                    counted("lambda_dispatch.cache.throttles", by="rpc.service"),
                    label="rpc.service",
                ),
                Line(
                    "errors",
                    counted("lambda_dispatch.cache.upstream_errors", by="rpc.service"),
                    label="rpc.service",
                ),
            ),
        ),
        Panel(
            "Age of values",
            "s",
            "Of those served from the cache.",
            p99("lambda_dispatch.cache.age"),
        ),
    ),
    "Sandbox (DISPATCH_PROCESS_METRICS=true)": (
        Panel(
            "CPU of an invocation",
            "s",
            "The mean, this extension included.",
            (Line("", mean("faas.cpu_usage")),),
        ),
        Panel(
            "Network of an invocation",
            "bytes",
            "The mean, in and out.",
            (Line("", mean("faas.net_io")),),
        ),
        Panel(
            "Descriptors and threads",
            "short",
            "Lambda allows 1024 of each.",
            (
                Line("descriptors", quantile(0.99, "lambda_dispatch.file_descriptors")),
                Line("threads", quantile(0.99, "lambda_dispatch.threads")),
            ),
        ),
        Panel(
            "/tmp", "bytes", "What is in use after an invocation.", p99("lambda_dispatch.tmp_usage")
        ),
    ),
    "SDK of the function (DISPATCH_OTLP_PORT)": (
        Panel(
            "Requests",
            "short",
            "Accepted; not forwarded are those of signals that are not exported.",
            (
                Line("", counted("lambda_dispatch.received.requests", by="signal"), label="signal"),
                Line(
                    "not forwarded",
                    counted("lambda_dispatch.received.not_forwarded", by="signal"),
                    label="signal",
                ),
            ),
        ),
        Panel(
            "Refused",
            "short",
            "By status; waiting: there was no room; repeated: the same bytes came before.",
            (Line("", counted("lambda_dispatch.received.refused", by="reason"), label="reason"),),
        ),
        Panel(
            "Items",
            "short",
            "Spans, records and points; redacted are those that held a secret.",
            (
                Line("", counted("lambda_dispatch.received.items", by="signal"), label="signal"),
                Line(
                    "redacted",
                    counted("lambda_dispatch.received.redacted", by="signal"),
                    label="signal",
                ),
            ),
        ),
        Panel(
            "Bytes",
            "bytes",
            "Decompressed.",
            (Line("", counted("lambda_dispatch.received.bytes", by="signal"), label="signal"),),
        ),
    ),
}

ALERTS = (
    Alert(
        "FunctionErrors",
        "critical",
        5,
        lambda of: f"{queries.error_rate(of)} > 0.05 and {queries.invocations(of)} >= 20",
        "more than 5 % of the invocations failed or timed out",
        "the spans of the failures have the exception, and all their lines",
    ),
    Alert(
        "FunctionColdStarts",
        "warning",
        15,
        lambda of: f"{queries.cold_start_rate(of)} > 0.25 and {queries.invocations(of)} >= 20",
        "more than a quarter of the invocations waited for an initialization",
        "provisioned concurrency, or fewer bursts",
    ),
    Alert(
        "FunctionSlow",
        "warning",
        5,
        lambda of: f"{of.quantile(0.99, 'faas.invoke_duration')} > 3",
        "one invocation in a hundred takes more than 3 seconds",
        "the spans show where the time goes; set the limit that suits the function",
    ),
    Alert(
        "FunctionMemory",
        "warning",
        5,
        lambda of: f"{of.quantile(0.99, 'lambda_dispatch.memory_utilization')} > 0.9",
        "one invocation in a hundred uses more than 90 % of its memory",
        "more memory, before one runs out of it",
    ),
    Alert(
        "TelemetryLost",
        "warning",
        0,
        lambda of: (
            f"{of.total('lambda_dispatch.dropped', by='reason')} > 0"
            f" or {of.total('lambda_dispatch.platform_dropped')} > 0"
        ),
        "telemetry was lost",
        "docs/operation.md says what each reason means",
    ),
    Alert(
        "TelemetryAddsTime",
        "warning",
        10,
        lambda of: f"{of.quantile(0.99, 'lambda_dispatch.added_after_response')} > 0.5",
        "one invocation in a hundred is held for more than half a second after its response",
        "DISPATCH_FLUSH=periodic, or an endpoint that answers faster",
    ),
    Alert(
        "CacheMisses",
        "warning",
        10,
        lambda of: f"{queries.hit_ratio(of)} < 0.5 and {queries.gets(of)} >= 50",
        "less than half of the GETs were answered without a call to AWS",
        "longer lives of values (SSM_PARAMETER_STORE_TTL, SECRETS_MANAGER_TTL), or a larger cache",
    ),
    Alert(
        "CacheThrottled",
        "warning",
        0,
        lambda of: f"{of.total('lambda_dispatch.cache.throttles', by='rpc.service')} > 0",
        "AWS throttles the cache",
        "longer lives of values, prefetching less, or a higher limit of Parameter Store",
    ),
)

WINDOW = "15m"
"""That the alerts look back over."""
