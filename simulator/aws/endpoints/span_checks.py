"""Whether X-Ray takes a request of spans: all of it, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.aws.endpoints import limits
from simulator.aws.endpoints.answers import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SECOND_NS = 1_000_000_000
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_OLDEST_TRACE_S = 30 * 24 * 3600
_NEWEST_TRACE_S = 5 * 60


def check_spans(message: ExportTraceServiceRequest, *, body_bytes: int, now_ns: int) -> None:
    """Raise AwsError, with the limit that the request breaks."""
    _at_most(body_bytes, limits.MAX_SPANS_BYTES, "bytes in a request")
    for group in message.resource_spans:
        for scoped in group.scope_spans:
            check_resource_and_scope(group.resource, scoped.scope, name="InvalidRequestException")
    spans = [
        span
        for group in message.resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    ]
    _at_most(len(spans), limits.MAX_SPANS, "spans in a request")
    for span in spans:
        _at_most(span.ByteSize(), limits.MAX_SPAN_BYTES, f"bytes in the span {span.name[:80]}")
        _check_ids(span)
    _check_times(spans, now_ns=now_ns)


def check_resource_and_scope(resource: Resource, scope: InstrumentationScope, *, name: str) -> None:
    """Raise AwsError of that name for a pair that is too large."""
    size, limit = resource.ByteSize() + scope.ByteSize(), limits.MAX_RESOURCE_AND_SCOPE_BYTES
    if size > limit:
        raise AwsError(name, f"Resource and scope have {size} bytes; the limit is {limit}.")


def remove_random_trace_ids(message: ExportTraceServiceRequest, *, now_ns: int) -> None:
    """Remove the spans whose trace id does not begin with a time."""
    for group in message.resource_spans:
        for scoped in group.scope_spans:
            for index in reversed(range(len(scoped.spans))):
                if not _has_epoch(scoped.spans[index].trace_id, now_ns=now_ns):
                    del scoped.spans[index]


def _has_epoch(trace_id: bytes, *, now_ns: int) -> bool:
    """Return whether a trace id begins with a time of the last thirty days, as X-Ray's own do."""
    now_s, told_s = now_ns // _SECOND_NS, int.from_bytes(trace_id[:4], "big")
    return now_s - _OLDEST_TRACE_S <= told_s <= now_s + _NEWEST_TRACE_S


def _check_ids(span: Span) -> None:
    for it, size in ((span.trace_id, _TRACE_ID_BYTES), (span.span_id, _SPAN_ID_BYTES)):
        if len(it) != size or not any(it):
            raise _refused(f"The span {span.name[:80]} has no valid id.")


def _check_times(spans: Iterable[Span], *, now_ns: int) -> None:
    times = [
        time_ns
        for span in spans
        for time_ns in (span.start_time_unix_nano, span.end_time_unix_nano)
    ]
    if not times:
        return
    if max(times) > now_ns + limits.MAX_AHEAD_NS:
        raise _refused("A span is more than 2 hours in the future.")
    if min(times) < now_ns - limits.MAX_AGE_NS:
        raise _refused("A span is older than 14 days.")
    if max(times) - min(times) > limits.MAX_SPREAD_NS:
        raise _refused("The spans of one request are more than 24 hours apart.")


def _at_most(found: int, limit: int, what: str) -> None:
    if found > limit:
        raise _refused(f"There are {found} {what}; the limit is {limit}.")


def _refused(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)
