"""X-Ray headers: what Lambda makes of the caller's."""

from __future__ import annotations

import re

from simulator.tracing import begin_trace

NOW_NS = 1_767_268_800 * 1_000_000_000
CALLER = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def test_active_tracing_starts_a_sampled_trace() -> None:
    """Without a caller's header there is a new root of now, a parent, and a reserved segment."""
    trace = begin_trace("active", incoming=None, now_ns=NOW_NS)

    pattern = r"Root=1-695661c0-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=1"
    assert re.fullmatch(pattern, trace.event_header)
    assert re.fullmatch(pattern, trace.runtime_header)
    assert re.fullmatch(r"[0-9a-f]{16}", trace.span_id)


def test_the_function_is_a_child_of_the_reserved_segment() -> None:
    """The runtime's parent is the segment that telemetry calls spanId; the caller stays above."""
    trace = begin_trace("active", incoming=CALLER, now_ns=NOW_NS)

    assert trace.event_header == CALLER
    assert trace.runtime_header == CALLER.replace("53995c3f42cd8ad8", trace.span_id)
    assert trace.as_telemetry_tracing() == {
        "spanId": trace.span_id,
        "type": "X-Amzn-Trace-Id",
        "value": CALLER,
    }


def test_the_callers_decision_not_to_sample_is_respected() -> None:
    """An unsampled trace is handed on, but telemetry says nothing of it."""
    unsampled = CALLER.replace("Sampled=1", "Sampled=0")
    trace = begin_trace("active", incoming=unsampled, now_ns=NOW_NS)

    assert trace.runtime_header == unsampled
    assert trace.as_invoke_tracing() == {"type": "X-Amzn-Trace-Id", "value": unsampled}
    assert trace.as_telemetry_tracing() is None


def test_pass_through_hands_the_header_on() -> None:
    """Pass-through adds no segment, keeps unknown keys, and starts no trace of its own."""
    header = f"{CALLER};Lineage=1:a|b"
    trace = begin_trace("pass-through", incoming=header, now_ns=NOW_NS)

    assert (trace.runtime_header, trace.event_header, trace.span_id) == (header, header, "")
    assert begin_trace("pass-through", incoming=None, now_ns=NOW_NS).event_header == ""


def test_tracing_off_says_nothing() -> None:
    """Without tracing there is no header, whatever the caller sent."""
    trace = begin_trace("off", incoming=CALLER, now_ns=NOW_NS)

    assert trace.runtime_header == ""
    assert trace.as_invoke_tracing() is None
