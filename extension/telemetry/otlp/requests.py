"""Spans and log records to small OTLP requests.

The official encoders group by resource, and hash it for each item; ours is one for all of them, so
it is encoded once and put into each request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from extension.telemetry.export.buffer import REQUEST_BYTES, PendingItem, Signal
from extension.telemetry.health import Health
from extension.telemetry.otlp.resource import SCHEMA_URL, SCOPE
from extension.telemetry.otlp.wire import field

NO_RESOURCE = Resource({}, SCHEMA_URL)
"""What items carry until their request gets the real one."""

PLACEHOLDER = SpanContext(trace_id=1, span_id=1, is_remote=False)
"""Of the span by which the resource is encoded."""


class Requests:
    """Encodes items of one sandbox; what cannot be encoded is counted."""

    def __init__(self, resource: Resource, *, health: Health) -> None:
        self._health = health
        self.use(resource)

    def use(self, resource: Resource) -> None:
        """Put this resource into every later request."""
        anything = ReadableSpan(
            name="", context=PLACEHOLDER, resource=resource, instrumentation_scope=SCOPE
        )
        [of_resource] = encode_spans([anything]).resource_spans
        self._resource = of_resource.resource
        [of_scope] = of_resource.scope_spans
        of_scope.ClearField("spans")
        self._around_records = of_scope.SerializeToString()
        of_resource.ClearField("scope_spans")
        self._around_scope = of_resource.SerializeToString()
        """Of a request with log records; those of all signals are built alike."""

    def spans(self, spans: Sequence[ReadableSpan]) -> Iterator[PendingItem]:
        """Yield requests with these spans."""
        return self._requests("traces", spans, self._encode_spans)

    def logs(self, records: Sequence[bytes]) -> Iterator[PendingItem]:
        """Yield requests with these log records, which are encoded already."""
        first, size = 0, 0
        for at, record in enumerate(records):
            size += len(record)
            if size > REQUEST_BYTES and at > first:
                yield self._logs(records[first:at])
                first, size = at, len(record)
        if records:
            yield self._logs(records[first:])

    def _logs(self, records: Sequence[bytes]) -> PendingItem:
        scope = field(2, b"".join((self._around_records, *records)))
        body = field(1, self._around_scope + scope)
        return PendingItem(signal="logs", body=body, count=len(records))

    def _requests(
        self, signal: Signal, items: Sequence[Any], encode: Callable[[Sequence[Any]], bytes]
    ) -> Iterator[PendingItem]:
        """Encode items together, or in halves where they are too many or one cannot be encoded."""
        if not items:
            return
        try:
            body = encode(items)
        except Exception as error:  # noqa: BLE001  # one item's, whatever is wrong with it
            self._health.faults[type(error).__name__] += 1
            if len(items) == 1:
                self._health.dropped["unencodable"] += 1
                return
        else:
            if len(body) <= REQUEST_BYTES or len(items) == 1:
                yield PendingItem(signal=signal, body=body, count=len(items))
                return
        middle = len(items) // 2
        yield from self._requests(signal, items[:middle], encode)
        yield from self._requests(signal, items[middle:], encode)

    def _encode_spans(self, spans: Sequence[ReadableSpan]) -> bytes:
        request = encode_spans(spans)
        for each in request.resource_spans:
            each.resource.CopyFrom(self._resource)
        encoded: bytes = request.SerializePartialToString()
        return encoded
