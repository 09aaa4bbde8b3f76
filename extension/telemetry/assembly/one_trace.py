"""PURE: how the platform's span of an invocation and the SDK's become one trace.

Ours stays SERVER, because it is the one that exists however the invocation ends, and the platform's
facts stand on it. The SDK's becomes its child, INTERNAL, so that nothing counts two requests.

**Before our ids are decided** they follow the SDK's (`join`): where it is in X-Ray's trace, ours
goes between it and its parent; where it is in another, which is the default of every SDK, ours goes
into that trace with its parent, and X-Ray's trace becomes a link. **Once they are decided** they
stay (`change_of`): what comes later is moved below ours if it is in our trace, else linked to it.
They are decided when the span, or anything that carries its ids, goes out.

A function that was killed never sends that span, but may have sent what is below it (`stand_in`):
ours then takes the ids of the missing one.
"""

from __future__ import annotations

from collections.abc import Sequence

from extension.process.frozen import Frozen, replace
from extension.process.ids import Ids
from extension.telemetry.reading.sdk_spans import Orphan, SdkSpan
from extension.telemetry.reading.xray import SpanLink, TraceContext


class SpanChange(Frozen):
    """What becomes of the SDK's span besides its kind; 0 leaves an id as it is."""

    trace_id: int = 0
    span_id: int = 0
    parent_span_id: int = 0
    links: tuple[SpanLink, ...] = ()


def join(ours: TraceContext, sdk: SdkSpan, *, beside: TraceContext) -> TraceContext:
    """Return our ids as the SDK's span asks for them.

    `ours` are those by X-Ray, `beside` those of a trace of our own with a link to X-Ray's.
    """
    if sdk.trace_id != ours.trace_id:
        return replace(beside, trace_id=sdk.trace_id, parent_span_id=sdk.parent_span_id)
    if sdk.parent_span_id in (0, ours.span_id):
        return ours
    return replace(ours, parent_span_id=sdk.parent_span_id)


def stand_in(ours: TraceContext, orphan: Orphan, *, beside: TraceContext) -> TraceContext:
    """Return our ids in place of those of the orphan's parent, which is never coming."""
    if orphan.missing_parent_id == ours.parent_span_id:
        return ours  # it is X-Ray's segment, or the caller: beside ours, and not missing
    if orphan.trace_id == ours.trace_id:
        return replace(ours, span_id=orphan.missing_parent_id)
    return replace(beside, trace_id=orphan.trace_id, span_id=orphan.missing_parent_id)


def change_of(sdk: SdkSpan, *, ours: TraceContext, is_second: bool, ids: Ids) -> SpanChange:
    """Return what becomes of the SDK's span below ours, whose ids are decided.

    `is_second`: another span of this invocation was here before. An agent that instruments both
    the runtime's client and the handler makes two; the outer one is a root without children.
    """
    if sdk.trace_id == ours.trace_id:
        taken = sdk.span_id == ours.span_id  # ours has its place
        kept = sdk.parent_span_id in (0, ours.span_id, ours.parent_span_id)
        former = SpanLink(trace_id=sdk.trace_id, span_id=sdk.parent_span_id)
        return SpanChange(
            span_id=ids.span_id() if taken else 0,
            parent_span_id=ours.span_id,
            links=() if kept else (former,),
        )
    if is_second and sdk.is_alone and not sdk.parent_span_id:
        return SpanChange(trace_id=ours.trace_id, parent_span_id=ours.span_id)
    return SpanChange(links=(SpanLink(trace_id=ours.trace_id, span_id=ours.span_id),))


def links_of(sdk: SdkSpan, *, ours: TraceContext) -> Sequence[SpanLink]:
    """Return the links that ours takes over, and one to the SDK's span if it is elsewhere."""
    if sdk.trace_id == ours.trace_id:
        return sdk.links
    return (SpanLink(trace_id=sdk.trace_id, span_id=sdk.span_id), *sdk.links)
