"""An SDK that posts to the extension: one trace for each invocation, as it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from extension import NAME as LINES
from tests.launchers import patient
from tests.sandbox import free_port
from tests.sdks.events import (
    CALLER_SPAN,
    CALLER_TRACE,
    PRODUCER_SPAN,
    PRODUCER_TRACE,
    SENDER_SPAN,
    SENDER_TRACE,
    TRACEPARENT,
    http,
    queue,
    rest,
)
from tests.sdks.installed import why_not
from tests.sdks.stage import INTAKE, Visit, Visits, visit

PHASES = {
    "init", "extension overhead", "responseLatency", "responseDuration", "runtimeOverhead"
}  # fmt: skip
"""Spans of the platform that the literals leave out."""


def visited(
    language: str, folder: Path, *events: object, kind: str = "", timeout_s: float = 30,
    **environment: str,
) -> Visits:  # fmt: skip
    """Return the invocations, each exported before it ends."""
    if reason := why_not(language):
        pytest.skip(f"{language}: {reason}")
    port = str(free_port())
    chosen = {
        "DISPATCH_POST_URI": INTAKE,
        "DISPATCH_OTLP_PORT": port,
        "DISPATCH_FLUSH": "end",
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port()),
        "OTEL_METRICS_EXPORTER": "none",
        **environment,
    }
    return asyncio.run(
        visit(
            language, events, folder=folder, launch=patient, kind=kind, environment=chosen,
            endpoint=f"http://127.0.0.1:{port}", timeout_s=timeout_s,
        )
    )  # fmt: skip


@cache
def by_default(language: str) -> Mapping[str, Visit]:
    """Return what an SDK without any setting makes of an HTTP request, an exception and nothing."""
    events = {
        "plain": {},
        "http": http(traceparent=TRACEPARENT),
        "unsampled": http(traceparent=TRACEPARENT.removesuffix("01") + "00"),
        "raise": {"do": "raise"},
        "after": {},
    }
    with TemporaryDirectory() as folder:
        found = visited(language, Path(folder), *events.values())
    return dict(zip(events, found.each, strict=True))


def tree(seen: Visit) -> str:
    """Return the spans of one invocation as a tree; `?` is before one whose parent is not here."""
    spans = [span for span in seen.spans if span.name not in PHASES and span.name != "POST"]
    known = {(span.trace_id, span.span_id) for span in spans}
    lines: list[str] = []

    def add(parent: tuple[str, str] | None, depth: int) -> None:
        for span in sorted(spans, key=lambda span: span.name):
            above = (span.trace_id, span.parent_span_id)
            if (above if above in known else None) == parent:
                mark = "? " if depth == 0 and span.parent_span_id else ""
                lines.append(f"{'  ' * depth}{mark}{span.name} {span.kind}\n")
                add((span.trace_id, span.span_id), depth + 1)

    add(None, 0)
    return "".join(lines)


def own_span(seen: Visit) -> Any:
    """Return the only SERVER span."""
    (found,) = (span for span in seen.spans if span.kind == "SERVER")
    return found


WORK = """\
shop SERVER
  shop INTERNAL
    price INTERNAL
      GET /stock CLIENT
"""


@pytest.mark.parametrize("name", ["plain", "after"])
def test_without_a_caller(language: str, name: str) -> None:
    """One trace of the SDK's, X-Ray's as a link and an attribute; the platform's facts in it."""
    seen = by_default(language)[name]
    assert tree(seen) == WORK
    own = own_span(seen)
    others = {"POST", "extension overhead"}  # of Java's agent, and of the invocation before
    assert {span.trace_id for span in seen.spans if span.name not in others} == {own.trace_id}
    assert own.trace_id != seen.header_trace
    assert [(link.trace_id, link.span_id) for link in own.links] == [
        (seen.header_trace, seen.header_parent)
    ]
    assert own.attributes["aws.xray.trace_id"] == seen.trace_header[5:40]
    assert own.attributes["faas.invocation_id"] == seen.answer.request_id
    assert own.attributes["faas.coldstart"] is (name == "plain")


