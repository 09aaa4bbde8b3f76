"""PURE: how the ids of an invocation follow from its cause, beside those by X-Ray.

Decided once, when `/next` has brought the event and before anything carries the ids. The caller's
trace goes first, X-Ray's becomes a link; the other way around where the user reports to X-Ray.
Within one trace X-Ray's segment stands between the caller and us, and stays our parent.
"""

from __future__ import annotations

from extension.process.frozen import replace
from extension.telemetry.reading.xray import SpanLink, TraceContext, TraceParent
from extension.telemetry.tap.cause import Cause
from extension.telemetry.tap.trace_context import RemoteSpan


def follow(
    ours: TraceContext, cause: Cause, *, beside: TraceContext, trace_parent: TraceParent
) -> TraceContext:
    """Return our ids: `ours` are those by X-Ray, `beside` those with X-Ray's trace as a link."""
    caller = cause.parent
    if caller is None or _keeps_xray(ours, trace_parent):
        return ours
    if caller.trace_id != ours.trace_id:
        return replace(beside, trace_id=caller.trace_id, parent_span_id=caller.span_id)
    return ours if ours.parent_span_id else replace(ours, parent_span_id=caller.span_id)


def links_of(cause: Cause, *, ours: TraceContext) -> tuple[SpanLink, ...]:
    """Return links to what sent the messages, and to a caller whose trace ours is not in."""
    caller = cause.parent
    beside = (caller,) if caller and caller.trace_id != ours.trace_id else ()
    return tuple(map(_link, (*beside, *cause.links)))


def _keeps_xray(ours: TraceContext, trace_parent: TraceParent) -> bool:
    return trace_parent == "xray" and bool(ours.parent_span_id)


def _link(span: RemoteSpan) -> SpanLink:
    return SpanLink(trace_id=span.trace_id, span_id=span.span_id)
