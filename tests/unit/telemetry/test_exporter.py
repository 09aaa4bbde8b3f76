"""The exporter against a real endpoint on loopback, and against the official one as oracle."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import Event as SpanEvent

from extension.process.clock import SystemClock
from extension.process.waits import Budget
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.answers import Answer, EndpointMessage
from extension.telemetry.export.compression import COMPRESSORS, LARGE_BYTES, SMALL_BYTES
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.export.target import Target, parse_headers, signal_url
from extension.telemetry.health import Health
from extension.telemetry.otlp.exporter import OtlpExporter, read_answer
from extension.telemetry.otlp.requests import Requests, SpanWithLines
from extension.telemetry.otlp.resource import SCHEMA_URL, build_resource
from extension.telemetry.otlp.spans import SpanBuilder
from extension.telemetry.raw import RawExporter
from extension.telemetry.resource_identity import ResourceIdentity
from simulator.aws.endpoints.stored_event import plain
from simulator.intake import Intake
from simulator.intake.replies import GARBAGE, RESET, Hang, Reply
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds

RESOURCE = build_resource(
    ResourceIdentity(function_name="f", region="eu-central-1"), instance_id="log"
)
HEADERS = "authorization=Basic%20c2hvcDp4,x-team=shop"


def spans() -> list[SpanWithLines]:
    """Return the spans of a cold start with a line and a report."""
    ids = SequentialIds()
    assembler, builder = (
        Assembler(ids=ids),
        SpanBuilder(ids=ids, identity=ResourceIdentity(function_name="f")),
    )
    events = [
        *given.init(0, 1),
        given.start("r", 1),
        given.line('{"level":"WARN","message":"naïve ☃","n":1}', 1.5),
        given.done("r", 2, metrics={"durationMs": 1000, "producedBytes": 5}),
        given.report("r", 2.1, billedDurationMs=1100),
    ]
    return [span for each in assemble(assembler, [events]) for span in builder.build(each)]


def bodies() -> list[bytes]:
    """Return them as they wait for export."""
    requests = Requests(RESOURCE, health=Health())
    return [outgoing.body for outgoing in requests.spans(spans())]


def as_the_sdk_has_them(spans: list[SpanWithLines]) -> list[SpanWithLines]:
    """Give the spans the resource that our requests get as a whole, and their lines as events."""
    for span in spans:
        span._resource = RESOURCE
        span._events = [*span.events, *map(_sdk_event, Span.FromString(span.lines).events)]
    return spans


def _sdk_event(line: Span.Event) -> SpanEvent:
    attributes: Any = {each.key: plain(each.value) for each in line.attributes}
    return SpanEvent(line.name, attributes, line.time_unix_nano)


@pytest.fixture
async def intake() -> AsyncIterator[Intake]:
    """An endpoint on loopback."""
    async with Intake() as running:
        yield running


async def export(
    url: str,
    *,
    compression: str = "gzip",
    timeout_s: float = 10,
    budget: Budget | None = None,
) -> Outcome:
    """Export once and return the outcome."""
    headers, _ = parse_headers(HEADERS)
    target = Target(
        url=signal_url(url, "traces"),
        headers=headers,
        compression=compression,
        timeout_s=timeout_s,
    )
    post = Post({"traces": target}, clock=SystemClock())
    try:
        budget = budget or Budget(10, clock=SystemClock())
        return await OtlpExporter(post).export("traces", bodies(), budget=budget)
    finally:
        await post.close()


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
async def test_same_request_as_the_official_exporter(
    intake: Intake, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same spans and same environment: same URL, headers and body as OTLPSpanExporter's."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", intake.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", HEADERS)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    await export(intake.url, compression=compression)
    official = OTLPSpanExporter()
    await asyncio.to_thread(official.export, as_the_sdk_has_them(spans()))
    official.shutdown()  # type: ignore[no-untyped-call]  # the SDK's
    ours, theirs = intake.requests
    transport = {"user-agent", "accept", "accept-encoding", "connection", "content-length", "host"}
    assert (ours.method, ours.path) == (theirs.method, theirs.path) == ("POST", "/v1/traces")
    read = ExportTraceServiceRequest.FromString
    assert read(ours.body) == read(theirs.body)
    relevant = [
        {
            name.lower(): value
            for name, value in each.headers.items()
            if name.lower() not in transport
        }
        for each in (ours, theirs)
    ]
    assert relevant[0] == relevant[1]
    assert relevant[0]["authorization"] == "Basic c2hvcDp4"


async def test_an_accepted_batch_arrives_whole(intake: Intake) -> None:
    """What was exported is what the endpoint decodes."""
    outcome = await export(intake.url)
    assert outcome.kind == "accepted"
    assert [span.name for span in intake.spans] == ["init", "f", "extension overhead"]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_endpoint_keeps_the_batch(intake: Intake, status: int) -> None:
    """Overload comes with the endpoint's wish when to try again."""
    intake.respond = [Reply(status=status, headers={"Retry-After": "7"})]
    outcome = await export(intake.url)
    assert (outcome.kind, outcome.retry_after_s) == ("kept", 7.0)


