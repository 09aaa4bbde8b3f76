"""Our own ids of a span, as the SDK wants them: itself, its parent, its links.

Always marked as sampled: `Sampled=0` says that X-Ray keeps no segment, not that the user does not.
"""

from __future__ import annotations

from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState

from extension.process.ids import Ids
from extension.telemetry.reading.xray import SpanLink, TraceContext

SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def below(parent: TraceContext | None, *, ids: Ids) -> TraceContext:
    """Return a child's identity, or that of a trace of its own."""
    if parent is None:
        return TraceContext(trace_id=ids.trace_id(), span_id=ids.span_id())
    return TraceContext(
        trace_id=parent.trace_id,
        span_id=ids.span_id(),
        parent_span_id=parent.span_id,
        tracestate=parent.tracestate,
    )


def own_context(of: TraceContext) -> SpanContext:
    """Return the ids of the span."""
    if of.tracestate:
        return SpanContext(
            of.trace_id,
            of.span_id,
            is_remote=False,
            trace_flags=SAMPLED,
            trace_state=TraceState.from_header([of.tracestate]),
        )
    return _span_context(of.trace_id, of.span_id, is_remote=False)


def parent_context(of: TraceContext, *, is_remote: bool) -> SpanContext | None:
    """Return whose child the span is, None for the first of its trace."""
    if not of.parent_span_id:
        return None
    return _span_context(of.trace_id, of.parent_span_id, is_remote=is_remote)


def links(of: TraceContext, *more: SpanLink) -> list[Link]:
    """Return what the span belongs with in other traces."""
    return [
        Link(_span_context(link.trace_id, link.span_id, is_remote=True))
        for link in (of.link, *more)
        if link
    ]


def _span_context(trace_id: int, span_id: int, *, is_remote: bool) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=is_remote, trace_flags=SAMPLED)