def test_a_request_with_traceparent(language: str) -> None:
    """The caller's trace goes on through ours; the request's attributes are on it."""
    seen = by_default(language)["http"]
    own = own_span(seen)
    if language == "java":  # its agent reads no headers of a stream
        assert tree(seen) == WORK
        return
    assert tree(seen) == f"? {WORK}"
    assert (own.trace_id, own.parent_span_id) == (CALLER_TRACE, CALLER_SPAN)
    attributes = {
        name: own.attributes.get(name) for name in ("faas.trigger", "http.method", "url.full")
    }
    assert (
        attributes
        == {
            "python": {"faas.trigger": "http", "http.method": "GET", "url.full": None},
            "node": {
                "faas.trigger": "http",
                "http.method": None,
                "url.full": "https://shop.example.com/orders/7",
            },
            "go": {"faas.trigger": "other", "http.method": None, "url.full": None},
        }[language]
    )


def test_a_caller_that_samples_nothing(language: str) -> None:
    """The SDK sends nothing: ours leaves without it, in X-Ray's trace."""
    seen = by_default(language)["unsampled"]
    if language == "java":  # its agent reads no headers of a stream
        assert tree(seen) == WORK
        return
    assert tree(seen).removeprefix("? ") == "shop SERVER\n"
    own = own_span(seen)
    assert (own.trace_id, own.span_id) == (seen.header_trace, seen.header_parent)


def test_a_request_to_a_class_of_java(tmp_path: Path) -> None:
    """With the classes of a REST API the agent reads headers, and names its span by the route."""
    (seen,) = visited("java", tmp_path, rest(traceparent=TRACEPARENT), kind="rest").each
    own = own_span(seen)
    assert tree(seen) == f"? {WORK}".replace("shop INTERNAL", "GET /orders/{id} INTERNAL")
    assert (own.trace_id, own.parent_span_id) == (CALLER_TRACE, CALLER_SPAN)
    assert own.attributes["url.full"] == "https://shop.example.com/orders/7"
    assert own.attributes["http.response.status_code"] == 200


def test_a_handler_that_raises(language: str) -> None:
    """The platform's span fails with the exception, the SDK's as its SDK does it."""
    seen = by_default(language)["raise"]
    assert tree(seen) == WORK
    own = own_span(seen)
    assert (own.status, own.attributes["lambda_dispatch.status"]) == ("ERROR", "success")


LINKS = {
    "python": (PRODUCER_TRACE, PRODUCER_SPAN),
    "node": (SENDER_TRACE, SENDER_SPAN),
    "java": (SENDER_TRACE, SENDER_SPAN),
}
BATCHES = {
    "python": """\
shop SERVER
  shop INTERNAL
    process orders CONSUMER
      price INTERNAL
        GET /stock CLIENT
""",
    "node": """\
shop SERVER
  shop INTERNAL
    price INTERNAL
      GET /stock CLIENT
    process orders CONSUMER
""",
    "go": WORK,
    "java": """\
shop SERVER
  shop INTERNAL
    aws:sqs process CONSUMER
      price INTERNAL
        GET /stock CLIENT
""",
}


@pytest.mark.parametrize("batch_language", BATCHES)
def test_a_batch_of_messages(batch_language: str, tmp_path: Path) -> None:
    """Our span shows who sent the messages, and from which system, if the SDK knows it."""
    (seen,) = visited(batch_language, tmp_path, queue(), kind="queue").each
    assert tree(seen) == BATCHES[batch_language]
    own = own_span(seen)
    xray, *senders = [(link.trace_id, link.span_id) for link in own.links]
    assert xray == (seen.header_trace, seen.header_parent)
    attributes = tuple(own.attributes.get(name) for name in ("faas.trigger", "messaging.system"))
    if batch_language == "go":  # its instrumentation does not look at the event
        assert (senders, attributes) == ([], ("other", None))
    else:
        assert (senders, attributes) == ([LINKS[batch_language]], ("pubsub", "aws_sqs"))


