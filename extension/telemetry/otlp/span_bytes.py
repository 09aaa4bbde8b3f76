"""Spans as the bytes of their message: what nearly all of them are.

They are written by hand because the messages of the official encoder cost five times as much. What
is unusual, an event, a trace state or a description, is left to that encoder, which is the oracle
of the tests for everything here.
Source: https://github.com/open-telemetry/opentelemetry-proto, trace.proto
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.status import Status, StatusCode

from extension.telemetry.otlp.limits import NO_LIMITS
from extension.telemetry.otlp.line_bytes import AttributeBytes, Remembered
from extension.telemetry.otlp.resource import NO_RESOURCE, SCOPE
from extension.telemetry.otlp.span_contexts import links, own_context, parent_context
from extension.telemetry.reading.xray import SpanLink, TraceContext
from extension.telemetry.wire import field

ATTRIBUTES, LINKS, STATUS = 9, 13, 15
"""Numbers of the fields."""

TRACE_ID, SPAN_ID, PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
"""The bytes before the ids of a span; in a link the first two are the same."""

TIMES = struct.Struct("<BQBQ").pack
START, END = 7 << 3 | 1, 8 << 3 | 1
"""Tags of the two times, both of 64 bits."""

UNSET = Status(StatusCode.UNSET)
STATUSES = {
    StatusCode.UNSET: field(STATUS, b""),
    StatusCode.OK: field(STATUS, b"\x18\x01"),
    StatusCode.ERROR: field(STATUS, b"\x18\x02"),
}
PLAIN_VALUES = frozenset({str, int, float, bool})
"""Types of nearly all attributes."""

LOCAL: int = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
REMOTE: int = LOCAL | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
FLAGS = {
    is_remote: Span(flags=flags).SerializeToString()
    for is_remote, flags in ((False, LOCAL), (True, REMOTE))
}
"""Whether the parent of a span is in another process."""

LINK_FLAGS = Span.Link(flags=REMOTE).SerializeToString()
"""What a link leads to always is."""


class SpanWithLines:
    """A span, and the log lines that are its events too, already encoded.

    Its parts have the names that they have in the SDK's `ReadableSpan`. One of those, with its
    contexts, costs as much as all bytes of a span: so it is made only where it is needed.
    """

    lines = b""

    def __init__(
        self,
        name: str,
        *,
        identity: TraceContext,
        start_time: int,
        end_time: int,
        attributes: Mapping[str, Any],
        kind: SpanKind = SpanKind.INTERNAL,
        status: Status = UNSET,
        events: Sequence[SpanEvent] = (),
        has_remote_parent: bool = False,
        more_links: Sequence[SpanLink] = (),
    ) -> None:
        """`attributes` are within the limits already; times are epoch nanoseconds."""
        self.name = name
        self.identity = identity
        self.start_time = start_time
        self.end_time = end_time
        self.attributes = attributes
        self.kind = kind
        self.status = status
        self.events = events
        self.has_remote_parent = has_remote_parent
        self.more_links = more_links

    @property
    def parent(self) -> SpanContext | None:
        """Whose child it is."""
        return parent_context(self.identity, is_remote=self.has_remote_parent)

    @property
    def context(self) -> SpanContext:
        """Who it is."""
        return own_context(self.identity)

    @property
    def links(self) -> Sequence[Link]:
        """What it belongs with in other traces."""
        return (*links(self.identity, *self.more_links),)

    def readable(self) -> ReadableSpan:
        """Return the SDK's span, without the lines."""
        return ReadableSpan(
            self.name,
            context=self.context,
            parent=self.parent,
            resource=NO_RESOURCE,
            attributes=self.attributes,
            events=self.events,
            links=self.links,
            kind=self.kind,
            status=self.status,
            start_time=self.start_time,
            end_time=self.end_time,
            instrumentation_scope=SCOPE,
        )


class SpanBytes:
    """Writes one span at a time."""

    def __init__(self) -> None:
        self._attributes = AttributeBytes(ATTRIBUTES, NO_LIMITS, with_nested=True)
        self._names = Remembered(_name_and_kind)

    def encode(self, span: SpanWithLines) -> bytes:
        """Return the span's message, without the lines."""
        own, attributes = span.identity, span.attributes
        parent_id = own.parent_span_id
        if not PLAIN_VALUES.issuperset(map(type, attributes.values())) or _is_unusual(span):
            return _official(span)
        return b"".join(
            (
                _ids(own),
                PARENT_ID + parent_id.to_bytes(8, "big") if parent_id else b"",
                self._names[span.name, span.kind],
                TIMES(START, span.start_time, END, span.end_time),
                self._attributes.pairs(attributes),
                _links(own.link, *span.more_links),
                STATUSES[span.status.status_code],
                FLAGS[bool(parent_id) and span.has_remote_parent],
            )
        )


def _is_unusual(span: SpanWithLines) -> bool:
    """Tell whether a span has what only the official encoder writes."""
    return bool(
        span.events != ()  # an empty list may count those that were dropped
        or span.status.description
        or span.identity.tracestate
        or not (span.start_time and span.end_time)
    )


def _official(span: SpanWithLines) -> bytes:
    [of_resource] = encode_spans([span.readable()]).resource_spans
    [of_scope] = of_resource.scope_spans
    encoded: bytes = of_scope.spans[0].SerializePartialToString()
    return encoded


def _ids(of: TraceContext | SpanLink) -> bytes:
    trace_id, span_id = of.trace_id.to_bytes(16, "big"), of.span_id.to_bytes(8, "big")
    return TRACE_ID + trace_id + SPAN_ID + span_id


def _name_and_kind(of: tuple[str, SpanKind]) -> bytes:
    name, kind = of
    encoded: bytes = Span(name=name, kind=kind.value + 1).SerializeToString()  # type: ignore[arg-type]
    return encoded


def _links(*links: SpanLink | None) -> bytes:
    """Return links as fields of their span; ours have no attributes."""
    return b"".join([field(LINKS, _ids(link) + LINK_FLAGS) for link in links if link])
