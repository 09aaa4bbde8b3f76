"""Spans as the bytes of their message: what nearly all of them are.

They are written by hand because the messages of the official encoder cost five times as much. What
is unusual, an event, a trace state or a description, is left to that encoder, which is the oracle
of the tests for everything here.
Source: https://github.com/open-telemetry/opentelemetry-proto, trace.proto
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.status import StatusCode

from extension.telemetry.otlp.limits import NO_LIMITS
from extension.telemetry.otlp.line_bytes import AttributeBytes, Remembered
from extension.telemetry.wire import field

ATTRIBUTES, LINKS, STATUS = 9, 13, 15
"""Numbers of the fields."""

TRACE_ID, SPAN_ID, PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
"""The bytes before the ids of a span; in a link the first two are the same."""

TIMES = struct.Struct("<BQBQ").pack
START, END = 7 << 3 | 1, 8 << 3 | 1
"""Tags of the two times, both of 64 bits."""

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

LINK_FLAGS = {
    is_remote: Span.Link(flags=flags).SerializeToString()
    for is_remote, flags in ((False, LOCAL), (True, REMOTE))
}
"""Whether what a link leads to is."""


class SpanBytes:
    """Writes one span at a time; its attributes are within the limits already."""

    def __init__(self) -> None:
        self._attributes = AttributeBytes(ATTRIBUTES, NO_LIMITS, with_nested=True)
        self._names = Remembered(_name_and_kind)

    def encode(self, span: ReadableSpan) -> bytes:
        """Return the span's message."""
        context, attributes, parent = span.context, span.attributes or {}, span.parent
        if not PLAIN_VALUES.issuperset(map(type, attributes.values())) or _is_unusual(span):
            return _official(span)
        return b"".join(
            (
                _ids(context),
                PARENT_ID + parent.span_id.to_bytes(8, "big") if parent else b"",
                self._names[span.name, span.kind],
                TIMES(START, span.start_time, END, span.end_time),
                self._attributes.pairs(attributes),
                _links(span.links),
                STATUSES[span.status.status_code],
                FLAGS[parent is not None and parent.is_remote],
            )
        )


def _is_unusual(span: ReadableSpan) -> bool:
    """Return whether a span has what only the official encoder writes."""
    return bool(
        span.events
        or span.dropped_events
        or span.status.description
        or (span.context and span.context.trace_state)
        or not (span.start_time and span.end_time)
    )


def _official(span: ReadableSpan) -> bytes:
    [of_resource] = encode_spans([span]).resource_spans
    [of_scope] = of_resource.scope_spans
    encoded: bytes = of_scope.spans[0].SerializePartialToString()
    return encoded


def _ids(of: SpanContext) -> bytes:
    trace_id, span_id = of.trace_id.to_bytes(16, "big"), of.span_id.to_bytes(8, "big")
    return TRACE_ID + trace_id + SPAN_ID + span_id


def _name_and_kind(of: tuple[str, SpanKind]) -> bytes:
    name, kind = of
    encoded: bytes = Span(name=name, kind=kind.value + 1).SerializeToString()  # type: ignore[arg-type]
    return encoded


def _links(links: Sequence[Link]) -> bytes:
    """Return links as fields of their span; ours have no attributes."""
    encoded = [_ids(link.context) + LINK_FLAGS[link.context.is_remote] for link in links]
    return b"".join([field(LINKS, each) for each in encoded])
