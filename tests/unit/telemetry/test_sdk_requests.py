"""Requests of the function's SDK: which spans are taken out, and how they are changed."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from extension.telemetry.assembly.one_trace import SpanChange
from extension.telemetry.otlp.sdk_requests import change, find_orphans, read, take_out
from extension.telemetry.reading.sdk_spans import Orphan
from extension.telemetry.reading.xray import SpanLink
from tests import platform_events as given
from tests.sdk_requests import BATCH, INVOCATION, PRICE, PYTHON, SDK_TRACE, sdk_span

REMOTE = 0x300
"""The flags of a span whose parent is of another process."""


def request(*scopes: tuple[str, list[Any]], resources: int = 1) -> bytes:
    """Return spans by the name of their scope, each under a resource of its own or all in one."""
    made = ExportTraceServiceRequest()
    for number, (name, spans) in enumerate(scopes):
        if number < resources:
            of = made.resource_spans.add(schema_url="of resource")
            of.resource.attributes.add(key="service")
        scope = made.resource_spans[-1].scope_spans.add(schema_url="of scope")
        scope.scope.name = name
        scope.spans.extend(spans)
    return made.SerializeToString()  # type: ignore[no-any-return]


def handler(span_id: int = INVOCATION, *, name: str = "shop", **more: Any) -> Any:
    """Return the span of an invocation."""
    return sdk_span(name, span_id, **{"kind": "SERVER", "faas__invocation_id": "r", **more})


def names(body: bytes) -> list[list[str]]:
    """Return the names of the spans in each scope."""
    made = ExportTraceServiceRequest.FromString(body)
    return [
        [span.name for span in scope.spans]
        for of in made.resource_spans
        for scope in of.scope_spans
    ]


def test_the_span_of_an_invocation_becomes_a_request_of_its_own() -> None:
    """With its resource and scope; the rest stays, without envelopes that are empty."""
    price = sdk_span("price", PRICE, parent=INVOCATION)
    body = request((PYTHON, [handler()]), ("other", [price]), resources=2)
    found = take_out(body, 2)
    [span] = found.spans
    assert (span.request_id, span.trace_id, span.span_id) == ("r", SDK_TRACE, INVOCATION)
    assert names(span.body) == [["shop"]]
    [of] = ExportTraceServiceRequest.FromString(span.body).resource_spans
    assert (of.schema_url, of.scope_spans[0].schema_url) == ("of resource", "of scope")
    assert [each.key for each in of.resource.attributes] == ["service"]
    assert of.scope_spans[0].scope.name == PYTHON
    assert (names(found.rest), found.count) == ([["price"]], 1)
    assert len(ExportTraceServiceRequest.FromString(found.rest).resource_spans) == 1


def test_a_scope_without_further_spans_goes_with_its_last_one() -> None:
    """Others of the same resource stay."""
    found = take_out(request((PYTHON, [handler()]), ("other", [sdk_span("a", 1)])), 2)
    assert names(found.rest) == [["a"]]


def test_without_such_a_span_the_request_stays_as_it_is() -> None:
    """Byte by byte."""
    body = request((PYTHON, [sdk_span("a", 1)]))
    found = take_out(body, 1)
    assert found.rest is body
    assert (found.count, found.spans) == (1, ())
    unreadable = take_out(b"\xff", 3)
    assert (unreadable.rest, unreadable.count, unreadable.spans) == (b"\xff", 3, ())


def without(**ids: bytes) -> Any:
    """Return the span of an invocation with other ids."""
    span = handler()
    for name, value in ids.items():
        setattr(span, name, value)
    return span


@pytest.mark.parametrize(
    ("scope", "span"),
    [
        ("a scope of the user's", handler()),
        (PYTHON, handler(kind="INTERNAL")),
        (PYTHON, handler(faas__invocation_id="")),
        (PYTHON, without(trace_id=b"1234")),
        (PYTHON, without(span_id=b"1234")),
        (PYTHON, without(trace_id=bytes(16))),
        (PYTHON, without(span_id=b"")),
    ],
)
def test_what_is_no_span_of_an_invocation(scope: str, span: Any) -> None:
    """It is of a scope for Lambda and of its kinds, has a request id, and ids of their lengths."""
    assert take_out(request((scope, [span])), 1).spans == ()


@pytest.mark.parametrize("kind", ["SERVER", "CONSUMER"])
def test_kinds_of_invocations(kind: str) -> None:
    """Those that something from outside has caused."""
    assert len(take_out(request((PYTHON, [handler(kind=kind)])), 1).spans) == 1


def test_spans_with_the_ids_of_an_invocations_stay() -> None:
    """A copy that is no span of an invocation is the SDK's business."""
    copy = handler(kind="INTERNAL", name="copy")
    found = take_out(request((PYTHON, [handler(), copy])), 2)
    assert (names(found.rest), found.count) == ([["copy"]], 1)


