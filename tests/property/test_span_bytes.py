"""Spans written by hand are those of the official encoder, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import Status, StatusCode

from extension.telemetry.otlp import span_bytes
from extension.telemetry.otlp.span_bytes import SpanBytes, SpanWithLines
from extension.telemetry.reading.xray import SpanLink, TraceContext

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
PLAIN = st.booleans() | NUMBERS | TEXTS
TIMES = st.integers(0, 2**63 - 1)
TRACE_IDS, SPAN_IDS = st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1)
SENDERS = st.builds(SpanLink, trace_id=TRACE_IDS, span_id=SPAN_IDS)
IDENTITIES = st.builds(
    TraceContext,
    trace_id=TRACE_IDS,
    span_id=SPAN_IDS,
    parent_span_id=st.just(0) | SPAN_IDS,
    link=st.none() | SENDERS,
    tracestate=st.just("") | st.just("ot=th:8"),
)


def dropped(number: int) -> BoundedList[Event]:
    """Return no events, of which some were dropped."""
    events: BoundedList[Event] = BoundedList(0)
    events.dropped += number
    return events


STATUSES = st.sampled_from(
    [*map(Status, StatusCode), Status(StatusCode.ERROR, "broken"), Status(StatusCode.ERROR, "")]
)
SPANS = st.builds(
    SpanWithLines,
    name=TEXTS,
    identity=IDENTITIES,
    has_remote_parent=st.booleans(),
    attributes=st.dictionaries(TEXTS, PLAIN | st.lists(PLAIN, max_size=3), max_size=5),
    events=st.just(())
    | st.lists(st.builds(Event, TEXTS, st.just({"a": 1}), TIMES), max_size=1)
    | st.builds(dropped, st.integers(1, 5)),
    more_links=st.just(()) | st.lists(SENDERS, max_size=2),
    kind=st.sampled_from(SpanKind),
    status=STATUSES,
    start_time=TIMES,
    end_time=TIMES,
)


def official(span: SpanWithLines) -> bytes:
    """Return what the official encoder makes of a span."""
    [resource] = encode_spans([span.readable()]).resource_spans
    encoded: bytes = resource.scope_spans[0].spans[0].SerializeToString()
    return encoded


@given(SPANS)
def test_a_span_is_the_official_one(span: SpanWithLines) -> None:
    """Whatever it says, and whichever of the two wrote it."""
    assert SpanBytes().encode(span) == official(span)


@pytest.mark.parametrize("code", StatusCode)
@pytest.mark.parametrize("parent_span_id", [0, 3])
def test_a_usual_span_needs_no_official_encoder(
    code: StatusCode, parent_span_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attributes that are texts and numbers, links and a status without a text."""
    sender = SpanLink(trace_id=4, span_id=5)
    usual = SpanWithLines(
        "name",
        identity=TraceContext(trace_id=1, span_id=2, parent_span_id=parent_span_id, link=sender),
        has_remote_parent=True,
        attributes={"text": "ä", "number": -5, "ratio": 0.5, "flag": False},
        more_links=[SpanLink(trace_id=6, span_id=7)],
        kind=SpanKind.SERVER,
        status=Status(code),
        start_time=1,
        end_time=2,
    )
    expected = official(usual)
    monkeypatch.delattr(span_bytes, "encode_spans")
    assert SpanBytes().encode(usual) == expected
