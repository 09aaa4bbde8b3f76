"""Spans and log records to small OTLP requests.

The official encoders group by resource, and hash it for each item; ours is one for all of them, so
it is encoded once and put into each request.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from extension.telemetry.export.buffer import REQUEST_BYTES, PendingItem, Signal
from extension.telemetry.health import Health
from extension.telemetry.otlp.resource import SCHEMA_URL, SCOPE
from extension.telemetry.otlp.span_bytes import SpanBytes
from extension.telemetry.wire import Heads, head


class _NoResource(Resource):
    """An empty resource; the SDK's own writes all of one as JSON for each hash."""

    def __hash__(self) -> int:
        return 0


NO_RESOURCE = _NoResource({}, SCHEMA_URL)
"""What items carry until their request gets the real one."""

SPANS = Heads(2)
"""What precedes a span in the message of its scope."""

PLACEHOLDER = SpanContext(trace_id=1, span_id=1, is_remote=False)
"""Of the span by which the resource is encoded."""


class SpanWithLines(ReadableSpan):
    """A span, and the log lines that are its events too, already encoded."""

    lines = b""


class Requests:
    """Encodes items of one sandbox; what cannot be encoded is counted."""

    def __init__(self, resource: Resource, *, health: Health) -> None:
        self._health = health
        self._spans = SpanBytes()
        self.use(resource)

    def use(self, resource: Resource) -> None:
        """Put this resource into every later request."""
        anything = ReadableSpan(
            name="", context=PLACEHOLDER, resource=resource, instrumentation_scope=SCOPE
        )
        [of_resource] = encode_spans([anything]).resource_spans
        [of_scope] = of_resource.scope_spans
        of_scope.ClearField("spans")
        self._around_items = of_scope.SerializeToString()
        of_resource.ClearField("scope_spans")
        self._around_scope = of_resource.SerializeToString()
        """What a request says besides its items; those of all signals are built alike."""

    def spans(self, spans: Sequence[SpanWithLines]) -> Iterator[PendingItem]:
        """Yield requests with these spans."""
        return self._requests("traces", self._encode(spans))

    def logs(self, records: Sequence[bytes]) -> Iterator[PendingItem]:
        """Yield requests with these log records, which are encoded already."""
        return self._requests("logs", records)

    def _encode(self, spans: Iterable[SpanWithLines]) -> list[bytes]:
        """Encode spans, each by itself; one that cannot be encoded costs no other."""
        encoded: list[bytes] = []
        for span in spans:
            try:
                body = self._spans.encode(span) + span.lines
            except Exception as error:  # noqa: BLE001  # this span's, whatever is wrong with it
                self._health.faults[type(error).__name__] += 1
                self._health.dropped["unencodable"] += 1
            else:
                encoded.append(SPANS[len(body)] + body)
        return encoded

    def _requests(self, signal: Signal, items: Sequence[bytes]) -> Iterator[PendingItem]:
        """Yield requests with these items, as they are in the message of their scope."""
        ends = [*accumulate(map(len, items))]
        first = size = 0
        while first < len(items):
            after = max(bisect_right(ends, size + REQUEST_BYTES), first + 1)
            yield self._request(signal, items[first:after])
            first, size = after, ends[after - 1]

    def _request(self, signal: Signal, items: Sequence[bytes]) -> PendingItem:
        inner, outer = self._around_items, self._around_scope
        size = len(inner) + sum(map(len, items))
        scope = head(2, size)
        resource = head(1, len(outer) + len(scope) + size)
        body = b"".join((resource, outer, scope, inner, *items))
        return PendingItem(signal=signal, body=body, count=len(items))
