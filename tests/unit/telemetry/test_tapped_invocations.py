"""What is copied of the Runtime API's messages, in the spans, lines and metrics that leave.

The caller's trace ends in 4736, its span in 2b7; X-Ray's trace ends in 2793, the SDK's in aaaa.
"""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from extension.telemetry.assembly.finished import Invocation
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.otlp.metrics import Meter
from extension.telemetry.reading.levels import SEVERITIES
from extension.telemetry.reading.xray import TraceParent
from extension.telemetry.tap.cause import CauseOptions, cause_of
from extension.telemetry.tap.tapped_requests import TappedRequests
from simulator.aws.endpoints.stored_event import plain
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.sdk_requests import (
    CALLER,
    INVOCATION,
    Stage,
    as_text,
    invocation_span,
    request,
    sdk_span,
)
from tests.tapped_messages import Copy, error, event, give, init_error, response
from tests.unit.telemetry.tap.samples import (
    REST,
    SAMPLES,
    SPAN,
    SQS,
    SQS_ATTRIBUTE,
    TRACEPARENT,
    sqs_record,
)

START, DONE = given.start("r", 1), given.done("r", 3)
RAISED = {"errorType": "TeaError", "errorMessage": "cold", "stackTrace": ["  at brew\n"]}
LOGGED = '2026/01/01 12:00:00 {"errorMessage":"hot","errorType":"OtherError"}'
"""As Go's runtime writes what left the handler, and a function may write, too."""
UNSAMPLED = {**REST, "headers": {"traceparent": TRACEPARENT[:-1] + "0"}, "multiValueHeaders": {}}


class Tapped(Stage):
    """A stage with a runtime whose messages are copied."""

    def __init__(
        self, *, options: CauseOptions | None = None, concurrent: bool = False, **more: Any
    ) -> None:
        self.tap = TappedRequests(options=options or CauseOptions(), concurrent=concurrent)
        super().__init__(concurrent=concurrent, **more)
        self.pipeline.use_tap(self.tap)

    def runtime(self, *copies: Copy) -> Tapped:
        """Copy messages between runtime and Runtime API."""
        give(self.tap, *copies)
        return self

    def platform(self, *events: given.JsonEvent) -> Tapped:
        """Deliver events of the platform."""
        super().platform(*events)
        assert not self.health.faults
        return self


def told(span: Any) -> dict[str, Any]:
    """Return the attributes of a span."""
    return {each.key: plain(each.value) for each in span.attributes}


def only(stage: Stage) -> Any:
    """Return the one span that leaves."""
    [span] = stage.spans
    return span


def test_an_attempt_whose_predecessor_is_reported_late() -> None:
    """Each has its own event and result, though the end of the first came in the second."""
    stage = Tapped().runtime(event("r", SQS, at=1)).platform(START)
    stage.runtime(error("r", RAISED, at=2), event("r", SQS, at=63))
    stage.platform(given.done("r", 3, status="error"), given.start("r", 63))
    stage.runtime(response("r", {"batchItemFailures": []}, first=64, last=64))
    stage.platform(given.done("r", 65))
    failed, passed = stage.spans
    assert told(failed)["faas.trigger"] == told(passed)["faas.trigger"] == "pubsub"
    assert told(failed)["error.type"] == "TeaError"
    assert "error.type" not in told(passed)
    assert told(passed)["lambda_dispatch.time_to_first_byte_ms"] == 1000


def test_a_request_and_its_response() -> None:
    """The caller's span is the parent, X-Ray's a link; the response says how it went."""
    stage = Tapped().runtime(event("r", REST, at=1)).platform(START)
    stage.runtime(response("r", {"statusCode": 201}, first=2, last=2.5)).platform(DONE)
    span = only(stage)
    assert as_text([span]) == (
        "4736 POST /orders/{id} SERVER under f067aa0ba902b7 -> 2793 24cd7d670fa455f0\n"
    )
    attributes = told(span)
    assert attributes["faas.trigger"] == "http"
    assert attributes["http.route"] == "/orders/{id}"
    assert attributes["http.response.status_code"] == 201
    assert attributes["lambda_dispatch.time_to_first_byte_ms"] == 1000
    assert attributes["lambda_dispatch.response_bytes"] == 19
    assert "error.type" not in attributes
    assert span.status.code == 0


