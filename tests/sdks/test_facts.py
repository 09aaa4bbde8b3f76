"""What the SDKs send by themselves, as of the pinned versions: what a receiver has to expect."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from simulator.intake.otlp import Span
from simulator.intake.replies import Reply
from tests.sdks.events import (
    CALLER_SPAN,
    CALLER_TRACE,
    PRODUCER_SPAN,
    PRODUCER_TRACE,
    SENDER_SPAN,
    SENDER_TRACE,
    TRACEPARENT,
    XRAY_HEADER,
    http,
    queue,
    rest,
)
from tests.sdks.installed import why_not
from tests.sdks.stage import NAME, Visit, visit

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:shop"
ACCOUNT = "123456789012"
TIMEOUT_S = 12.0
"""Longer than a first invocation takes on a busy machine."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What one SDK does.

    Attributes:
        scope: Of the spans that stand for an invocation or a batch.
        attributes: Of the invocation's span, besides `faas.invocation_id`.
        pubsub: More of them for a batch.
        first: More of them in the first invocation of a sandbox.
        http: More of them for an HTTP API; `rest`: for a REST API.
        headers: Those of a POST that matter to who receives it.
        paths: What is posted for each invocation.
        raised: Status message and event of an invocation whose handler raised.
        batch: Name and attributes of the span that stands for a batch.
        works_in_batch: Whether the function's own spans hang beneath it.
        link: Where its link leads, and the link's attributes.
    """

    scope: str
    attributes: dict[str, object]
    headers: dict[str, str | None]
    first: dict[str, object] = field(default_factory=dict)
    http: dict[str, object] = field(default_factory=dict)
    rest: dict[str, object] = field(default_factory=dict)
    paths: tuple[str, ...] = ("/v1/traces",)
    raised: tuple[str, str, tuple[str, ...]] = ("ERROR", "", ("exception",))
    pubsub: dict[str, object] = field(default_factory=dict)
    batch: tuple[str, dict[str, object]] | None = None
    works_in_batch: bool = True
    link: tuple[str, str, dict[str, object]] | None = None


THREAD: dict[str, object] = {"thread.id": 1, "thread.name": "main"}
FACTS = {
    "python": Facts(
        scope="opentelemetry.instrumentation.aws_lambda",
        attributes={"cloud.account.id": ACCOUNT, "cloud.resource_id": ARN},
        headers={
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": None,
            "Transfer-Encoding": None,
            "User-Agent": "OTel-OTLP-Exporter-Python/1.45.1",
        },
        http={
            "faas.trigger": "http",
            "http.method": "GET",
            "http.route": "/orders/7",
            "http.target": "/orders/7?full=1",
            "http.status_code": 200,
            "http.user_agent": "curl/8",
            "net.host.name": "shop.example.com",
        },
        rest={
            "faas.trigger": "http",
            "http.method": "GET",
            "http.route": "/orders/{id}",
            "http.target": "/orders/{id}?full=1",
            "http.scheme": "https",
            "http.status_code": 200,
            "http.user_agent": "curl/8",
            "net.host.name": "shop.example.com",
        },
        pubsub={"faas.trigger": "pubsub"},
        batch=(
            "process orders",
            {
                "messaging.system": "aws_sqs",
                "messaging.destination.name": "orders",
                "messaging.operation.type": "process",
                "messaging.batch.message_count": 2,
            },
        ),
        link=(PRODUCER_TRACE, PRODUCER_SPAN, {"messaging.message.id": "m-1"}),
    ),
    "node": Facts(
        scope="@opentelemetry/instrumentation-aws-lambda",
        attributes={
            "cloud.account.id": ACCOUNT,
            "cloud.resource_id": ARN,
            "faas.coldstart": False,
        },
        first={"faas.coldstart": True},
        headers={
            "Content-Type": "application/json",
            "Content-Encoding": None,
            "Transfer-Encoding": "chunked",
            "User-Agent": "OTel-OTLP-Exporter-JavaScript/0.223.1",
        },
        http={"url.full": "https://shop.example.com/orders/7"},
        rest={"url.full": "https://shop.example.com/orders/7?full=1"},
        raised=("ERROR", "no stock", ("exception",)),
        pubsub={"faas.trigger": "pubsub"},
        batch=(
            "process orders",
            {
                "faas.trigger": "pubsub",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.system": "aws_sqs",
                "messaging.destination.name": "orders",
                "messaging.batch.message_count": 2,
                "server.address": "sqs.eu-central-1.amazonaws.com",
                "aws.sqs.queue.url": "https://sqs.eu-central-1.amazonaws.com/123456789012/orders",
            },
        ),
        works_in_batch=False,
        link=(SENDER_TRACE, SENDER_SPAN, {"messaging.message.id": "m-1"}),
    ),
    "java": Facts(
        scope="io.opentelemetry.aws-lambda-events-2.2",
        attributes={"cloud.account.id": ACCOUNT, "cloud.resource_id": ARN, **THREAD},
        headers={
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "Transfer-Encoding": "chunked",
            "User-Agent": "OTel-OTLP-Exporter-Java/1.65.0",
        },
        rest={
            "faas.trigger": "http",
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "url.full": "https://shop.example.com/orders/7?full=1",
            "user_agent.original": "curl/8",
        },
        paths=("/v1/metrics", "/v1/traces"),
        batch=(
            "aws:sqs process",
            {"messaging.system": "aws_sqs", "messaging.operation": "process", **THREAD},
        ),
        link=(SENDER_TRACE, SENDER_SPAN, {}),
    ),
    "go": Facts(
        scope="go.opentelemetry.io/contrib/instrumentation/github.com/aws/aws-lambda-go/otellambda",
        attributes={"cloud.account.id": ACCOUNT, "aws.lambda.invoked_arn": ARN},
        headers={
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": None,
            "Transfer-Encoding": None,
            "User-Agent": "OTel OTLP Exporter Go/1.47.0",
        },
        raised=("UNSET", "", ()),
    ),
}

W3C, XRAY, FROM_LAMBDA = "default", "tracecontext,baggage,xray", "tracecontext,baggage,xray-lambda"
PLAIN, TRACEPARENT_CAME, XRAY_CAME = "plain", "traceparent", "x-amzn-trace-id"
ROOT, CALLER, PLATFORM = "root", "caller", "platform"
"""Whose child the invocation's span is: none's in a trace of its own, that of the span whose
context came as a header of the event, or that of the span that Lambda reports."""

CAME = (PLAIN, TRACEPARENT_CAME, XRAY_CAME)
PARENTS = {
    ("python", W3C): (ROOT, CALLER, ROOT),
    ("python", XRAY): (ROOT, CALLER, CALLER),
    ("python", FROM_LAMBDA): (PLATFORM, CALLER, PLATFORM),
    ("node", W3C): (ROOT, CALLER, ROOT),
    ("node", XRAY): (ROOT, CALLER, CALLER),
    ("node", FROM_LAMBDA): (PLATFORM, CALLER, PLATFORM),
    ("java", W3C): (ROOT, ROOT, ROOT),
    ("java", FROM_LAMBDA): (PLATFORM, PLATFORM, PLATFORM),
    ("go", W3C): (ROOT, CALLER, ROOT),
    ("go", XRAY): (ROOT, CALLER, CALLER),
    ("go", FROM_LAMBDA): (PLATFORM, PLATFORM, PLATFORM),
}
"""Java's handler takes a stream here, whose headers the agent does not read."""

