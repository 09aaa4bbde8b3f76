"""Requests of the function's own SDK: the spans of invocations taken out, and changed.

Each becomes a small request of its own, with its resource and scope, so that it can wait for the
platform's facts while everything else goes on. Unknown fields of a newer SDK stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import (
    ResourceSpans,
    ScopeSpans,
    Span,
    SpanFlags,
    Status,
)

from extension.telemetry.assembly.one_trace import SpanChange
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.sdk_spans import (
    MAX_LINKS,
    MAX_TEXT,
    REQUEST_ID_KEYS,
    Orphan,
    SdkRequest,
    SdkSpan,
    is_lambda_scope,
    may_have_invocation,
    shared_attributes,
)
from extension.telemetry.reading.xray import SpanLink

KINDS = (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER)
HAS_IS_REMOTE = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
IS_REMOTE = SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
UNKNOWN_ERROR = "_OTHER"
"""What the conventions call an error without a type."""

MAX_INVOCATIONS = 1024
"""Spans of invocations that are looked for in one request; SDKs send 512 spans together."""

MAX_BATCHES = 32
"""CONSUMER spans below an invocation's that are looked at; instrumentations make one."""

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
SCALARS = ("string_value", "bool_value", "int_value", "double_value")


def read(body: bytes, count: int, *, finds_orphans: bool) -> SdkRequest:
    """Read a request of `count` spans no further than needed."""
    if may_have_invocation(body):
        return take_out(body, count, finds_orphans=finds_orphans)
    return SdkRequest(rest=body, count=count, orphans=find_orphans(body) if finds_orphans else ())


def take_out(body: bytes, count: int, *, finds_orphans: bool = False) -> SdkRequest:
    """Split a request of `count` spans into those of invocations and the rest.

    Work of one that is killed may come with the span of an earlier one. What cannot be read is all
    rest: an endpoint may know better.
    """
    request = _read(body)
    around = Around(request)
    found = [
        SdkSpan(
            request_id=request_id,
            trace_id=_trace_id(span.trace_id),
            span_id=_span_id(span.span_id),
            body=_alone(span, of, scope),
            start_ns=span.start_time_unix_nano,
            parent_span_id=_parent_id(span),
            tracestate=span.trace_state,
            error=_error(span),
            **_shared(span, around),
        )
        for of, scope, span, request_id in islice(_invocations(request), MAX_INVOCATIONS)
    ]
    orphans = _orphans(request) if finds_orphans else ()
    if not found:
        return SdkRequest(rest=body, count=count, orphans=orphans)
    _remove(request, found)
    rest: bytes = request.SerializePartialToString()
    return SdkRequest(rest=rest, count=count - len(found), spans=tuple(found), orphans=orphans)


def find_orphans(body: bytes) -> tuple[Orphan, ...]:
    """Return of each parent of the same process that is not in the request the earliest span.

    The first of them may be work of an earlier invocation, whose span came with another request.
    """
    return _orphans(_read(body))


def _orphans(request: Any) -> tuple[Orphan, ...]:
    """Return those of a request that was read; invocations have their callers as parents."""
    spans = list(_spans(request))
    here = {span.span_id for span in spans}
    orphans = (
        span
        for span in spans
        if _is_identified(span)
        and _span_id(span.parent_span_id)
        and span.parent_span_id not in here
        and not span.flags & IS_REMOTE
        and not _request_id(span)
    )
    first_of: dict[tuple[bytes, bytes], Any] = {}
    for span in sorted(orphans, key=lambda span: span.start_time_unix_nano):
        first_of.setdefault((span.trace_id, span.parent_span_id), span)
    return tuple(
        Orphan(
            trace_id=_trace_id(first.trace_id),
            missing_parent_id=_span_id(first.parent_span_id),
            start_ns=first.start_time_unix_nano,
        )
        for first in first_of.values()
    )


def change(body: bytes, what: SpanChange | None) -> bytes:
    """Return the request of one span with the change made to it; None leaves it as it is."""
    if what is None:
        return body
    request = ExportTraceServiceRequest.FromString(body)
    (span,) = _spans(request)
    span.kind = Span.SPAN_KIND_INTERNAL
    if what.trace_id:
        span.trace_id = what.trace_id.to_bytes(16)
    if what.span_id:
        span.span_id = what.span_id.to_bytes(8)
    if what.parent_span_id:
        span.parent_span_id = what.parent_span_id.to_bytes(8)
        span.flags |= HAS_IS_REMOTE | IS_REMOTE
    for link in what.links:
        span.links.add(
            trace_id=link.trace_id.to_bytes(16),
            span_id=link.span_id.to_bytes(8),
            flags=HAS_IS_REMOTE | IS_REMOTE,
        )
    changed: bytes = request.SerializePartialToString()
    return changed