def test_a_function_that_is_killed(language: str, tmp_path: Path) -> None:
    """Its own span never leaves; ours stands in its place above what did."""
    (seen,) = (visits := visited(language, tmp_path, {"do": "sleep"}, timeout_s=4,
                                 OTEL_BSP_SCHEDULE_DELAY="100")).each  # fmt: skip
    assert seen.answer.status == "timeout"
    spans = [span for span in visits.spans if span.name not in PHASES]
    (own,) = (span for span in spans if span.kind == "SERVER")
    (price,) = (span for span in spans if span.name == "price")
    (stock,) = (span for span in spans if span.name == "GET /stock")
    assert {own.trace_id} == {price.trace_id, stock.trace_id}
    assert (price.parent_span_id, stock.parent_span_id) == (own.span_id, price.span_id)
    assert (own.status, own.attributes["lambda_dispatch.status"]) == ("ERROR", "timeout")


def test_with_xray_lambda(language: str, tmp_path: Path) -> None:
    """With that propagator everything is in X-Ray's trace, beneath the span that Lambda reports."""
    propagators = "tracecontext,baggage,xray-lambda"
    (seen,) = visited(language, tmp_path, {}, OTEL_PROPAGATORS=propagators).each
    own = own_span(seen)
    assert tree(seen) == WORK.replace("shop SERVER", "? shop SERVER" if own.parent_span_id else
                                      "shop SERVER")  # fmt: skip
    assert (own.trace_id, own.span_id) == (seen.header_trace, seen.header_parent)
    assert own.links == ()


def test_two_spans_of_java(tmp_path: Path) -> None:
    """The agent on one class path makes two: both go beneath ours, which is the only SERVER."""
    (seen,) = visited("java-image", tmp_path, rest(traceparent=TRACEPARENT), kind="rest").each
    assert (
        tree(seen)
        == """\
? shop SERVER
  GET /orders/{id} INTERNAL
    price INTERNAL
      GET /stock CLIENT
  shop INTERNAL
"""
    )


def test_lines(tmp_path: Path) -> None:
    """Log records of lines have the ids of the invocation's span, in the SDK's trace."""
    (seen,) = visited("python", tmp_path, {}, DISPATCH_SIGNALS="traces,logs").each
    own = own_span(seen)
    lines = [log for log in seen.logs if "order 7" in str(log.body)]
    assert {(log.trace_id, log.span_id) for log in lines} == {(own.trace_id, own.span_id)}


def test_what_leaves_with_a_later_invocation(tmp_path: Path) -> None:
    """Whenever it is exported, each invocation is one trace with one SERVER span and its work."""
    found = visited("python", tmp_path, {}, {}, {}, DISPATCH_FLUSH="periodic")
    requests = [seen.answer.request_id for seen in found.each]
    servers = {
        str(span.attributes["faas.invocation_id"]): trace
        for trace, spans in found.traces.items()
        for span in spans
        if span.kind == "SERVER"
    }
    assert sorted(servers) == sorted(requests)
    assert set(servers.values()) == set(found.traces)
    for spans in found.traces.values():
        names = sorted(span.name for span in spans if span.name not in PHASES)
        assert names == ["GET /stock", "price", "shop", "shop"]


@pytest.mark.parametrize(
    ("logs_from", "scopes"),
    [("lines", {LINES}), ("sdk", {"root"}), ("both", {LINES, "root"})],
)
def test_one_text_from_two_sides(logs_from: str, scopes: set[str], tmp_path: Path) -> None:
    """A line of a logger that an SDK exports, too: one of the two, or both, as it is chosen."""
    (seen,) = visited(
        "python", tmp_path, {"do": "flush logs"}, DISPATCH_SIGNALS="traces,logs",
        DISPATCH_LOGS_FROM=logs_from, OTEL_LOGS_EXPORTER="otlp",
        OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED="true",
    ).each  # fmt: skip
    told = [log for log in seen.logs if "order 7" in str(log.body)]
    assert {log.scope for log in told} == scopes, told
    assert len(told) == len(scopes)
    own = own_span(seen)
    assert {log.trace_id for log in told} == {own.trace_id}