@pytest.mark.parametrize("name", SAMPLES)
def test_every_event_becomes_a_span(name: str) -> None:
    """With all that was read of it."""
    stage = Tapped().runtime(event("r", SAMPLES[name])).platform(START, DONE)
    cause, span = cause_of(SAMPLES[name]), only(stage)
    assert span.name == (cause.name or "shop")
    assert Span.SpanKind.Name(span.kind) == f"SPAN_KIND_{cause.kind.upper()}"
    attributes = told(span)
    assert attributes["faas.trigger"] == cause.trigger
    for key, value in cause.attributes.items():
        assert attributes[key] == (list(value) if isinstance(value, tuple) else value)


def test_messages_are_linked() -> None:
    """Their senders do not wait, so X-Ray's segment stays the parent."""
    records = [sqs_record(number=number) for number in (1, 2)]
    stage = Tapped().runtime(event("r", {"Records": records})).platform(START, DONE)
    assert as_text(stage.spans) == (
        "2793 process orders CONSUMER under 53995c3f42cd8ad8 -> 4736 f067aa0ba902b7\n"
    )
    assert told(only(stage))["messaging.batch.message_count"] == 2


def test_a_single_message_may_be_adopted() -> None:
    """By option, for those who want one trace."""
    options = CauseOptions(adopts_single_message=True)
    stage = Tapped(options=options).runtime(event("r", SQS)).platform(START, DONE)
    assert as_text(stage.spans) == (
        "4736 process orders CONSUMER under f067aa0ba902b7 -> 2793 24cd7d670fa455f0\n"
    )


def test_callers_that_are_not_trusted_change_nothing_but_attributes() -> None:
    """Anybody may send a header to a public endpoint."""
    stage = Tapped(options=CauseOptions(trusts_caller=False))
    stage.runtime(event("r", REST)).platform(START, DONE)
    assert as_text(stage.spans) == "2793 POST /orders/{id} SERVER under 53995c3f42cd8ad8\n"


@pytest.mark.parametrize(
    ("trace_parent", "text"),
    [
        ("xray", "2793 POST /orders/{id} SERVER under 53995c3f42cd8ad8 -> 4736 f067aa0ba902b7\n"),
        ("link", "4736 POST /orders/{id} SERVER under f067aa0ba902b7 -> 2793 24cd7d670fa455f0\n"),
        ("none", "4736 POST /orders/{id} SERVER under f067aa0ba902b7\n"),
    ],
)
def test_whose_trace_the_user_wants(trace_parent: TraceParent, text: str) -> None:
    """X-Ray's, or the caller's with or without a link to X-Ray's."""
    stage = Tapped(trace_parent=trace_parent).runtime(event("r", REST)).platform(START, DONE)
    assert as_text(stage.spans) == text


@pytest.mark.parametrize("late", [0, 1, 2])
def test_all_lines_are_in_the_trace_of_their_span(late: int) -> None:
    """They wait for the event, however late its copy is, and leave at once after it."""
    stage = Tapped(signals=("traces", "logs"), stream_records=True)
    steps = [[START], [given.line("one", 1.1)], [given.line("two", 1.2), given.line("three", 1.3)]]
    for number, events in enumerate(steps):
        if number == late:
            stage.runtime(event("r", REST))
        stage.platform(*events)
    assert [record.body.string_value for record in stage.records] == ["one", "two", "three"]
    stage.platform(given.line("four", 1.4), DONE)
    ids = {(each.trace_id.hex(), each.span_id.hex()) for each in stage.records}
    span = only(stage)
    assert ids == {(span.trace_id.hex(), span.span_id.hex())}
    assert span.trace_id.hex()[-4:] == "4736"
    assert len(stage.records) == 4


