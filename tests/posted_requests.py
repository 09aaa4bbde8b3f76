"""OTLP requests of all three signals as SDKs post them, in protobuf and in JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format

from extension.telemetry.export.buffer import Signal
from extension.telemetry.receiver.messages import request_type

TRACE_ID = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
SPAN_ID = bytes.fromhex("00f067aa0ba902b7")
NS = 1_700_000_000_000_000_000
IDS = {"traceId", "spanId", "parentSpanId"}


def spans(*names: str, scopes: Sequence[str] = ("shop",), **attributes: str) -> Any:
    """Return a request with these spans in each scope."""
    request = request_type("traces")()
    of = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
    of.resource.attributes.add(key="service.name").value.string_value = "shop"
    for scope in scopes:
        inside = of.scope_spans.add()
        inside.scope.name = scope
        for number, name in enumerate(names):
            span = inside.spans.add(
                name=name,
                trace_id=TRACE_ID,
                span_id=(number + 1).to_bytes(8),
                parent_span_id=SPAN_ID,
                kind="SPAN_KIND_CLIENT",
                start_time_unix_nano=NS,
                end_time_unix_nano=NS + 1,
                flags=257,
            )
            for key, value in attributes.items():
                span.attributes.add(key=key).value.string_value = value
    return request


def records(*bodies: str) -> Any:
    """Return a request with these log records."""
    request = request_type("logs")()
    inside = request.resource_logs.add().scope_logs.add()
    for body in bodies:
        record = inside.log_records.add(
            time_unix_nano=NS, severity_number=9, severity_text="INFO", trace_id=TRACE_ID,
            span_id=SPAN_ID,
        )  # fmt: skip
        record.body.string_value = body
    return request


def points(*names: str, each: int = 1) -> Any:
    """Return a request with these metrics, a sum and a histogram in turn, of `each` points."""
    request = request_type("metrics")()
    inside = request.resource_metrics.add().scope_metrics.add()
    for number, name in enumerate(names):
        metric = inside.metrics.add(name=name, unit="1")
        for at in range(each):
            if number % 2:
                metric.histogram.aggregation_temporality = 1
                metric.histogram.data_points.add(
                    time_unix_nano=NS + at, count=3, sum=1.5, bucket_counts=[1, 2, 0],
                    explicit_bounds=[0.5, 1.0],
                )  # fmt: skip
            else:
                metric.sum.data_points.add(time_unix_nano=NS + at, as_int=at - 7)
    return request


def as_json(request: Any) -> bytes:
    """Return a request in OTLP's JSON: hexadecimal ids, enums as numbers."""
    plain = json_format.MessageToDict(request, use_integers_for_enums=True)
    return json.dumps(_with_hex(plain)).encode()


def parse(signal: Signal, *bodies: bytes) -> Any:
    """Return the request that bodies make together."""
    return request_type(signal).FromString(b"".join(bodies))


def _with_hex(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: base64.b64decode(each).hex() if key in IDS else _with_hex(each)
                for key, each in value.items()
            }
        case list():
            return [_with_hex(each) for each in value]
    return value
