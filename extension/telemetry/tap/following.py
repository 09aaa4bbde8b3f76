"""PURE: chooses the ids of an invocation's span from its cause and from X-Ray's header.

The choice is made once, when the event has arrived and before anything has used the ids. The span
joins the caller's trace and links to X-Ray's; with `xray`, the other way around. If both are the
same trace, X-Ray's segment stays the parent: it is between the caller and the function.
"""

from __future__ import annotations

from extension.process.frozen import replace
from extension.telemetry.reading.xray import SpanLink, TraceContext, TraceParent
from extension.telemetry.tap.cause import Cause
from extension.telemetry.tap.trace_context import RemoteSpan


def follow(
    ours: TraceContext, cause: Cause, *, beside: TraceContext, trace_parent: TraceParent
) -> TraceContext:
    """Return our ids.

    `ours`: by X-Ray's header. `beside`: in a trace of our own, with a link to X-Ray's.
    """
    caller = cause.parent
    if caller is None or _keeps_xray(ours, trace_parent):
        return ours
    if caller.trace_id != ours.trace_id:
        return replace(beside, trace_id=caller.trace_id, parent_span_id=caller.span_id)
    return ours if ours.parent_span_id else replace(ours, parent_span_id=caller.span_id)


def links_of(cause: Cause, *, ours: TraceContext) -> tuple[SpanLink, ...]:
    """Return links to the senders of messages, and to a caller in another trace."""
    caller = cause.parent
    beside = (caller,) if caller and caller.trace_id != ours.trace_id else ()
    return tuple(map(_link, (*beside, *cause.links)))


def _keeps_xray(ours: TraceContext, trace_parent: TraceParent) -> bool:
    return trace_parent == "xray" and bool(ours.parent_span_id)


def _link(span: RemoteSpan) -> SpanLink:
    return SpanLink(trace_id=span.trace_id, span_id=span.span_id)