def test_lines_do_not_wait_where_nothing_is_copied() -> None:
    """The runtime may not be tapped: after two invocations without an event, none is expected."""
    stage = Tapped(signals=("traces", "logs"), stream_records=True)
    for number in range(3):
        start, end = given.start(f"{number}", number), given.done(f"{number}", number + 0.9)
        stage.platform(start, given.line("a", number + 0.1))
        assert len(stage.records) == (number if number < 2 else 3)
        stage.platform(end)
        assert len(stage.records) == number + 1


def test_ids_that_were_used_stay() -> None:
    """A copy that comes after them makes the caller a link; the lines keep their trace."""
    stage = Tapped(signals=("traces", "logs"), stream_records=True)
    stage.tap.settle("x")
    stage.tap.settle("y")  # nothing is copied, it seems
    stage.platform(START, given.line("one", 1.1)).runtime(event("r", REST))
    stage.platform(given.line("two", 1.2), DONE)
    assert as_text(stage.spans) == (
        "2793 POST /orders/{id} SERVER under 53995c3f42cd8ad8 -> 4736 f067aa0ba902b7\n"
    )
    assert {each.trace_id for each in stage.records} == {only(stage).trace_id}


def test_a_handled_error_is_a_failure() -> None:
    """With what the runtime reported, whatever the lines say; nothing is inferred."""
    stage = Tapped(detail_below=SEVERITIES["INFO"])
    stage.runtime(event("r", SQS)).platform(START, given.line(LOGGED, 1.5))
    stage.platform(given.line({"level": "DEBUG", "message": "kettle"}, 1.6))
    stage.runtime(error("r", RAISED)).platform(DONE)
    span = only(stage)
    assert (span.status.code, span.status.message) == (2, "cold")
    attributes = told(span)
    assert attributes["error.type"] == "TeaError"
    assert "lambda_dispatch.error.inferred_from_log" not in attributes
    exception, *lines = span.events
    assert {each.key: plain(each.value) for each in exception.attributes} == {
        "exception.type": "TeaError",
        "exception.message": "cold",
        "exception.stacktrace": "  at brew",
    }
    assert exception.time_unix_nano == given.ns(2)
    assert "kettle" in str(lines)


def test_an_init_that_failed_has_what_the_runtime_reported() -> None:
    """Of each attempt its own, where the platform has only a general word for it."""
    begin, *_ = given.init(0, 1)
    failed = {"status": "error", "errorType": "Runtime.Unknown", "phase": "init"}
    end = given.platform("initRuntimeDone", 1, initializationType="on-demand", **failed)
    stage = Tapped().platform(begin, end)
    stage.runtime(init_error(RAISED, at=0.9)).platform(START, DONE)
    init = next(span for span in stage.spans if span.name == "init")
    assert (init.status.code, init.status.message) == (2, "cold")
    assert told(init)["error.type"] == "TeaError"
    [exception] = init.events
    assert exception.time_unix_nano == given.ns(0.9)


def test_after_a_response_no_line_makes_a_failure() -> None:
    """A function may log a handled error last."""
    for posted, code in ((response("r", {}), 0), (response("r", {}, is_complete=False), 2)):
        stage = Tapped().runtime(event("r", SQS)).platform(START, given.line(LOGGED, 1.5))
        stage.runtime(posted).platform(DONE)
        assert only(stage).status.code == code


def test_a_status_of_500_is_an_error() -> None:
    """Its type says all: there is no description, and the details are kept."""
    stage = Tapped(detail_below=SEVERITIES["INFO"]).runtime(event("r", REST)).platform(START)
    stage.platform(given.line({"level": "DEBUG", "message": "kettle"}, 1.6))
    stage.runtime(response("r", {"statusCode": 502})).platform(DONE)
    span = only(stage)
    assert (span.status.code, span.status.message) == (2, "")
    assert told(span)["error.type"] == "502"
    assert "kettle" in str(span.events)


