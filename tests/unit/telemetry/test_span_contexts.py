"""Our ids as those of the SDK."""

from __future__ import annotations

from opentelemetry.trace import TraceFlags

from extension.process.frozen import replace
from extension.telemetry.otlp.span_contexts import below, links, own_context, parent_context
from extension.telemetry.reading.xray import SpanLink, TraceContext
from tests.doubles import SequentialIds

PARENT = TraceContext(trace_id=7, span_id=8, tracestate="ot=th:8")


def test_a_child_has_its_parents_trace() -> None:
    """With its state; without a parent it begins a trace of its own."""
    ids = SequentialIds()
    child = below(PARENT, ids=ids)
    assert (child.trace_id, child.parent_span_id, child.tracestate) == (7, 8, "ot=th:8")
    first = below(None, ids=SequentialIds())
    fresh = SequentialIds()
    assert (first.trace_id, first.span_id) == (fresh.trace_id(), fresh.span_id())
    assert (first.parent_span_id, first.tracestate) == (0, "")


def test_a_span_is_never_its_own_remote() -> None:
    """And always sampled, with or without a state."""
    for context in (PARENT, replace(PARENT, tracestate="")):
        own = own_context(context)
        assert (own.trace_id, own.span_id, own.is_remote) == (7, 8, False)
        assert own.trace_flags == TraceFlags.SAMPLED
        assert own.trace_state.to_header() == context.tracestate


def test_a_parent_may_be_remote() -> None:
    """The first span of a trace has none."""
    assert parent_context(PARENT, is_remote=True) is None
    child = below(PARENT, ids=SequentialIds())
    for is_remote in (True, False):
        parent = parent_context(child, is_remote=is_remote)
        assert parent is not None
        assert (parent.trace_id, parent.span_id, parent.is_remote) == (7, 8, is_remote)


def test_links_lead_elsewhere() -> None:
    """The span's own and further ones, all of them remote."""
    link, more = SpanLink(trace_id=1, span_id=2), SpanLink(trace_id=3, span_id=4)
    found = links(replace(PARENT, link=link), more)
    assert [(each.context.trace_id, each.context.span_id) for each in found] == [(1, 2), (3, 4)]
    assert all(each.context.is_remote for each in found)
    assert links(PARENT) == []
