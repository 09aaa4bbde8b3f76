"""The platform's span of an invocation and the SDK's, as they leave: the end of the trace id, name,
kind, parent and links of each; X-Ray's trace ends in 2793, the SDK's in aaaa.
"""

from __future__ import annotations

import re

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from extension.telemetry.assembly.one_trace import stand_in
from extension.telemetry.reading.sdk_spans import Orphan, is_lambda_scope, shared_attributes
from extension.telemetry.reading.xray import TraceContext
from tests import platform_events as given
from tests.platform_events import RESERVED, TRACE_ID
from tests.sdk_requests import (
    BATCH,
    CALLER,
    INVOCATION,
    JAVA,
    PRICE,
    SDK_TRACE,
    Stage,
    as_text,
    invocation_span,
    request,
    sdk_span,
)

OURS = int(RESERVED, 16)
START = given.start("r", 1)
DONE = given.done("r", 2)
WORK = [sdk_span("price", PRICE, parent=INVOCATION)]
SENT = request(invocation_span("r", parent=CALLER), work=WORK)
"""What SDKs send by default: a trace of their own, or the caller's."""


def test_a_trace_of_its_own() -> None:
    """Ours, the init included, goes into the SDK's trace with its parent; X-Ray's is a link."""
    stage = Stage().platform(*given.init(0, 1), START).sdk(SENT).platform(DONE).end()
    assert (
        as_text(stage.spans)
        == """\
aaaa price INTERNAL under handler
aaaa init INTERNAL under ca11 -> 2793 24cd7d670fa455f0
aaaa shop SERVER under ca11 -> 2793 24cd7d670fa455f0
aaaa handler INTERNAL under shop
"""
    )
    ours = next(span for span in stage.spans if span.name == "shop")
    attributes = {each.key: each.value.string_value for each in ours.attributes}
    assert attributes["aws.xray.trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"


def test_a_root_of_its_own() -> None:
    """Without a caller, ours is the root of the SDK's trace."""
    sent = request(invocation_span("r"), work=WORK)
    stage = Stage().platform(START).sdk(sent).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
aaaa price INTERNAL under handler
aaaa shop SERVER -> 2793 24cd7d670fa455f0
aaaa handler INTERNAL under shop
"""
    )


def test_without_xray() -> None:
    """Where X-Ray's ids are not sent there is nothing to link to."""
    stage = Stage().platform(given.start("r", 1, traced=False)).sdk(SENT).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
aaaa price INTERNAL under handler
aaaa shop SERVER under ca11
aaaa handler INTERNAL under shop
"""
    )


def test_beneath_ours_already() -> None:
    """With the propagator xray-lambda, the SDK's span only changes its kind."""
    sent = request(invocation_span("r", trace=TRACE_ID, parent=OURS))
    stage = Stage().platform(START).sdk(sent).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
2793 shop SERVER under 53995c3f42cd8ad8
2793 handler INTERNAL under shop
"""
    )


def test_the_same_trace_and_another_parent() -> None:
    """Ours goes between the SDK's span and its parent."""
    sent = request(invocation_span("r", trace=TRACE_ID, parent=CALLER))
    stage = Stage().platform(START).sdk(sent).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
2793 shop SERVER under ca11
2793 handler INTERNAL under shop
"""
    )


def test_before_the_platform_says_anything() -> None:
    """A span of a request that is not known yet waits for it."""
    stage = Stage().sdk(SENT)
    assert as_text(stage.spans) == "aaaa price INTERNAL under 51\n"
    assert (
        as_text(stage.platform(START, DONE).spans)
        == """\
aaaa price INTERNAL under handler
aaaa shop SERVER under ca11 -> 2793 24cd7d670fa455f0
aaaa handler INTERNAL under shop
"""
    )


def test_after_ours_has_left() -> None:
    """Ids that have left stay: the SDK's span is linked to ours, and is no second SERVER."""
    stage = Stage().platform(START, DONE).sdk(SENT)
    assert (
        as_text(stage.spans)
        == """\
2793 shop SERVER under 53995c3f42cd8ad8
aaaa price INTERNAL under handler
aaaa handler INTERNAL under ca11 -> 2793 shop
"""
    )


def test_in_the_same_trace_after_ours_has_left() -> None:
    """It hangs beneath ours, and its caller is a link."""
    sent = request(invocation_span("r", trace=TRACE_ID, parent=CALLER))
    stage = Stage().platform(START, DONE).sdk(sent)
    assert (
        as_text(stage.spans)
        == """\
2793 shop SERVER under 53995c3f42cd8ad8
2793 handler INTERNAL under shop -> 2793 ca11
"""
    )


def test_never() -> None:
    """Without a span of the SDK, ours leaves on time with X-Ray's ids."""
    assert as_text(Stage().platform(START, DONE).spans) == (
        "2793 shop SERVER under 53995c3f42cd8ad8\n"
    )


def test_a_request_that_nobody_knows() -> None:
    """A span of it makes no invocation, and leaves as it came when the sandbox ends."""
    stage = Stage().sdk(request(invocation_span("stranger"))).platform(START, DONE)
    assert as_text(stage.spans) == "2793 shop SERVER under 53995c3f42cd8ad8\n"
    assert as_text(stage.end().spans[1:]) == "aaaa handler SERVER\n"
    assert len(stage.sdk(request(invocation_span("another", 0x61))).spans) == 3


def test_requests_that_nobody_knows_are_bounded() -> None:
    """The oldest leave as they came."""
    stage = Stage()
    for number in range(1, 101):
        stage.sdk(request(invocation_span(f"stranger {number}", number)))
    assert len(stage.spans) == 36


def test_a_span_that_is_too_large_to_wait() -> None:
    """It decides our ids and leaves at once; of an unknown request, as it came."""
    large = request(invocation_span("r", parent=CALLER, http__route="/" * 70_000))
    stage = Stage().platform(START).sdk(large)
    assert [span.name for span in stage.spans] == ["handler"]
    assert (
        as_text(stage.platform(DONE).spans)
        == """\
aaaa handler INTERNAL under shop
aaaa shop SERVER under ca11 -> 2793 24cd7d670fa455f0
"""
    )
    assert as_text(Stage().sdk(large).spans) == "aaaa handler SERVER under ca11\n"


def test_the_same_post_twice() -> None:
    """An SDK that had no answer in time posts again; the invocation's span leaves once."""
    stage = Stage().platform(START).sdk(SENT).sdk(SENT).platform(DONE).sdk(SENT)
    assert [span.name for span in stage.spans].count("handler") == 1


def test_two_spans_of_an_agent() -> None:
    """Java's agent may make an outer span, a root without children: it moves beneath ours."""
    inner = request(invocation_span("r", parent=CALLER), scope=JAVA, work=WORK)
    outer = request(invocation_span("r", 0x99, trace=0xBBBB), scope=JAVA)
    stage = Stage().platform(START).sdk(inner).sdk(outer).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
aaaa price INTERNAL under handler
aaaa shop SERVER under ca11 -> 2793 24cd7d670fa455f0
aaaa handler INTERNAL under shop
aaaa handler INTERNAL under shop
"""
    )


@pytest.mark.parametrize("trace_parent", ["xray", "link", "none"])
def test_chosen_ids(trace_parent: str) -> None:
    """Where the user decides our ids, the SDK's span is linked to ours, and ours to it."""
    stage = Stage(trace_parent=trace_parent)  # type: ignore[arg-type]
    stage.platform(START).sdk(SENT).platform(DONE)
    ours, theirs = stage.spans[1:]
    assert ours.trace_id == (TRACE_ID if trace_parent == "xray" else 1).to_bytes(16)
    assert "-> aaaa handler" in as_text([ours, theirs])
    assert (theirs.trace_id, theirs.kind) == (SDK_TRACE.to_bytes(16), 1)
    assert theirs.links[-1].span_id == ours.span_id


def test_a_span_that_is_its_own_parent() -> None:
    """Ours is a root: below that span, which becomes its child, the trace would be a circle."""
    sent = request(invocation_span("r", parent=INVOCATION))
    stage = Stage().platform(given.start("r", 1, traced=False)).sdk(sent).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
aaaa shop SERVER
aaaa handler INTERNAL under shop
"""
    )


def test_a_span_of_an_attempt_that_comes_with_the_next_one() -> None:
    """An SDK that does not flush sends it after the freeze; the attempts have one request id."""
    stage = Stage().platform(given.start("r", 1, traced=False), given.done("r", 2))
    stage.platform(given.start("r", 61, traced=False))
    first = invocation_span("r", 0xA, trace=0xA, at=0.995)  # the platform says milliseconds
    stage.sdk(request(first, invocation_span("r", 0xB, trace=0xB, at=61.1)))
    stage.platform(given.done("r", 62))
    assert (
        as_text(stage.spans)
        == """\
0001 shop SERVER
000a handler INTERNAL -> 0001 shop
000b shop SERVER
000b handler INTERNAL under shop
"""
    )


def test_on_managed_instances() -> None:
    """Each invocation joins its own span, whatever else is in the request."""
    sent = request(invocation_span("a", 0xA, trace=0xA), invocation_span("b", 0xB, trace=0xB))
    stage = Stage(concurrent=True).platform(given.start("a", 1), given.start("b", 1)).sdk(sent)
    stage.platform(given.report("b", 2, durationMs=1), given.report("a", 3, durationMs=1))
    assert (
        as_text(stage.spans)
        == """\
000b shop SERVER -> 2793 24cd7d670fa455f0
000b handler INTERNAL under shop
000a shop SERVER -> 2793 24cd7d670fa455f0
000a handler INTERNAL under shop
"""
    )


def test_on_managed_instances_spans_come_on_a_timer() -> None:
    """Hundreds of invocations may have ended since theirs; their trace is linked all the same."""
    stage = Stage(concurrent=True)
    for number in range(500):
        stage.platform(given.start(f"r{number}", 1 + number / 100))
        stage.platform(given.report(f"r{number}", 2 + number / 100, durationMs=1))
    stage.sdk(request(invocation_span("r0")))
    *_, handler = stage.spans
    assert (handler.name, handler.kind) == ("handler", Span.SPAN_KIND_INTERNAL)
    assert [link.trace_id for link in handler.links] == [TRACE_ID.to_bytes(16)]


def test_a_batch_of_messages() -> None:
    """The links, trigger and messaging attributes of the span beneath come to ours."""
    batch = sdk_span(
        "process orders",
        BATCH,
        parent=INVOCATION,
        kind="CONSUMER",
        links=[(0x4BF9, 0xF067)],
        messaging__system="aws_sqs",
    )
    stage = Stage().platform(START).sdk(request(invocation_span("r"), batch)).platform(DONE)
    assert (
        as_text(stage.spans)
        == """\
aaaa process orders CONSUMER under handler -> 4bf9 f067
aaaa shop SERVER -> 2793 24cd7d670fa455f0 -> 4bf9 f067
aaaa handler INTERNAL under shop
"""
    )
    attributes = {each.key: each.value.string_value for each in stage.spans[1].attributes}
    assert (attributes["faas.trigger"], attributes["messaging.system"]) == ("pubsub", "aws_sqs")


def test_an_error_of_the_sdk() -> None:
    """Where the platform says success and no line tells of it, the SDK's span does."""
    failed = invocation_span("r")
    failed.status.code = 2
    failed.events.add(name="exception").attributes.add(
        key="exception.type"
    ).value.string_value = "OutOfStock"
    stage = Stage().platform(START).sdk(request(failed)).platform(DONE)
    ours = stage.spans[0]
    assert (ours.status.code, ours.status.message) == (2, "OutOfStock")
    attributes = {each.key: each.value.string_value for each in ours.attributes}
    assert attributes["error.type"] == "OutOfStock"
    assert "lambda_dispatch.error.inferred_from_log" not in attributes


def test_what_ours_takes_over() -> None:
    """HTTP and messaging attributes without query strings and headers; the trigger by them."""
    attributes = shared_attributes(
        {
            "url.full": "https://shop/x?token=1",
            "http.request.header.authorization": "Bearer x",
            "url.query": "token=1",
            "user.email": "a@b",
            "http.request.method": "GET",
        }.items()
    )
    assert attributes == {
        "url.full": "https://shop/x",
        "http.request.method": "GET",
        "faas.trigger": "http",
    }


def test_much_that_ours_takes_over() -> None:
    """So many attributes and links, so long, and no more."""
    many = {f"http.x{number}": "y" * 5000 for number in range(100)}
    assert {len(str(value)) for value in shared_attributes(many.items()).values()} == {1024, 4}
    links = [(0x4BF9, number) for number in range(1, 200)]
    stage = Stage().platform(START).sdk(request(invocation_span("r", links=links))).platform(DONE)
    assert len(stage.spans[0].links) == 33


@pytest.mark.parametrize(
    "scope",
    [
        "opentelemetry.instrumentation.aws_lambda",
        "@opentelemetry/instrumentation-aws-lambda",
        "io.opentelemetry.aws-lambda-core-1.0",
        "io.opentelemetry.aws-lambda-events-3.11",
        "OpenTelemetry.Instrumentation.AWSLambda",
        "go.opentelemetry.io/contrib/instrumentation/github.com/aws/aws-lambda-go/otellambda",
        "OpenTelemetry::Instrumentation::AwsLambda",
    ],
)
def test_scopes(scope: str) -> None:
    """Every official instrumentation is known by its scope."""
    assert is_lambda_scope(scope)


@pytest.mark.parametrize(
    "sent",
    [
        request(invocation_span("r"), scope="shop"),
        request(invocation_span("r", kind="CLIENT")),
        request(sdk_span("handler", 1, kind="SERVER")),
    ],
)
def test_spans_of_the_user(sent: bytes) -> None:
    """Another scope, another kind, or no request id: the span goes on as it came."""
    stage = Stage().platform(START).sdk(sent).platform(DONE)
    assert (stage.items[0].body, stage.spans[1].trace_id) == (sent, TRACE_ID.to_bytes(16))


def test_an_older_name_of_the_request_id() -> None:
    """Releases before 1.19 of the conventions call it faas.execution."""
    sent = request(sdk_span("handler", 1, kind="SERVER", faas__execution="r"))
    assert "INTERNAL under shop" in as_text(Stage().platform(START).sdk(sent).platform(DONE).spans)


def test_a_request_that_cannot_be_read() -> None:
    """One bad text, and the library reads nothing of it: the back end may know better."""
    bad = SENT.replace(b"price", b"\xff" * 5)
    stage = Stage().platform(START).sdk_bytes(bad, 2).end()
    assert stage.items[0].body == bad


def test_a_killed_function() -> None:
    """Its own span never leaves: ours takes the place of it above what did."""
    work = request(work=[sdk_span("price", PRICE, parent=INVOCATION)])
    stage = Stage().platform(START).sdk(work).platform(given.done("r", 3, status="timeout"))
    assert (
        as_text(stage.spans)
        == """\
aaaa price INTERNAL under shop
aaaa shop SERVER -> 2793 24cd7d670fa455f0
"""
    )


def test_a_killed_function_that_sent_an_earlier_invocation_with_its_work() -> None:
    """An SDK on a timer sends both together after the freeze; each is where it belongs."""
    stage = Stage().platform(given.start("a", 1, traced=False), given.done("a", 2))
    stage.platform(given.start("b", 61, traced=False))
    earlier = invocation_span("a", 0xA, trace=0xA, parent=CALLER, flags=1)
    work = [sdk_span("price", PRICE, parent=0xB, trace=0xB, at=61.2)]
    stage.sdk(request(earlier, work=work)).platform(given.done("b", 64, status="timeout"))
    assert (
        as_text(stage.spans)
        == """\
0001 shop SERVER
000b price INTERNAL under shop
000a handler INTERNAL under ca11 -> 0001 shop
000b shop SERVER
"""
    )


def test_a_killed_function_that_sent_work_of_an_earlier_invocation_with_its_own() -> None:
    """Its work is found behind that of one whose span had left before."""
    stage = Stage().platform(given.start("a", 1, traced=False))
    stage.sdk(request(invocation_span("a", 0xA, trace=0xA, parent=CALLER, flags=1)))
    stage.platform(given.done("a", 2), given.start("b", 61, traced=False))
    work = [
        sdk_span("late", 0xC, parent=0xA, trace=0xA, at=1.5),
        sdk_span("price", PRICE, parent=0xB, trace=0xB, at=61.2),
    ]
    stage.sdk(request(work=work)).platform(given.done("b", 64, status="timeout"))
    assert "000b price INTERNAL under shop\n" in as_text(stage.spans)


def test_a_killed_function_whose_end_is_not_reported() -> None:
    """The reason of SHUTDOWN says as much."""
    work = request(work=[sdk_span("price", PRICE, parent=INVOCATION)])
    stage = Stage().platform(START).sdk(work).end("timeout")
    assert "aaaa price INTERNAL under shop" in as_text(stage.spans)


def test_a_killed_function_in_the_trace_of_xray() -> None:
    """Ours keeps its parent there."""
    work = request(work=[sdk_span("price", PRICE, parent=INVOCATION, trace=TRACE_ID)])
    stage = Stage().platform(START).sdk(work).platform(given.done("r", 3, status="timeout"))
    assert (
        as_text(stage.spans)
        == """\
2793 price INTERNAL under shop
2793 shop SERVER under 53995c3f42cd8ad8
"""
    )


def test_a_parent_that_is_not_missing() -> None:
    """X-Ray's segment, or the caller, is above ours; what is below it stays beside ours."""
    ours = TraceContext(trace_id=1, span_id=2, parent_span_id=3)
    orphan = Orphan(trace_id=1, missing_parent_id=3, start_ns=0)
    assert stand_in(ours, orphan, beside=ours) == ours


def test_a_span_that_comes_after_ours_took_its_place() -> None:
    """It gets another id, beneath ours; what is beneath it stays beneath ours."""
    work = request(work=[sdk_span("price", PRICE, parent=INVOCATION)])
    stage = Stage().platform(START).sdk(work).platform(given.done("r", 3, status="error"))
    stage.sdk(request(invocation_span("r", parent=CALLER)))
    assert (
        as_text(stage.spans)
        == """\
aaaa price INTERNAL under shop
aaaa shop SERVER -> 2793 24cd7d670fa455f0
aaaa handler INTERNAL under shop -> aaaa ca11
"""
    )


@pytest.mark.parametrize(
    "work",
    [
        sdk_span("price", PRICE, parent=INVOCATION, at=0.5),
        sdk_span("price", PRICE, parent=INVOCATION, flags=0x301),
        sdk_span("price", PRICE),
    ],
    ids=["before", "remote", "root"],
)
def test_no_place_to_take(work: object) -> None:
    """Work of an earlier invocation, of another process, or of no parent tells nothing."""
    stage = Stage().platform(START).sdk(request(work=[work]))
    stage.platform(given.done("r", 3, status="timeout"))
    assert "2793 shop SERVER under 53995c3f42cd8ad8" in as_text(stage.spans)


def test_work_sent_before_the_end_of_an_invocation_that_succeeds() -> None:
    """Its own span may still come, so ours does not take the place."""
    stage = Stage().platform(START).sdk(request(work=WORK)).platform(DONE)
    assert "2793 shop SERVER under 53995c3f42cd8ad8" in as_text(stage.spans)


def test_lines_have_the_ids_that_their_invocation_gets() -> None:
    """Log records wait for them."""
    stage = Stage(signals=("traces", "logs")).platform(START, given.line("paid", 1.5)).sdk(SENT)
    stage.platform(DONE)
    [record] = stage.records
    ours = next(span for span in stage.spans if span.name == "shop")
    assert (record.trace_id, record.span_id) == (ours.trace_id, ours.span_id)
    assert ours.trace_id == SDK_TRACE.to_bytes(16)


def test_lines_that_left_before() -> None:
    """So many lines that they cannot wait decide the ids: the SDK's span is linked to ours."""
    stage = Stage(signals=("traces", "logs")).platform(START)
    stage.platform(*[given.line(f"{number}", 1.5) for number in range(2049)])
    stage.sdk(SENT).platform(DONE)
    ours, theirs = (
        next(span for span in stage.spans if span.name == name) for name in ("shop", "handler")
    )
    assert {record.trace_id for record in stage.records} == {ours.trace_id}
    assert ours.trace_id == TRACE_ID.to_bytes(16)
    assert re.search("shop SERVER .* -> aaaa handler", as_text([ours, theirs]))
    assert theirs.links[-1].span_id == ours.span_id


def log_request(*texts: str) -> bytes:
    """Return log records as an SDK sends them."""
    sent = ExportLogsServiceRequest()
    scope = sent.resource_logs.add().scope_logs.add()
    for text in texts:
        scope.log_records.add().body.string_value = text
    encoded: bytes = sent.SerializeToString()
    return encoded


@pytest.mark.parametrize(
    ("logs_from", "seen"),
    [("lines", ["paid"]), ("sdk", ["PAID"]), ("both", ["PAID", "paid"])],
)
def test_logs_from(logs_from: str, seen: list[str]) -> None:
    """What the function prints and what its SDK sends: one of the two, or both."""
    stage = Stage(signals=("traces", "logs"), logs_from=logs_from)
    stage.platform(START, given.line("paid", 1.5))
    stage.pipeline.take_sdk("logs", log_request("PAID"), 1)
    stage.platform(DONE)
    assert [record.body.string_value for record in stage.records] == seen
    assert sum(stage.health.filtered.values()) == 2 - len(seen)


def test_a_failure_is_seen_in_lines_that_are_not_exported() -> None:
    """With logs from the SDK alone, the runtime's report still decides the status."""
    line = "[ERROR] OutOfStock: no stock\nTraceback (most recent call last):\n  File x\n"
    stage = Stage(logs_from="sdk").platform(START, given.line(line, 1.5), DONE)
    [ours] = stage.spans
    assert ours.status.code == 2