def test_failed_messages_are_no_error() -> None:
    """Their queue delivers them again."""
    stage = Tapped().runtime(event("r", SQS)).platform(START)
    failed = {"batchItemFailures": [{"itemIdentifier": "m"}]}
    stage.runtime(response("r", failed)).platform(DONE)
    assert told(only(stage))["lambda_dispatch.failed_messages"] == 1
    assert only(stage).status.code == 0


def test_copies_that_are_lost_or_late_make_no_span_and_cost_none() -> None:
    """Without any, the span is what it is without a tap."""
    plain_stage = Stage().platform(START, DONE).end()
    stage = Tapped().platform(START, DONE)
    stage.runtime(event("r", REST), response("r", {}), event("unknown", REST))
    stage.end()
    assert stage.spans == plain_stage.spans


def test_requests_that_run_at_once() -> None:
    """Each has its own cause and result; the platform tells no end but the report."""
    stage = Tapped(concurrent=True)
    stage.runtime(event("a", REST), event("b", SQS)).platform(
        given.start("a", 1), given.start("b", 1)
    )
    stage.runtime(error("b", RAISED), response("a", {"statusCode": 503}))
    stage.platform(given.report("b", 3, durationMs=2), given.report("a", 3, durationMs=2))
    spans = {told(each)["faas.invocation_id"]: each for each in stage.spans}
    assert spans["a"].name == "POST /orders/{id}"
    assert told(spans["a"])["error.type"] == "503"
    assert spans["b"].name == "process orders"
    assert told(spans["b"])["error.type"] == "TeaError"


def test_a_share_is_chosen_by_the_trace_that_is_joined() -> None:
    """So that all services of a trace keep it, or none."""
    kept = {}
    for last in ("0", "f"):
        trace_id = f"{SPAN[0]:032x}"[:18] + last * 14
        headers = {"traceparent": f"00-{trace_id}-{SPAN[1]:016x}-01"}
        stage = Tapped(ratio=0.1).platform(given.start("cold", 0), given.done("cold", 0.5))
        caused = {**REST, "headers": headers, "multiValueHeaders": {}}
        stage.runtime(event("r", caused)).platform(START, DONE)
        kept[last] = "POST /orders/{id}" in [span.name for span in stage.spans]
    assert kept == {"0": False, "f": True}


def test_with_a_share_the_trace_of_an_unsampled_caller_is_not_kept() -> None:
    """Unless the invocation failed; without a share everything is wanted."""
    for ratio, posted, kept in (
        (0.999, response("r", {"statusCode": 200}), False),
        (0.999, response("r", {"statusCode": 500}), True),
        (1.0, response("r", {"statusCode": 200}), True),
    ):
        stage = Tapped(ratio=ratio).platform(given.start("cold", 0), given.done("cold", 0.5))
        stage.runtime(event("r", UNSAMPLED), posted).platform(START, DONE)
        assert ("POST /orders/{id}" in [span.name for span in stage.spans]) is kept


def test_beside_an_sdk_only_what_is_missing_is_added() -> None:
    """The SDK's ids decide, its attributes stay, and each sender is linked once."""
    sender = (SPAN[0], SPAN[1])
    spans = request(
        invocation_span(
            "r", parent=CALLER, links=[sender], faas__trigger="other", messaging__system="theirs"
        )
    )
    stage = Tapped().runtime(event("r", SQS)).platform(START)
    stage.sdk(spans)
    stage.runtime(response("r", {})).platform(DONE).end()
    assert (
        as_text(stage.spans)
        == """\
aaaa process orders CONSUMER under ca11 -> 2793 24cd7d670fa455f0 -> 4736 f067aa0ba902b7
aaaa handler INTERNAL under process orders -> 4736 f067aa0ba902b7
"""
    )
    ours = told(stage.spans[0])
    assert (ours["faas.trigger"], ours["messaging.system"]) == ("pubsub", "theirs")
    assert ours["messaging.destination.name"] == "orders"