EVENTS: Sequence[tuple[str, dict[str, Any]]] = (
    (PLAIN, {}),
    (TRACEPARENT_CAME, http(traceparent=TRACEPARENT)),
    (XRAY_CAME, http(**{"X-Amzn-Trace-Id": XRAY_HEADER})),
    ("rest", rest(traceparent=TRACEPARENT)),
    ("unsampled", http(traceparent=TRACEPARENT.removesuffix("01") + "00")),
    ("raise", {"do": "raise"}),
    ("after", {}),
)


@cache
def visited(language: str, propagators: str) -> dict[str, Visit]:
    """Return what each of the events came to, in one sandbox."""
    chosen = {} if propagators == W3C else {"OTEL_PROPAGATORS": propagators}
    found = asyncio.run(
        visit(language, [event for _, event in EVENTS], folder=Path(), environment=chosen)
    )
    return dict(zip((name for name, _ in EVENTS), found.each, strict=True))


def ready(name: str) -> str:
    """Return the language, or skip with the reason why it is not there."""
    if reason := why_not(name):
        pytest.skip(f"{name}: {reason}")
    return name


def function_span(seen: Visit, scope: str) -> Span:
    """Return the invocation's own span."""
    (found,) = (each for each in seen.spans if (each.scope, each.kind) == (scope, "SERVER"))
    return found


