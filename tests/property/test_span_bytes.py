"""Spans written by hand are those of the official encoder, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState
from opentelemetry.trace.status import Status, StatusCode

from extension.telemetry.otlp import span_bytes
from extension.telemetry.otlp.requests import NO_RESOURCE, SpanWithLines
from extension.telemetry.otlp.resource import SCOPE
from extension.telemetry.otlp.span_bytes import SpanBytes

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
PLAIN = st.booleans() | NUMBERS | TEXTS
TIMES = st.integers(0, 2**63 - 1)
CONTEXTS = st.builds(
    SpanContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
    trace_state=st.none() | st.just(TraceState([("ot", "th:8")])),
)
STATUSES = st.sampled_from(
    [*map(Status, StatusCode), Status(StatusCode.ERROR, "broken"), Status(StatusCode.ERROR, "")]
)
SPANS = st.builds(
    SpanWithLines,
    name=TEXTS,
    context=CONTEXTS,
    parent=st.none() | CONTEXTS,
    resource=st.just(NO_RESOURCE),
    attributes=st.dictionaries(TEXTS, PLAIN | st.lists(PLAIN, max_size=3), max_size=5),
    events=st.just(()) | st.lists(st.builds(Event, TEXTS, st.just({"a": 1}), TIMES), max_size=1),
    links=st.just(()) | st.lists(st.builds(Link, CONTEXTS), max_size=2),
    kind=st.sampled_from(SpanKind),
    status=STATUSES,
    start_time=TIMES,
    end_time=TIMES,
    instrumentation_scope=st.just(SCOPE),
)
USUAL = SpanWithLines(
    "name",
    context=SpanContext(1, 2, is_remote=False),
    parent=SpanContext(1, 3, is_remote=True),
    resource=NO_RESOURCE,
    attributes={"text": "ä", "number": -5, "ratio": 0.5, "flag": False},
    links=[Link(SpanContext(4, 5, is_remote=True))],
    kind=SpanKind.SERVER,
    status=Status(StatusCode.ERROR),
    start_time=1,
    end_time=2,
    instrumentation_scope=SCOPE,
)


def official(span: SpanWithLines) -> bytes:
    """Return what the official encoder makes of a span."""
    [resource] = encode_spans([span]).resource_spans
    encoded: bytes = resource.scope_spans[0].spans[0].SerializeToString()
    return encoded


@given(SPANS)
def test_a_span_is_the_official_one(span: SpanWithLines) -> None:
    """Whatever it says, and whichever of the two wrote it."""
    assert SpanBytes().encode(span) == official(span)


def test_a_usual_span_needs_no_official_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes that are texts and numbers, links and a failure without a text."""
    expected = official(USUAL)
    monkeypatch.delattr(span_bytes, "encode_spans")
    assert SpanBytes().encode(USUAL) == expected