async def test_a_redirect_is_not_followed(intake: Intake) -> None:
    """A redirect is no success, and nothing is posted elsewhere."""
    intake.respond = [Reply(status=307, headers={"Location": intake.url + "/elsewhere"})]
    outcome = await export(intake.url)
    assert outcome.kind == "rejected"
    assert len(intake.requests) == 1


async def test_a_connection_that_died_is_tried_once_more_at_once(intake: Intake) -> None:
    """A connection that slept through a freeze may be dead; the second try is fresh."""
    intake.respond = [RESET]
    outcome = await export(intake.url)
    assert outcome.kind == "accepted"
    assert len(intake.requests) == 2


async def test_an_endpoint_that_hangs_costs_the_budget_and_no_more(intake: Intake) -> None:
    """The budget ends the attempt, and the batch is kept."""
    released = asyncio.Event()
    intake.respond = [Hang(released=released)]
    outcome = await export(intake.url, budget=Budget(0.2, clock=SystemClock()))
    released.set()
    assert (outcome.kind, outcome.cause) == ("kept", "timeout")


async def test_an_endpoint_that_hangs_costs_its_timeout_where_the_budget_is_longer(
    intake: Intake,
) -> None:
    """OTEL_EXPORTER_OTLP_TIMEOUT bounds one POST; the rest of the budget is for other batches."""
    released = asyncio.Event()
    intake.respond = [Hang(released=released)]
    budget = Budget(10.0, clock=SystemClock())
    outcome = await export(intake.url, timeout_s=0.1, budget=budget)
    released.set()
    assert (outcome.kind, outcome.cause) == ("kept", "timeout")
    assert budget.left_s > 0


async def test_garbage_for_an_answer_keeps_the_batch(intake: Intake) -> None:
    """What is not HTTP is a failure of the connection."""
    intake.respond = [GARBAGE, GARBAGE]
    outcome = await export(intake.url)
    assert outcome.kind == "kept"


async def test_nobody_there_keeps_the_batch() -> None:
    """A refused connection is an outcome, not an exception."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    outcome = await export(f"http://127.0.0.1:{port}")
    assert outcome.kind == "kept"


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
async def test_an_answer_in_any_encoding_is_an_answer(intake: Intake, encoding: str) -> None:
    """The batch has arrived, whatever the answer looks like: it must not be sent for ever."""
    intake.respond = [Reply(status=200, headers={"Content-Encoding": encoding}, body=b"?")]
    outcome = await export(intake.url)
    assert outcome.kind == "accepted"
    assert len(intake.requests) == 1


def test_what_the_platform_began_has_a_remote_parent() -> None:
    """X-Ray's segment is not a span of ours, be it the parent of an init or of an invocation."""
    remote = {span.name: span.parent.is_remote for span in spans() if span.parent}
    assert remote == {"init": True, "f": True, "extension overhead": False}


def test_requests_name_the_schema() -> None:
    """Back ends that translate old names into new ones go by it."""
    [body] = bodies()
    [of_resource] = ExportTraceServiceRequest.FromString(body).resource_spans
    assert of_resource.schema_url == SCHEMA_URL
    assert {each.schema_url for each in of_resource.scope_spans} == {SCHEMA_URL}


def test_the_resource_says_what_has_sent_it() -> None:
    """The distribution, and the log group where it is known; not an SDK's language."""
    identity = ResourceIdentity(function_name="f", log_group="/aws/lambda/f")
    attributes = build_resource(identity).attributes
    assert attributes["telemetry.distro.name"] == "lambda-dispatch"
    assert attributes["aws.log.group.names"] == ("/aws/lambda/f",)
    assert "telemetry.sdk.language" not in attributes


@pytest.mark.parametrize("given", ["service.name=", "service.name= ,team=shop", " service.name ="])
def test_an_empty_resource_attribute_is_an_unset_one(given: str) -> None:
    """A template that leaves `service.name=` empty does not take the function's name away."""
    attributes = build_resource(
        ResourceIdentity(function_name="f", resource_attributes=given)
    ).attributes
    assert attributes["service.name"] == "f"
    assert attributes.get("team", "shop") == "shop"