def test_messages_are_processed_by_one_span() -> None:
    """Where the SDK makes a CONSUMER span beneath its own, ours stays as it is without a tap."""
    theirs = sdk_span("process orders", 0x53, parent=INVOCATION, kind="CONSUMER")
    stage = Tapped().runtime(event("r", SQS)).platform(START)
    stage.sdk(request(invocation_span("r"), theirs)).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
aaaa process orders CONSUMER under handler
aaaa shop SERVER -> 2793 24cd7d670fa455f0 -> 4736 f067aa0ba902b7
aaaa handler INTERNAL under shop
"""
    )


def test_an_sdk_in_x_ray_s_trace_keeps_it() -> None:
    """The caller that the event names is a link then."""
    xray = given.TRACE_ID
    spans = request(invocation_span("r", trace=xray, parent=int(given.RESERVED, 16)))
    stage = Tapped().runtime(event("r", REST)).platform(START).sdk(spans).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
2793 POST /orders/{id} SERVER under 53995c3f42cd8ad8 -> 4736 f067aa0ba902b7
2793 handler INTERNAL under POST /orders/{id}
"""
    )


def test_an_sdk_in_the_caller_s_trace_is_below_ours() -> None:
    """It has read the same header."""
    spans = request(invocation_span("r", trace=SPAN[0], parent=SPAN[1]))
    stage = Tapped().runtime(event("r", REST)).platform(START).sdk(spans).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
4736 POST /orders/{id} SERVER under f067aa0ba902b7 -> 2793 24cd7d670fa455f0
4736 handler INTERNAL under POST /orders/{id}
"""
    )


def test_metrics_by_trigger_and_the_age_of_messages() -> None:
    """Requests do not wait; what the event does not tell is as configured."""
    meter = Meter(temporality="delta", now_ns=given.ns(0), trigger="http")
    stage = Tapped(meter=meter)
    sent = {"SentTimestamp": str(given.ns(0) // 1_000_000)}
    record = {**sqs_record(), "attributes": sent}
    for request_id, caused in (("a", REST), ("b", {"Records": [record]}), ("c", {"tea": 1})):
        stage.runtime(event(request_id, caused))
        stage.platform(given.start(request_id, 2), given.done(request_id, 3))
        stage.platform(given.report(request_id, 3.1, maxMemoryUsedMB=75))
    counts = {name: each.sum for name, each in meter.gathered.distributions.items()}
    assert counts["lambda_dispatch.message_age", "pubsub"] == 2
    assert ("lambda_dispatch.message_age", "http") not in counts
    assert counts["faas.mem_usage", "pubsub"] == 75 * 1_048_576
    assert meter.gathered.sums["faas.invocations", ""] == 2
    assert meter.gathered.sums["faas.invocations", "pubsub"] == 1
    ours = next(span for span in stage.spans if span.name == "process orders")
    assert told(ours)["lambda_dispatch.cause.age_ms"] == 2000


def test_a_message_of_the_queue_names_its_sender_in_its_attributes() -> None:
    """As the samples do, which these tests rely on."""
    assert SQS_ATTRIBUTE["traceparent"]["stringValue"] == TRACEPARENT


def test_spans_for_x_ray_stay_below_its_segments() -> None:
    """Another trace than its own would have no segment of the function: the caller is a link."""
    into = Assembler(ids=SequentialIds(), trace_parent="sdk", below_segment=True)
    tap = TappedRequests()
    into.use_tap(tap)
    give(tap, event("r", REST))
    [ours] = [each for each in assemble(into, [[START, DONE]]) if isinstance(each, Invocation)]
    assert ours.context.trace_id == given.TRACE_ID
    assert ours.context.parent_span_id == int(given.RESERVED, 16)
    assert ours.tapped is not None
    assert [(link.trace_id, link.span_id) for link in ours.tapped.links(ours.context)] == [SPAN]