def test_invocation(language: str) -> None:
    """One SERVER span with the request id, the function's name, and its work beneath it."""
    facts = FACTS[language]
    for name, more in ((PLAIN, facts.first), ("after", {})):
        seen = visited(language, W3C)[name]
        span = function_span(seen, facts.scope)
        assert (span.name, span.status, span.links) == (NAME, "UNSET", ())
        key = {"faas.invocation_id": seen.answer.request_id}
        assert span.attributes == facts.attributes | more | key
        price, stock = seen.span("price"), seen.span("GET /stock")
        assert (price.kind, price.scope, stock.kind) == ("INTERNAL", "shop", "CLIENT")
        assert price.attributes["order.id"] == 7
        assert price.parent_span_id == span.span_id
        assert stock.parent_span_id == price.span_id
        assert {price.trace_id, stock.trace_id} == {span.trace_id}
        assert span.span_id != seen.header_parent


def test_request(language: str) -> None:
    """One POST of each signal, before the function answers, and it says what it is."""
    facts = FACTS[language]
    for name in (PLAIN, TRACEPARENT_CAME, "raise", "after"):
        requests = visited(language, W3C)[name].requests
        assert tuple(sorted(each.path for each in requests)) == facts.paths
        for each in requests:
            assert {name: each.headers.get(name) for name in facts.headers} == facts.headers


@pytest.mark.parametrize(("language_name", "propagators"), PARENTS)
def test_parent(language_name: str, propagators: str) -> None:
    """Only a header of the event, or Lambda's own, makes the invocation's span no root."""
    seen = visited(ready(language_name), propagators)
    scope = FACTS[language_name].scope
    assert tuple(parent(seen[name], scope) for name in CAME) == PARENTS[language_name, propagators]


def parent(seen: Visit, scope: str) -> str:
    """Say whose child an invocation's span is."""
    span = function_span(seen, scope)
    whose = {
        (CALLER_TRACE, CALLER_SPAN): CALLER,
        (seen.header_trace, seen.header_parent): PLATFORM,
        (span.trace_id, ""): ROOT,
    }
    name = whose[span.trace_id, span.parent_span_id]
    assert name != ROOT or span.trace_id not in (CALLER_TRACE, seen.header_trace)
    return name


def test_http(language: str) -> None:
    """What the span says of an HTTP API's request, and of a REST API's."""
    facts = FACTS[language]
    for name, more in ((TRACEPARENT_CAME, facts.http), ("rest", facts.rest)):
        seen = visited(language, W3C)[name]
        known = facts.attributes | (more if language != "java" else {})
        attributes = dict(function_span(seen, facts.scope).attributes)
        del attributes["faas.invocation_id"]
        assert attributes == known


def test_exception(language: str) -> None:
    """A handler that raised: the span has left with its status, by most SDKs with the exception."""
    facts = FACTS[language]
    seen = visited(language, W3C)["raise"]
    assert seen.answer.status == "error"
    span = function_span(seen, facts.scope)
    assert (span.status, span.status_message, tuple(e.name for e in span.events)) == facts.raised


@pytest.mark.parametrize("language_name", ["python", "node", "java"])
def test_batch(language_name: str, tmp_path: Path) -> None:
    """A batch has a CONSUMER span beneath the invocation's, with links to who sent the messages."""
    facts = FACTS[ready(language_name)]
    assert facts.batch
    assert facts.link
    (seen,) = asyncio.run(visit(language_name, [queue()], folder=tmp_path, kind="queue")).each
    batch, price = seen.span(facts.batch[0]), seen.span("price")
    assert (batch.kind, batch.scope, batch.attributes) == ("CONSUMER", facts.scope, facts.batch[1])
    assert [(each.trace_id, each.span_id, each.attributes) for each in batch.links] == [facts.link]
    (span,) = (each for each in seen.spans if each.span_id == batch.parent_span_id)
    assert (span.kind, span.name, span.links, span.parent_span_id) == ("SERVER", NAME, (), "")
    key = {"faas.invocation_id": seen.answer.request_id}
    assert span.attributes == facts.attributes | facts.first | facts.pubsub | key
    above = batch if facts.works_in_batch else span
    assert price.parent_span_id == above.span_id


HTTP_API = ("http", http(traceparent=TRACEPARENT), NAME, ROOT)
REST_API = ("rest", rest(traceparent=TRACEPARENT), "GET /orders/{id}", CALLER)