def test_a_resource_attribute_wins_over_what_is_found() -> None:
    """Values are percent-decoded, and OTEL_SERVICE_NAME wins over all."""
    identity = ResourceIdentity(
        function_name="f", resource_attributes="service.name=a%20b,team=x,empty="
    )
    attributes = build_resource(identity).attributes
    assert (attributes["service.name"], attributes["team"]) == ("a b", "x")
    assert "empty" not in attributes


@pytest.mark.parametrize(("size", "level"), [(LARGE_BYTES - 1, 2), (LARGE_BYTES, 0)])
def test_large_bodies_are_compressed_quickly(size: int, level: int) -> None:
    """The first two bits of the second byte of zlib's header say how hard it tried."""
    assert COMPRESSORS["deflate"](b"x" * size)[1] >> 6 == level


@pytest.mark.parametrize("size", [0, 1, 440, SMALL_BYTES, SMALL_BYTES + 1, LARGE_BYTES])
def test_a_body_of_any_size_is_read_by_every_decompressor(size: int) -> None:
    """A small window is a matter of ours: it changes no byte of what comes out."""
    body = (b"order 7 of customer 1234567, " * (size // 28 + 1))[:size]
    assert gzip.decompress(COMPRESSORS["gzip"](body)) == body
    assert zlib.decompress(COMPRESSORS["deflate"](body)) == body


@pytest.mark.parametrize("repeated_after", [100, 4000, SMALL_BYTES // 2])
def test_a_small_window_finds_every_repetition(repeated_after: int) -> None:
    """A small body is compressed no worse than with zlib's largest window."""
    block = os.urandom(repeated_after)
    body = block * (SMALL_BYTES // repeated_after)
    assert len(COMPRESSORS["gzip"](body)) <= len(gzip.compress(body, 6)) + 16


def partial(rejected: int, text: str = "") -> bytes:
    """Return the answer of an endpoint that refuses some items."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = rejected
    answer.partial_success.error_message = text
    body: bytes = answer.SerializeToString()
    return body


PROTOBUF = "application/x-protobuf"
STATUS = b"\x12\x04busy"
"""A google.rpc.Status with a message."""


@pytest.mark.parametrize(
    ("status", "content_type", "content", "message"),
    [
        (200, PROTOBUF, b"", EndpointMessage()),
        (200, PROTOBUF, partial(3, "no"), EndpointMessage(rejected_items=3, text="no")),
        (200, PROTOBUF, partial(-3), EndpointMessage()),
        (200, PROTOBUF, b"\xff", EndpointMessage()),
        (503, PROTOBUF, b"\xff", EndpointMessage(text="\ufffd")),
        (503, PROTOBUF, STATUS, EndpointMessage(text="busy")),
        (503, "text/plain", b"busy", EndpointMessage(text="busy")),
        (
            200,
            "application/json",
            b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}',
            EndpointMessage(rejected_items=2, text="no"),
        ),
        (200, "text/html", b"<!DOCTYPE html>", EndpointMessage(is_none=True)),
        (200, PROTOBUF, b"<html>", EndpointMessage(is_none=True)),
    ],
)
def test_what_an_answer_says(
    status: int, content_type: str, content: bytes, message: EndpointMessage
) -> None:
    """Of a success how many items were refused, of an error its text; a page is no answer."""
    answer = Answer(status=status, content=content, content_type=content_type)
    assert read_answer(answer) == message


def test_an_error_may_be_a_page() -> None:
    """Its status says enough."""
    page = Answer(status=502, content=b"<html>", content_type="text/html")
    assert not read_answer(page).is_none


@pytest.mark.parametrize("exporter", [OtlpExporter, RawExporter])
async def test_a_large_batch_is_not_copied(exporter: type[OtlpExporter | RawExporter]) -> None:
    """All of it waits in the buffer still, and what a process asked for once it keeps."""
    batch = [bytes(500) for _ in range(8_000)]
    target = Target(
        url="http://127.0.0.1:1/v1/traces", headers={}, compression="gzip", timeout_s=10
    )
    post = Post({"traces": target}, clock=SystemClock())
    budget = Budget(10, clock=SystemClock())
    tracemalloc.start()
    try:
        outcome = await exporter(post).export("traces", batch, budget=budget)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await post.close()
    assert outcome.kind == "kept"  # no server is there, but the batch is compressed first
    assert peak < 2_000_000