def test_as_many_invocations_as_a_request_can_have() -> None:
    """Of more than 1024 the others stay where they are."""
    many = [handler(number) for number in range(1, 1027)]
    found = take_out(request((PYTHON, many)), 1026)
    assert (len(found.spans), found.count) == (1024, 2)
    assert [len(each) for each in names(found.rest)] == [2]


def failed(message: str = "", *events: tuple[str, str, str]) -> Any:
    """Return the span of an invocation that failed, with events."""
    span = handler()
    span.status.code = Status.STATUS_CODE_ERROR
    span.status.message = message
    for name, kind, text in events:
        event = span.events.add(name=name)
        for key, value in (("exception.type", kind), ("exception.message", text)):
            if value:
                event.attributes.add(key=key).value.string_value = value
    return span


@pytest.mark.parametrize(
    ("span", "error"),
    [
        (failed(), ("_OTHER", "")),
        (failed("said"), ("_OTHER", "said")),
        (failed("", ("exception", "E", "m")), ("E", "m")),
        (failed("said", ("exception", "E", "m")), ("E", "said")),
        (failed("", ("exception", "E", "m"), ("exception", "F", "n")), ("F", "n")),
        (failed("", ("log", "E", "m")), ("_OTHER", "")),
    ],
)
def test_of_what_an_invocation_failed(span: Any, error: tuple[str, str]) -> None:
    """In the words of its status, else of its last exception."""
    [found] = take_out(request((PYTHON, [span])), 1).spans
    assert found.error is not None
    assert (found.error.type, found.error.message) == error


def test_an_exception_without_an_error_is_none() -> None:
    """The handler may have caught it."""
    span = failed("", ("exception", "E", "m"))
    span.status.code = Status.STATUS_CODE_OK
    [found] = take_out(request((PYTHON, [span])), 1).spans
    assert found.error is None


def test_what_ours_takes_over() -> None:
    """Links and scalar attributes of the span and of the batch beneath it, its parent and state."""
    span = handler(parent=7, links=[(1, 2), (0, 3)], messaging__system="sqs")
    span.trace_state = "a=1"
    span.attributes.add(key="messaging.list").value.array_value.values.add()
    span.attributes.add(key="messaging.batch.message_count").value.int_value = 3
    batch = sdk_span("batch", BATCH, parent=INVOCATION, kind="CONSUMER", links=[(4, 5)])
    [found] = take_out(request((PYTHON, [span, batch])), 2).spans
    assert found.links == (SpanLink(trace_id=1, span_id=2), SpanLink(trace_id=4, span_id=5))
    assert dict(found.attributes)["messaging.system"] == "sqs"
    assert dict(found.attributes)["messaging.batch.message_count"] == 3
    assert "messaging.list" not in found.attributes
    assert (found.parent_span_id, found.tracestate) == (7, "a=1")
    assert (found.is_alone, found.has_consumer) == (False, True)


def test_links_of_thirty_two_batches_are_looked_at() -> None:
    """Instrumentations make one."""
    batches = [
        sdk_span("batch", number, parent=INVOCATION, kind="CONSUMER", links=[(number, 1)])
        for number in range(100, 140)
    ]
    [found] = take_out(request((PYTHON, [handler(), *batches])), 41).spans
    assert [link.trace_id for link in found.links] == list(range(100, 132))