def _read(body: bytes) -> Any:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return ExportTraceServiceRequest()


def _invocations(request: Any) -> Iterator[tuple[Any, Any, Any, str]]:
    for of in request.resource_spans:
        for scope in of.scope_spans:
            if not is_lambda_scope(scope.scope.name):
                continue
            for span in scope.spans:
                if request_id := _request_id(span):
                    yield of, scope, span, request_id


def _request_id(span: Any) -> str:
    """Return the request whose invocation a span is, empty for any other."""
    if span.kind not in KINDS or not _is_identified(span):
        return ""
    ids = (each.value.string_value for each in span.attributes if each.key in REQUEST_ID_KEYS)
    return next(ids, "")


def _is_identified(of: Any) -> bool:
    """Whether a span or link has ids, of their lengths: anything in the sandbox may post."""
    return bool(_trace_id(of.trace_id) and _span_id(of.span_id))


def _trace_id(raw: bytes) -> int:
    return int.from_bytes(raw) if len(raw) == TRACE_ID_BYTES else 0


def _span_id(raw: bytes) -> int:
    return int.from_bytes(raw) if len(raw) == SPAN_ID_BYTES else 0


def _parent_id(span: Any) -> int:
    """Return whose child a span is; one that says its own gets ours, which would be below it."""
    return 0 if span.parent_span_id == span.span_id else _span_id(span.parent_span_id)


def _alone(span: Any, of: Any, scope: Any) -> bytes:
    alone = ResourceSpans(
        resource=of.resource,
        schema_url=of.schema_url,
        scope_spans=[ScopeSpans(scope=scope.scope, schema_url=scope.schema_url, spans=[span])],
    )
    body: bytes = ExportTraceServiceRequest(resource_spans=[alone]).SerializePartialToString()
    return body


class Around:
    """What else is in a request: spans of each trace, and the CONSUMER spans below each span."""

    def __init__(self, request: Any) -> None:
        self.in_trace: Counter[bytes] = Counter()
        self.batches: dict[tuple[bytes, bytes], list[Any]] = {}
        for span in _spans(request):
            self.in_trace[span.trace_id] += 1
            if span.kind == Span.SPAN_KIND_CONSUMER:
                self.batches.setdefault((span.trace_id, span.parent_span_id), []).append(span)


def _shared(span: Any, around: Around) -> dict[str, Any]:
    """Return what ours takes over, and whether the span is the only one of its trace."""
    batch = around.batches.get((span.trace_id, span.span_id), [])
    sources = [span, *batch[:MAX_BATCHES]]
    links = [link for each in sources for link in each.links if _is_identified(link)]
    return {
        "links": tuple(_link(link) for link in links[:MAX_LINKS]),
        "attributes": shared_attributes(_scalars(sources)),
        "is_alone": around.in_trace[span.trace_id] == 1,
        "has_consumer": bool(batch),
    }


def _error(span: Any) -> HandlerError | None:
    """Return of what a span failed, in the words of its last exception or its status."""
    if span.status.code != Status.STATUS_CODE_ERROR:
        return None
    attributes = {
        each.key: each.value.string_value
        for event in span.events
        if event.name == "exception"
        for each in event.attributes
    }
    return HandlerError(
        type=attributes.get("exception.type") or UNKNOWN_ERROR,
        message=(span.status.message or attributes.get("exception.message", ""))[:MAX_TEXT],
    )


def _link(link: Any) -> SpanLink:
    return SpanLink(trace_id=_trace_id(link.trace_id), span_id=_span_id(link.span_id))


def _scalars(sources: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for span in sources:
        for each in span.attributes:
            kind = each.value.WhichOneof("value")
            if kind in SCALARS:
                yield each.key, getattr(each.value, kind)


def _remove(request: Any, found: Sequence[SdkSpan]) -> None:
    """Take the spans out, and the envelopes that are empty without them."""
    gone = {(span.trace_id.to_bytes(16), span.span_id.to_bytes(8)) for span in found}
    for of in request.resource_spans:
        for scope in of.scope_spans:
            for at in reversed(range(len(scope.spans))):
                span = scope.spans[at]
                if (span.trace_id, span.span_id) in gone and _request_id(span):
                    del scope.spans[at]
        for at in reversed(range(len(of.scope_spans))):
            if not of.scope_spans[at].spans:
                del of.scope_spans[at]
    for at in reversed(range(len(request.resource_spans))):
        if not request.resource_spans[at].scope_spans:
            del request.resource_spans[at]


def _spans(request: Any) -> Iterator[Any]:
    for of in request.resource_spans:
        for scope in of.scope_spans:
            yield from scope.spans
