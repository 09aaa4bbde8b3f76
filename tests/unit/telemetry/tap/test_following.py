"""Which ids an invocation's span gets from its cause and from X-Ray's header."""

from __future__ import annotations

import pytest

from extension.telemetry.reading.xray import SpanLink, TraceContext, TraceParent
from extension.telemetry.tap.cause import cause_of
from extension.telemetry.tap.following import follow, links_of
from tests.unit.telemetry.tap.samples import DIRECT, SPAN, SQS

XRAY_TRACE, SEGMENT = 0x67D448E8 << 96 | 7, 11
TRACED = TraceContext(trace_id=XRAY_TRACE, span_id=5, parent_span_id=SEGMENT)
UNTRACED = TraceContext(trace_id=XRAY_TRACE, span_id=5)
"""By a header that has a root alone."""
BESIDE = TraceContext(
    trace_id=99, span_id=5, link=SpanLink(trace_id=XRAY_TRACE, span_id=SEGMENT), xray_trace_id="1-…"
)
REQUEST, BATCH, NOTHING = cause_of(DIRECT), cause_of(SQS), cause_of({})
CALLER = SpanLink(trace_id=SPAN[0], span_id=SPAN[1])


def followed(ours: TraceContext, trace_parent: TraceParent = "sdk") -> TraceContext:
    """Return the ids of a request."""
    return follow(ours, REQUEST, beside=BESIDE, trace_parent=trace_parent)


def test_the_caller_s_trace_goes_on() -> None:
    """X-Ray's becomes a link."""
    found = followed(TRACED)
    assert (found.trace_id, found.span_id, found.parent_span_id) == (SPAN[0], 5, SPAN[1])
    assert found.link == BESIDE.link
    assert links_of(REQUEST, ours=found) == ()


def test_xray_s_trace_goes_on_where_the_user_reports_to_it() -> None:
    """The caller becomes a link; where X-Ray knows no parent, there is nothing to go on with."""
    assert followed(TRACED, "xray") == TRACED
    assert links_of(REQUEST, ours=TRACED) == (CALLER,)
    assert followed(UNTRACED, "xray").parent_span_id == SPAN[1]


@pytest.mark.parametrize("trace_parent", ["sdk", "xray", "link", "none"])
def test_within_one_trace_xray_s_segment_stays_the_parent(trace_parent: TraceParent) -> None:
    """It stands between the caller and us."""
    traced = TraceContext(trace_id=SPAN[0], span_id=5, parent_span_id=SEGMENT)
    assert followed(traced, trace_parent) == traced
    untraced = TraceContext(trace_id=SPAN[0], span_id=5)
    assert followed(untraced, trace_parent).parent_span_id == SPAN[1]
    assert links_of(REQUEST, ours=traced) == ()


@pytest.mark.parametrize("trace_parent", ["sdk", "xray", "link", "none"])
def test_messages_change_no_ids(trace_parent: TraceParent) -> None:
    """Their senders become links."""
    assert follow(TRACED, BATCH, beside=BESIDE, trace_parent=trace_parent) == TRACED
    assert links_of(BATCH, ours=TRACED) == (CALLER,)
    assert follow(TRACED, NOTHING, beside=BESIDE, trace_parent=trace_parent) == TRACED
    assert links_of(NOTHING, ours=TRACED) == ()
