"""What back ends accept, by their published rules: a judge for each, which refuses what they would.

Sources: the OTLP pages of each vendor's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from simulator.intake.replies import Reply
from simulator.intake.server import IntakeRequest

KEY = "an-ingestion-key-of-the-vendor"
SIGNALS = ("traces", "logs", "metrics")
MESSAGES: Mapping[str, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
MEGABYTE = 1_000_000


def below(prefix: str) -> Mapping[str, str]:
    """Return the path of each signal below a base."""
    return {signal: f"{prefix}/v1/{signal}" for signal in SIGNALS}


class Vendor(NamedTuple):
    """The rules of one: hosts, path and headers of each signal, and what bodies may be."""

    hosts: str
    """A regular expression."""
    paths: Mapping[str, str]
    headers: Mapping[str, str]
    of_signal: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Names of headers that one signal must have besides, with any value."""
    temporality: str = ""
    """`delta` or `cumulative` if the other is refused."""
    largest: int = 10 * MEGABYTE


VENDORS = {
    "A collector": Vendor(r"http://.*:4318", below(""), {}),
    "Grafana Cloud": Vendor(
        r"https://otlp-gateway-[a-z0-9-]+\.grafana\.net",
        below("/otlp"),
        {"authorization": f"Basic {KEY}"},
        temporality="cumulative",
    ),
    "Honeycomb": Vendor(
        r"https://api(\.eu1)?\.honeycomb\.io",
        below(""),
        {"x-honeycomb-team": KEY},
        of_signal={"metrics": ("x-honeycomb-dataset",)},
        largest=15 * MEGABYTE,
    ),
    "Datadog": Vendor(
        r"https://otlp\.([a-z0-9]+\.)?datadoghq\.(com|eu)",
        below(""),
        {"dd-api-key": KEY},
        of_signal={"traces": ("dd-otlp-source",)},
        temporality="delta",
    ),
    "New Relic": Vendor(
        r"https://(gov-)?otlp(\.eu01)?\.nr-data\.net",
        below(""),
        {"api-key": KEY},
        largest=MEGABYTE,
    ),
    "Dynatrace": Vendor(
        r"https://[a-z0-9]+\.live\.dynatrace\.com",
        below("/api/v2/otlp"),
        {"authorization": f"Api-Token {KEY}"},
        temporality="delta",
    ),
    "Elastic": Vendor(
        r"https://[a-z-]+\.ingest\.[a-z0-9.-]+\.elastic\.cloud:443",
        below(""),
        {"authorization": f"ApiKey {KEY}"},
        temporality="delta",
    ),
    "Axiom": Vendor(
        r"https://api\.axiom\.co",
        below(""),
        {"authorization": f"Bearer {KEY}"},
        of_signal={
            "traces": ("x-axiom-dataset",),
            "logs": ("x-axiom-dataset",),
            "metrics": ("x-axiom-metrics-dataset",),
        },
    ),
    "SigNoz": Vendor(
        r"https://ingest\.(us|eu|in)\.signoz\.cloud:443",
        below(""),
        {"signoz-ingestion-key": KEY},
    ),
    "Splunk Observability Cloud": Vendor(
        r"https://ingest\.[a-z0-9]+\.observability\.splunkcloud\.com",
        {"traces": "/v2/trace/otlp", "metrics": "/v2/datapoint/otlp"},
        {"x-sf-token": KEY},
    ),
}


def judge(vendor: Vendor, request: IntakeRequest) -> Reply:
    """Answer as the vendor would."""
    signal = next((name for name, path in vendor.paths.items() if path == request.path), "")
    if not signal:
        return Reply(status=404, body=b"no such path")
    if any(request.headers.get(name) != value for name, value in vendor.headers.items()):
        return Reply(status=401, body=b"no key, or another")
    if any(not request.headers.get(name) for name in vendor.of_signal.get(signal, ())):
        return Reply(status=400, body=b"a header of this signal is missing")
    if request.headers.get("Content-Type") != "application/x-protobuf":
        return Reply(status=415, body=b"protobuf only")
    if request.headers.get("Content-Encoding", "gzip") != "gzip":
        return Reply(status=415, body=b"gzip only")
    if len(request.body) > vendor.largest:
        return Reply(status=413)
    message = MESSAGES[signal].FromString(request.body)
    if vendor.temporality and isinstance(message, ExportMetricsServiceRequest):
        wanted = f"AGGREGATION_TEMPORALITY_{vendor.temporality.upper()}"
        if any(each != wanted for each in _temporalities(message)):
            return Reply(status=400, body=f"{vendor.temporality} only".encode())
    return Reply()


def host_of(value: str) -> str:
    """Return scheme, host and port of a URL."""
    found = re.match(r"https?://[^/]+", value)
    assert found
    return found[0]


def _temporalities(message: ExportMetricsServiceRequest) -> Iterator[str]:
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                if kind != "gauge":
                    number = getattr(metric, kind).aggregation_temporality
                    yield AggregationTemporality.Name(number)
