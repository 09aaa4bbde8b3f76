"""X-Ray's header and the identity of an invocation's span."""

from __future__ import annotations

import pytest

from extension.telemetry.reading.events import Tracing
from extension.telemetry.reading.xray import (
    SpanLink,
    TraceContext,
    TraceHeader,
    identify,
    parse_header,
)
from tests.doubles import SequentialIds
from tests.platform_events import HEADER, PARENT, RESERVED, ROOT, TRACE_ID

FULL = TraceHeader(trace_id=TRACE_ID, parent_span_id=int(PARENT, 16))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HEADER, FULL),
        (f"Root={ROOT};Parent={PARENT};Sampled=0", FULL),
        (f"Parent={PARENT};Lineage=a87bd80c:1|68fd508a:5;Root={ROOT}", FULL),
        (f" Root={ROOT} ; Parent={PARENT} ", FULL),
        (f"Root={ROOT}", TraceHeader(trace_id=TRACE_ID)),
        (f"Root={ROOT};Parent=short", TraceHeader(trace_id=TRACE_ID)),
        ("Root=1-zz-zz;Parent=" + PARENT, TraceHeader(parent_span_id=int(PARENT, 16))),
        ("", TraceHeader()),
        ("nonsense;;==", TraceHeader()),
    ],
)
def test_header(header: str, expected: TraceHeader) -> None:
    """A header is read in any order, with unknown keys, whole or in part."""
    assert parse_header(header) == expected


def test_active_tracing_decides_everything() -> None:
    """With tracing in the events, trace, span and parent are X-Ray's, and no id is drawn."""
    ids = SequentialIds()
    context = identify(
        Tracing(header=HEADER, span_id=RESERVED), invoke_header="", trace_parent="xray", ids=ids
    )
    assert context == TraceContext(
        trace_id=TRACE_ID, span_id=int(RESERVED, 16), parent_span_id=int(PARENT, 16)
    )
    assert ids.span_id() == 1


@pytest.mark.parametrize("sampled", ["0", "1", "?"])
def test_an_unsampled_invocation_is_not_dropped(sampled: str) -> None:
    """Without tracing in the events, trace and parent come from the INVOKE event's header."""
    header = f"Root={ROOT};Parent={PARENT};Sampled={sampled}"
    context = identify(None, invoke_header=header, trace_parent="xray", ids=SequentialIds())
    assert context == TraceContext(trace_id=TRACE_ID, span_id=1, parent_span_id=int(PARENT, 16))


def test_without_any_header_the_trace_is_our_own() -> None:
    """Nothing known: a fresh trace without parent."""
    context = identify(None, invoke_header="", trace_parent="xray", ids=SequentialIds())
    assert context == TraceContext(trace_id=1, span_id=1)


def test_parent_without_root_is_no_parent() -> None:
    """A parent id of an unknown trace would hang in the air."""
    context = identify(
        None, invoke_header=f"Parent={PARENT}", trace_parent="xray", ids=SequentialIds()
    )
    assert context == TraceContext(trace_id=1, span_id=1)


def test_no_span_is_its_own_parent() -> None:
    """The header that some platforms pass on names the reserved id as the parent."""
    header = HEADER.replace(PARENT, RESERVED)
    tracing = Tracing(header=header, span_id=RESERVED)
    context = identify(tracing, invoke_header="", trace_parent="xray", ids=SequentialIds())
    assert (context.span_id, context.parent_span_id) == (int(RESERVED, 16), 0)


def test_link_keeps_a_trace_of_its_own() -> None:
    """`link` begins a trace of our own that points at X-Ray's segment and names its trace."""
    tracing = Tracing(header=HEADER, span_id=RESERVED)
    context = identify(tracing, invoke_header="", trace_parent="link", ids=SequentialIds())
    assert context == TraceContext(
        trace_id=1,
        span_id=1,
        link=SpanLink(trace_id=TRACE_ID, span_id=int(RESERVED, 16)),
        xray_trace_id=ROOT,
    )


def test_link_points_at_the_caller_where_nothing_is_reserved() -> None:
    """Without sampling the INVOKE event's header is all there is."""
    context = identify(None, invoke_header=HEADER, trace_parent="link", ids=SequentialIds())
    assert context.link == SpanLink(trace_id=TRACE_ID, span_id=int(PARENT, 16))


def test_none_only_names_the_trace() -> None:
    """`none` has neither parent nor link; X-Ray's trace id remains to search by."""
    context = identify(None, invoke_header=HEADER, trace_parent="none", ids=SequentialIds())
    assert context == TraceContext(trace_id=1, span_id=1, xray_trace_id=ROOT)


def test_x_ray_has_a_segment_of_the_reserved_id_itself() -> None:
    """Where the spans go to X-Ray, ours is a child of that segment and no second record of it."""
    context = identify(
        Tracing(header=HEADER, span_id=RESERVED),
        invoke_header="",
        trace_parent="xray",
        ids=SequentialIds(),
        below_segment=True,
    )
    assert context == TraceContext(trace_id=TRACE_ID, span_id=1, parent_span_id=int(RESERVED, 16))


def test_without_a_segment_the_parent_is_the_callers() -> None:
    """X-Ray does not sample, so it has no record that ours could be a child of."""
    context = identify(
        None,
        invoke_header=HEADER,
        trace_parent="xray",
        ids=SequentialIds(),
        below_segment=True,
    )
    assert context == TraceContext(trace_id=TRACE_ID, span_id=1, parent_span_id=int(PARENT, 16))


def test_a_segment_of_no_trace_is_no_parent() -> None:
    """The header names no trace in which ours could be a child."""
    context = identify(
        Tracing(header="", span_id=RESERVED),
        invoke_header="",
        trace_parent="xray",
        ids=SequentialIds(),
        below_segment=True,
    )
    assert context == TraceContext(trace_id=1, span_id=1)


def test_without_a_segment_there_is_no_link() -> None:
    """The header names a trace alone."""
    context = identify(None, invoke_header=f"Root={ROOT}", trace_parent="link", ids=SequentialIds())
    assert context == TraceContext(trace_id=1, span_id=1, xray_trace_id=ROOT)