def test_a_span_that_is_alone() -> None:
    """No other one of its trace is in the request; spans of other kinds are no batch."""
    other = sdk_span("other", PRICE, parent=INVOCATION, trace=0xBBBB, kind="CONSUMER")
    [found] = take_out(request((PYTHON, [handler(), other])), 2).spans
    assert (found.is_alone, found.has_consumer) == (True, False)
    child = sdk_span("child", PRICE, parent=INVOCATION)
    [found] = take_out(request((PYTHON, [handler(), child])), 2).spans
    assert (found.is_alone, found.has_consumer) == (False, False)


@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ([sdk_span("a", 1, parent=9)], [(9, 1.2)]),
        (
            [sdk_span("a", 1, parent=9, at=2), sdk_span("b", 2, parent=8, at=1.5)],
            [(8, 1.5), (9, 2)],
        ),
        ([sdk_span("a", 1, parent=9, at=2), sdk_span("b", 2, parent=9, at=1.5)], [(9, 1.5)]),
        ([sdk_span("a", 1, parent=2), sdk_span("b", 2)], []),
        ([sdk_span("a", 1)], []),
        ([sdk_span("a", 1, parent=9, flags=REMOTE)], []),
        ([sdk_span("a", 1, parent=9, flags=0)], [(9, 1.2)]),
        ([], []),
    ],
)
def test_a_span_whose_parent_is_missing(spans: list[Any], found: list[tuple[int, float]]) -> None:
    """The earliest of each parent, in their order, unless the parent is of another process."""
    assert find_orphans(request(("any", spans))) == tuple(
        Orphan(trace_id=SDK_TRACE, missing_parent_id=parent, start_ns=given.ns(at))
        for parent, at in found
    )


def test_a_span_without_ids_is_no_orphan() -> None:
    """Anything in the sandbox may post."""
    for broken in (without(trace_id=b"1"), without(span_id=b"1")):
        broken.parent_span_id = (9).to_bytes(8)
        assert find_orphans(request(("any", [broken]))) == ()


@pytest.mark.parametrize(("finds", "is_found"), [(True, True), (False, False)])
def test_requests_are_read_no_further_than_needed(finds: bool, is_found: bool) -> None:
    """One without an invocation is only looked at where an orphan is wanted."""
    body = request(("any", [sdk_span("a", 1, parent=9)]))
    found = read(body, 1, finds_orphans=finds)
    assert (found.rest, found.count) == (body, 1)
    assert bool(found.orphans) is is_found
    assert len(read(request((PYTHON, [handler()])), 1, finds_orphans=finds).spans) == 1


def changed(what: SpanChange | None) -> Any:
    """Return the span of an invocation with a change."""
    body = change(request((PYTHON, [handler(parent=7, flags=1)])), what)
    [of] = ExportTraceServiceRequest.FromString(body).resource_spans
    [span] = of.scope_spans[0].spans
    return span


def test_a_span_becomes_one_of_ours() -> None:
    """Of a kind that counts no request twice; its parent and its links are of other processes."""
    link = SpanLink(trace_id=4, span_id=5)
    span = changed(SpanChange(trace_id=1, span_id=2, parent_span_id=3, links=(link,)))
    assert span.kind == Span.SPAN_KIND_INTERNAL
    ids = span.trace_id, span.span_id, span.parent_span_id
    assert tuple(map(int.from_bytes, ids)) == (1, 2, 3)
    assert tuple(map(len, ids)) == (16, 8, 8)
    assert span.flags == 0x301
    [made] = span.links
    assert (made.trace_id, made.span_id) == ((4).to_bytes(16), (5).to_bytes(8))
    assert made.flags == 0x300


def test_what_is_not_changed_stays() -> None:
    """Ids, flags and links."""
    span = changed(SpanChange())
    assert (int.from_bytes(span.trace_id), int.from_bytes(span.span_id)) == (SDK_TRACE, INVOCATION)
    assert (int.from_bytes(span.parent_span_id), span.flags) == (7, 1)
    assert not span.links
    assert changed(None).kind == Span.SPAN_KIND_SERVER
