"""In whatever order the platform's events and the SDK's requests come, the ids fit together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

from hypothesis import given as drawn
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.telemetry.reading.sdk_spans import REQUEST_ID_KEYS
from extension.telemetry.reading.xray import TraceParent
from tests import platform_events as given
from tests.platform_events import PARENT, RESERVED, TRACE_ID, JsonEvent
from tests.sdk_requests import (
    CALLER,
    INVOCATION,
    PRICE,
    PYTHON,
    SDK_TRACE,
    Stage,
    invocation_span,
    request,
    sdk_span,
    spans_of,
)

SERVER = 2
ELSEWHERE = {0, CALLER, int(PARENT, 16)}
"""Spans of other services, which are not here and need not be."""

Step = Callable[[Stage], object]


def _deliver(event: JsonEvent, stage: Stage) -> object:
    return stage.platform(event)


@st.composite
def steps(draw: st.DrawFn) -> tuple[list[Step], int]:
    """Draw what comes of three invocations, in any order; return it with their number."""
    trace, parent = draw(
        st.sampled_from(
            [(SDK_TRACE, 0), (SDK_TRACE, CALLER), (TRACE_ID, int(RESERVED, 16)), (TRACE_ID, CALLER)]
        )
    )
    status = draw(st.sampled_from(["success", "timeout", "error"]))
    all_steps: list[Step] = [lambda stage: stage.platform(*given.init(0, 1))]
    # The platform's double has X-Ray's ids of one invocation: more of them are not traced.
    number = 1 if trace == TRACE_ID else draw(st.integers(1, 3))
    traced = number == 1 and (trace == TRACE_ID or draw(st.booleans()))
    for each in range(number):
        span_id, price = INVOCATION + 16 * each, PRICE + 16 * each
        own = invocation_span(f"r{each}", span_id, parent=parent, trace=trace + each)
        work = sdk_span("price", price, parent=span_id, trace=trace + each, at=2 * each + 1.2)
        sent = draw(
            st.sampled_from(
                [
                    [request(own, work=[work])],
                    [request(work=[work]), request(own)],
                    [request(own), request(own, work=[work])],
                    [],
                ]
            )
        )
        events = [
            given.start(f"r{each}", 2 * each + 1, traced=traced),
            given.line("paid", 2 * each + 1.5),
            given.done(f"r{each}", 2 * each + 2, status=status),
            given.report(f"r{each}", 2 * each + 2.1, billedDurationMs=1),
        ]
        all_steps += [partial(Stage.sdk, body=body) for body in sent]
        all_steps += [partial(_deliver, event) for event in events]
    return list(draw(st.permutations(all_steps))), number


@drawn(
    drawn_steps=steps(),
    trace_parent=st.sampled_from(["sdk", "xray", "link", "none"]),
    with_logs=st.booleans(),
)
def test_the_ids_fit_together(
    *, drawn_steps: tuple[list[Step], int], trace_parent: TraceParent, with_logs: bool
) -> None:
    """No parent is missing, no id is there twice, and each invocation has one SERVER span."""
    chosen, number = drawn_steps
    stage = Stage(
        trace_parent=trace_parent, signals=("traces", "logs") if with_logs else ("traces",)
    )
    for step in chosen:
        step(stage)
    stage.end()
    elsewhere = ELSEWHERE | ({int(RESERVED, 16)} if trace_parent in ("link", "none") else set())
    spans = [span for span in stage.spans if span.name != "price"]
    ids = [(span.trace_id, span.span_id) for span in spans]
    assert len(set(ids)) == len(ids)
    for span in stage.spans:
        parent = int.from_bytes(span.parent_span_id)
        assert parent in elsewhere or (span.trace_id, span.parent_span_id) in ids
    assert [span.name for span in spans if span.kind == SERVER] == ["shop"] * number
    for record in stage.records:
        came_before_its_invocation = not record.trace_id
        assert came_before_its_invocation or (record.trace_id, record.span_id) in ids


IDS = st.sampled_from([b"", b"\0" * 8, b"\1" * 8, b"\0" * 16, b"\2" * 16, b"\3" * 20])


@st.composite
def strange_spans(draw: st.DrawFn) -> bytes:
    """Draw a request of spans with ids of any length, texts of any kind, and links."""
    sent = ExportTraceServiceRequest()
    numbers = count(1)
    for _ in range(draw(st.integers(0, 4))):
        scope = sent.resource_spans.add().scope_spans.add()
        scope.scope.name = draw(st.sampled_from([PYTHON, "shop", ""]))
        for _ in range(draw(st.integers(0, 3))):
            span = scope.spans.add(
                trace_id=draw(IDS),
                span_id=draw(st.sampled_from([b"", b"\3" * 20, next(numbers).to_bytes(8)])),
                parent_span_id=draw(IDS),
                kind=draw(st.integers(0, 6)),
                start_time_unix_nano=draw(st.integers(0, 2**64 - 1)),
                flags=draw(st.sampled_from([0, 0x101, 0x301])),
            )
            span.status.code = draw(st.integers(0, 2))
            span.links.add(trace_id=draw(IDS), span_id=draw(IDS))
            for name in draw(st.lists(st.sampled_from([*REQUEST_ID_KEYS, "http.x", "url.full"]))):
                value = span.attributes.add(key=name).value
                kind = draw(st.sampled_from(["r", 7, 1.5, True, b"x", None]))
                match kind:
                    case str():
                        value.string_value = kind
                    case bool():
                        value.bool_value = kind
                    case int():
                        value.int_value = kind
                    case float():
                        value.double_value = kind
                    case bytes():
                        value.bytes_value = kind
    encoded: bytes = sent.SerializeToString()
    return encoded


@drawn(body=strange_spans(), killed=st.booleans())
def test_nothing_that_is_posted_costs_a_span(*, body: bytes, killed: bool) -> None:
    """Every span leaves, ours included, whatever else in the sandbox has posted."""
    stage = Stage()
    stage.platform(given.start("r", 1)).sdk(body)
    stage.platform(given.done("r", 2, status="timeout" if killed else "success")).end()
    assert len(stage.spans) == len(spans_of(body)) + 1
    assert [span.name for span in stage.spans].count("shop") == 1
    assert not stage.health.dropped
