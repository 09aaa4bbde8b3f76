"""Spans as text that a person can read as a specification; times are seconds after noon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan

from simulator.aws.endpoints.stored_event import plain
from tests.doubles import NOON_NS


def as_text(spans: Iterable[ReadableSpan]) -> str:
    """Return one paragraph a span: ids, times and status, then attributes, events and links."""
    return "\n".join(line for span in spans for line in _lines(span)) + "\n"


def _lines(span: ReadableSpan) -> Iterable[str]:
    context = span.get_span_context()
    assert context is not None
    status = span.status
    text = f" {status.description!r}" if status.description else ""
    parent = f" under {_id(span.parent.span_id)}" if span.parent else ""
    yield (
        f"{span.name}  {_at(span.start_time)} to {_at(span.end_time)}"
        f"  {span.kind.name} {status.status_code.name}{text}"
    )
    yield f"  {context.trace_id:032x} {_id(context.span_id)}{parent}"
    yield from (f"  {name} = {value!r}" for name, value in (span.attributes or {}).items())
    for event in span.events:
        yield _event(event.timestamp, event.name, event.attributes or {})
    for line in Span.FromString(getattr(span, "lines", b"")).events:
        fields = {each.key: plain(each.value) for each in line.attributes}
        yield _event(line.time_unix_nano, line.name, fields)
    if span.dropped_events:
        yield f"  * and {span.dropped_events} more"
    yield from (
        f"  -> {link.context.trace_id:032x} {_id(link.context.span_id)}" for link in span.links
    )


def _event(time_ns: int, name: str, attributes: Mapping[str, Any]) -> str:
    told = " ".join(f"{key}={value!r}" for key, value in attributes.items())
    return f"  * {_at(time_ns)} {name} {told}"


def _at(time_ns: int | None) -> str:
    return f"{((time_ns or 0) - NOON_NS) / 1e9:g}"


def _id(span_id: int) -> Any:
    """Return X-Ray's ids in hexadecimal, the small ones of tests as numbers."""
    return span_id if span_id < 1000 else f"{span_id:016x}"