@pytest.mark.parametrize(
    ("kind", "event", "name", "whose"),
    [pytest.param(*HTTP_API, id="HTTP API"), pytest.param(*REST_API, id="REST API")],
)
def test_java_handler_of_classes(
    kind: str, event: object, name: str, whose: str, tmp_path: Path
) -> None:
    """Of the events' classes, only a REST API's gives the span a parent, a name and a request."""
    ready("java")
    (seen,) = asyncio.run(visit("java", [event], folder=tmp_path, kind=kind)).each
    facts = FACTS["java"]
    span = function_span(seen, facts.scope)
    assert (span.name, parent(seen, facts.scope)) == (name, whose)
    key = {"faas.invocation_id": seen.answer.request_id}
    assert span.attributes == facts.attributes | key | (facts.rest if kind == "rest" else {})


def test_java_on_one_class_path(tmp_path: Path) -> None:
    """The agent takes AWS's adapter for a handler, too: two spans in two traces, and two flushes.

    Both have the same request id. The inner one has the function's work and leaves first.
    """
    ready("java-image")
    kind, event, name, _ = REST_API
    (seen,) = asyncio.run(visit("java-image", [event], folder=tmp_path, kind=kind)).each
    inner, outer = (span for span in seen.spans if span.kind == "SERVER")
    key = "faas.invocation_id"
    assert inner.attributes[key] == outer.attributes[key] == seen.answer.request_id
    assert inner.scope == outer.scope == FACTS["java"].scope
    assert (inner.name, inner.trace_id, inner.parent_span_id) == (name, CALLER_TRACE, CALLER_SPAN)
    assert (outer.name, outer.parent_span_id) == (NAME, "")
    assert outer.trace_id not in (CALLER_TRACE, seen.header_trace)
    assert seen.span("price").parent_span_id == inner.span_id
    assert len(seen.posts) == 2


def test_java_calls_of_the_runtime() -> None:
    """The agent traces the client's own report of an error; it leaves with the next flush."""
    visits = visited(ready("java"), W3C)
    before, after = visits["raise"], visits["after"]
    assert "POST" not in {span.name for span in before.spans}
    call = after.span("POST")
    assert (call.kind, call.scope) == ("CLIENT", "io.opentelemetry.http-url-connection")
    path = f"/2018-06-01/runtime/invocation/{before.answer.request_id}/error"
    assert str(call.attributes["url.full"]).endswith(path)
    assert call.parent_span_id == ""


def test_unsampled(language: str) -> None:
    """A caller that samples nothing makes an invocation without a span, and without a POST."""
    seen = visited(language, W3C)["unsampled"]
    is_read = PARENTS[language, W3C][CAME.index(TRACEPARENT_CAME)] == CALLER
    assert seen.answer.status == "success"
    assert bool(seen.posts) != is_read


def test_unsampled_by_xray(language: str, tmp_path: Path) -> None:
    """With `xray-lambda` the platform's own decision counts."""
    (seen,) = asyncio.run(
        visit(
            language, [{}], folder=tmp_path, trace_header="Sampled=0",
            environment={"OTEL_PROPAGATORS": FROM_LAMBDA},
        )
    ).each  # fmt: skip
    assert (seen.answer.status, seen.posts) == ("success", [])


def test_timeout(language: str, tmp_path: Path) -> None:
    """The invocation's span never leaves; what ended inside leaves if its batch's time has come."""
    (seen,) = asyncio.run(
        visit(
            language, [{"do": "sleep"}], folder=tmp_path, timeout_s=TIMEOUT_S,
            environment={"OTEL_BSP_SCHEDULE_DELAY": "100"},
        )
    ).each  # fmt: skip
    assert seen.answer.status == "timeout"
    assert {span.name for span in seen.spans} == {"price", "GET /stock"}
    price, stock = seen.span("price"), seen.span("GET /stock")
    assert price.parent_span_id not in ("", seen.header_parent)
    assert (stock.trace_id, stock.parent_span_id) == (price.trace_id, price.span_id)


def test_asks_again_after_a_503(language: str, tmp_path: Path) -> None:
    """The function's answer waits for the same bytes to be taken at the second try."""
    refused = [Reply(status=503, headers={"Retry-After": "1"})]
    (seen,) = asyncio.run(
        visit(
            language, [{}], folder=tmp_path, respond=refused,
            environment={"OTEL_METRICS_EXPORTER": "none"},
        )
    ).each  # fmt: skip
    first, second = seen.posts
    assert first.body == second.body
    assert seen.answer.status == "success"
    assert {span.name for span in seen.spans} == {NAME, "price", "GET /stock"}
    assert seen.answer.duration_ms > 500
