"""Requests of the function's own SDK by trace, so that each can wait for its invocation's verdict.

Unknown fields of a newer SDK stay. What cannot be read is of no trace: an endpoint may know better.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.telemetry.assembly.probability import with_threshold
from extension.telemetry.assembly.undecided import SdkPart

REQUESTS: dict[str, Any] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
FIELDS = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
}
"""What the envelopes are called, and what is in them."""

TRACE_ID_BYTES = 16

Key = tuple[int, bool]
"""A trace, and whether it is details."""


def divide(
    signal: Literal["traces", "logs"], body: bytes, count: int, *, detail_below: int = 0
) -> list[SdkPart]:
    """Return a request of `count` spans or records as one of each trace, details by themselves."""
    try:
        request = REQUESTS[signal].FromString(body)
    except DecodeError:
        return [SdkPart(signal=signal, body=body, count=count)]
    parts: dict[Key, Any] = {}
    counts: dict[Key, int] = {}
    states: dict[Key, Any] = {}
    for envelope, scope, items in _scopes(signal, request):
        places: dict[Key, Any] = {}
        for item in items:
            key = _key(item, detail_below if signal == "logs" else 0)
            if key not in places:
                whole = parts.setdefault(key, REQUESTS[signal]())
                places[key] = _place(signal, whole, envelope, scope)
            places[key].append(item)
            counts[key] = counts.get(key, 0) + 1
            states[key] = states.get(key) or getattr(item, "trace_state", "")
    return [
        SdkPart(
            signal=signal,
            body=body if len(parts) == 1 else whole.SerializePartialToString(),
            count=counts[key],
            trace_id=key[0],
            tracestate=states[key],
            is_detail=key[1],
        )
        for key, whole in parts.items()
    ]


def mark(body: bytes, threshold: int) -> bytes:
    """Return a request whose spans state the threshold by which they were kept."""
    request = ExportTraceServiceRequest.FromString(body)
    for _, _, spans in _scopes("traces", request):
        for span in spans:
            span.trace_state = with_threshold(span.trace_state, threshold)
    marked: bytes = request.SerializePartialToString()
    return marked


def _scopes(signal: str, request: Any) -> Iterator[tuple[Any, Any, Any]]:
    envelopes, scopes, items = FIELDS[signal]
    for envelope in getattr(request, envelopes):
        for scope in getattr(envelope, scopes):
            yield envelope, scope, getattr(scope, items)


def _key(item: Any, detail_below: int) -> Key:
    raw = item.trace_id
    trace_id = int.from_bytes(raw) if len(raw) == TRACE_ID_BYTES else 0
    return trace_id, bool(detail_below) and 0 < item.severity_number < detail_below


def _place(signal: str, whole: Any, envelope: Any, scope: Any) -> Any:
    """Return where items go in a request with the same resource and scope."""
    envelopes, scopes, items = FIELDS[signal]
    of = getattr(whole, envelopes).add(resource=envelope.resource, schema_url=envelope.schema_url)
    inside = getattr(of, scopes).add(scope=scope.scope, schema_url=scope.schema_url)
    return getattr(inside, items)
