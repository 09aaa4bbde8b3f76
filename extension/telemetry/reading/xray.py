"""PURE: X-Ray's trace header, and which ids the span of an invocation gets.

`Sampled=0` never drops anything: it says that X-Ray itself keeps no segment, not that the user
does not want to see his invocation.

Source: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import re
from typing import Literal

from extension.process.frozen import Frozen
from extension.process.ids import Ids
from extension.telemetry.reading.events import Tracing

TraceParent = Literal["sdk", "xray", "link", "none"]
"""What an X-Ray id means to us: the parent, a link beside a trace of our own, or nothing; `sdk`:
the parent until the function's own SDK reports another trace."""

ROOT = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})")
SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")


class TraceHeader(Frozen):
    """`Root=…;Parent=…;Sampled=…` as ids; 0 where a part is absent or not an id."""

    trace_id: int = 0
    parent_span_id: int = 0


class SpanLink(Frozen):
    """Another span that this one belongs with."""

    trace_id: int
    span_id: int


class TraceContext(Frozen):
    """Who a span is: 128-bit trace id, 64-bit span id, parent's span id or 0, links."""

    trace_id: int
    span_id: int
    parent_span_id: int = 0
    link: SpanLink | None = None
    xray_trace_id: str = ""
    """X-Ray's own id of the trace where it is not ours, which becomes an attribute."""
    tracestate: str = ""
    """What the spans say of sampling, if anything."""


def parse_header(header: str) -> TraceHeader:
    """Read a header; unknown keys such as `Lineage`, and their order, do not matter."""
    pairs = (part.partition("=") for part in header.split(";"))
    values = {key.strip(): value.strip() for key, _, value in pairs}
    root = ROOT.fullmatch(values.get("Root", ""))
    return TraceHeader(
        trace_id=int(root[1] + root[2], 16) if root else 0,
        parent_span_id=parse_span_id(values.get("Parent", "")),
    )


def parse_span_id(text: str) -> int:
    """Return a 64-bit id from 16 hexadecimal digits, 0 for anything else."""
    return int(text, 16) if SPAN_ID.fullmatch(text) else 0


def identify(
    tracing: Tracing | None,
    *,
    invoke_header: str,
    trace_parent: TraceParent,
    ids: Ids,
    below_segment: bool = False,
) -> TraceContext:
    """Choose the ids of an invocation's span.

    `tracing` comes from the platform's events and only when X-Ray samples; `invoke_header` from
    the INVOKE event. The span id that Lambda reserved is taken where there is one, so that the
    spans of the function's own SDK, whose parent it is, become our children. `below_segment`: X-Ray
    itself gets the spans, and has a segment of that id already, so it is the parent.
    """
    header = parse_header(tracing.header if tracing else invoke_header)
    reserved = parse_span_id(tracing.span_id) if tracing else 0
    if trace_parent in ("sdk", "xray"):
        if below_segment and header.trace_id and reserved:
            return TraceContext(
                trace_id=header.trace_id, span_id=ids.span_id(), parent_span_id=reserved
            )
        span_id = (header.trace_id and reserved) or ids.span_id()
        # The header that the runtime gets names the reserved id: no span is its own parent.
        parent_span_id = header.parent_span_id if header.parent_span_id != span_id else 0
        return TraceContext(
            trace_id=header.trace_id or ids.trace_id(),
            span_id=span_id,
            parent_span_id=header.trace_id and parent_span_id,
        )
    own = TraceContext(trace_id=ids.trace_id(), span_id=ids.span_id())
    segment = reserved or header.parent_span_id
    if not header.trace_id:
        return own
    is_linked = trace_parent == "link" and segment
    return TraceContext(
        trace_id=own.trace_id,
        span_id=own.span_id,
        link=SpanLink(trace_id=header.trace_id, span_id=segment) if is_linked else None,
        xray_trace_id=_root_of(header.trace_id),
    )


def _root_of(trace_id: int) -> str:
    digits = f"{trace_id:032x}"
    return f"1-{digits[:8]}-{digits[8:]}"
