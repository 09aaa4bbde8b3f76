"""A function that posts OTLP to the extension, which exports it with its own telemetry."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from simulator.intake import Intake, IntakeRequest
from simulator.intake.replies import Hang, Reply
from tests.extensions_api import NEXT, ExtensionsApi, started
from tests.fake_aws import FakeAws
from tests.launchers import patient
from tests.posted_requests import as_json, parse, points, records, spans
from tests.sandbox import Stage, free_port, running
from tests.sdk_requests import invocation_span, request
from tests.waiting import until

SECRET = "tr0ub4dor&3-correct-horse"
GET_SECRET = "/secretsmanager/get?secretId=s"
PROTOBUF_TYPE = "application/x-protobuf"


@pytest_asyncio.fixture
async def intake() -> AsyncIterator[Intake]:
    """An OTLP endpoint on loopback."""
    async with Intake() as accepting:
        yield accepting


def environment(intake: Intake, **more: str) -> Mapping[str, str]:
    """Return the variables of a function with a receiver."""
    return {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_OTLP_PORT": str(free_port()),
        "DISPATCH_FLUSH": "end",
        **more,
    }


def post(signal: str, request: Any, *, as_protobuf: bool = False) -> dict[str, str]:
    """Return what the function is asked to post."""
    if as_protobuf:
        body = base64.b64encode(request.SerializeToString()).decode()
        return {"signal": signal, "body": body, "content_type": PROTOBUF_TYPE}
    return {"signal": signal, "body": as_json(request).decode()}


async def statuses(stage: Stage, *posts: Mapping[str, str], **more: object) -> list[int]:
    """Return how the posts of one invocation were answered."""
    answer = await stage.function.invoke({"post": posts, **more})
    return [each for each in json.loads(answer.payload) if isinstance(each, int)]


@pytest.mark.parametrize("as_protobuf", [True, False], ids=["protobuf", "json"])
async def test_everything_leaves_with_the_invocation(
    tmp_path: Path, intake: Intake, *, as_protobuf: bool
) -> None:
    """All three signals, before the invocation is over; counted in the last line."""
    given = environment(intake, DISPATCH_SIGNALS="traces,logs,metrics")
    async with running(tmp_path, environment=given) as stage:
        found = await statuses(
            stage,
            post("traces", spans("a", "b"), as_protobuf=as_protobuf),
            post("logs", records("hello"), as_protobuf=as_protobuf),
            post("metrics", points("count"), as_protobuf=as_protobuf),
        )
        assert found == [200, 200, 200]
        assert {"a", "b"} < {span.name for span in intake.spans}
        assert "hello" in {str(record.body) for record in intake.logs}
        assert "count" in {metric.name for metric in intake.metrics}
    final_counts = stage.final_counts
    counts = {name: final_counts[f"received.{name}"] for name in ("traces", "logs", "metrics")}
    assert counts == {"traces": 2, "logs": 1, "metrics": 1}
    assert not stage.lost
    exported = {metric.name for metric in intake.metrics}
    assert {"lambda_dispatch.received.items", "lambda_dispatch.received.bytes"} < exported


@pytest.mark.parametrize("as_protobuf", [True, False], ids=["protobuf", "json"])
async def test_a_secret_that_the_cache_served_does_not_leave(
    tmp_path: Path, intake: Intake, *, as_protobuf: bool
) -> None:
    """As it stands and encoded; the leak is counted."""
    encoded = base64.b64encode(f"user:{SECRET}".encode()).decode()
    request = spans("a", plain=f"key={SECRET}", header=f"Basic {encoded}", other="x")
    async with FakeAws() as aws:
        aws.put_secret("s", SECRET)
        given = environment(intake, **aws.environment)
        async with running(tmp_path, environment=given) as stage:
            await stage.function.invoke({"get": [GET_SECRET]})
            await statuses(stage, post("traces", request, as_protobuf=as_protobuf))
    sent = b"".join(each.body for each in intake.requests)
    assert b"[REDACTED:s]" in sent
    assert SECRET.encode() not in sent
    assert encoded[8:-4].encode() not in sent
    assert (stage.final_counts["received.redacted.traces"], stage.final_counts["secret_leaks"]) == (
        1,
        1,
    )


async def test_signals_that_are_not_exported_are_accepted(tmp_path: Path, intake: Intake) -> None:
    """By default these are logs and metrics: their exporters get a 200, and do not complain."""
    async with running(tmp_path, environment=environment(intake)) as stage:
        found = await statuses(stage, post("logs", records("x")), post("metrics", points("x")))
        assert found == [200, 200]
    assert {request.path for request in intake.requests} == {"/v1/traces"}
    assert stage.final_counts["received.not_forwarded.logs"] == 1
    assert stage.final_counts["received.not_forwarded.metrics"] == 1


@pytest.mark.parametrize(
    "more", [{"DISPATCH_FORMAT": "json"}, {"DISPATCH_POST_URI": ""}, {"DISPATCH_TELEMETRY": "off"}]
)
async def test_where_nothing_can_be_forwarded(
    tmp_path: Path, intake: Intake, more: Mapping[str, str]
) -> None:
    """The function's exporter is answered all the same; one line at the end says what is lost."""
    given = environment(intake, **more)
    async with running(tmp_path, environment=given) as stage:
        assert await statuses(stage, post("traces", spans("a"))) == [200]
    assert "what the SDK sent is not exported" in stage.complaints
    assert not any(b'"a"' in request.body for request in intake.requests)


async def test_a_large_batch_is_split_where_the_endpoint_takes_less(
    tmp_path: Path, intake: Intake
) -> None:
    """Every span of 600 KB arrives at an endpoint that takes 100 KB at once."""

    def respond(request: IntakeRequest) -> Reply:
        return Reply(status=413 if len(request.body) > 100_000 else 200)

    intake.respond = respond
    names = [f"span {number}" for number in range(1000)]
    async with running(tmp_path, environment=environment(intake)) as stage:
        await statuses(stage, post("traces", spans(*names, key="v" * 400), as_protobuf=True))
        await stage.invoke({}, {}, {})
    assert {*names} < {span.name for span in intake.spans}
    assert not stage.lost


async def test_a_port_that_is_taken(tmp_path: Path, intake: Intake) -> None:
    """One line, and everything else goes on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        given = environment(intake, DISPATCH_OTLP_PORT=str(other.getsockname()[1]))
        async with running(tmp_path, environment=given) as stage:
            answer = await stage.function.invoke({})
    assert answer.status == "success"
    port = given["DISPATCH_OTLP_PORT"]
    assert stage.complaints == ["switched off"]
    assert stage.causes == [f"no receiver: port {port} on 127.0.0.1: Address already in use"]
    assert [span.name for span in intake.spans if span.kind == "SERVER"] == ["function"]


async def test_it_never_posts_to_itself(tmp_path: Path) -> None:
    """Where the endpoint is the port itself, the receiver is off."""
    port = str(free_port())
    given = {"DISPATCH_POST_URI": f"http://localhost:{port}", "DISPATCH_OTLP_PORT": port}
    async with running(tmp_path, environment=given) as stage:
        assert (await stage.function.invoke({})).status == "success"
    cause = f"no receiver: what is received on port {port} would be posted to itself"
    assert cause in stage.causes


async def test_what_came_before_the_sandbox_was_reset_is_not_lost(
    tmp_path: Path, intake: Intake
) -> None:
    """A function that posts and exits: its spans leave at SHUTDOWN, whatever the flush mode."""
    given = environment(intake, DISPATCH_FLUSH="periodic")
    async with running(tmp_path, environment=given) as stage:
        await stage.function.invoke({"post": [post("traces", spans("last words"))], "exit": 1})
    assert "last words" in {span.name for span in intake.spans}


async def test_posts_are_answered_until_the_end_of_the_sandbox(tmp_path: Path) -> None:
    """While the last export waits for an endpoint that does not answer, an SDK does not wait."""
    hang, port = Hang(), str(free_port())
    body = spans("late").SerializeToString()
    async with Intake(respond=lambda _: hang) as intake, ExtensionsApi().running() as api:
        given = {"DISPATCH_POST_URI": intake.url, "DISPATCH_OTLP_PORT": port}
        address = f"127.0.0.1:{api.port}"
        async with started(patient, tmp_path, given, api=address) as extension:
            await until(lambda: NEXT in api.asked)
            assert await posted(port, body) == 200
            api.shut_down()
            await until(lambda: bool(intake.requests))
            assert not extension.has_ended
            assert await posted(port, body) == 200
            assert await extension.end() == 0
        hang.released.set()


async def posted(port: str, body: bytes) -> int:
    """Return how the receiver answered."""
    url = f"http://127.0.0.1:{port}/v1/traces"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers={"Content-Type": PROTOBUF_TYPE}) as answer,
    ):
        return answer.status


async def test_a_connection_of_the_snapshot_goes_on(tmp_path: Path, intake: Intake) -> None:
    """With SnapStart the port is bound in the init, and what was posted there leaves once."""
    async with running(
        tmp_path, environment=environment(intake), handler="early_posting.handler",
        initialization_type="snap-start",
    ) as stage:  # fmt: skip
        answers = await stage.invoke({"number": 1}, {"number": 2})
    assert [json.loads(answer.payload) for answer in answers] == [[200, 200]] * 2
    names = Counter(span.name for span in intake.spans)
    assert [names[name] for name in ("loaded", "invoked 1", "invoked 2")] == [1, 1, 1]
    assert not stage.lost
    assert not stage.complaints


async def test_metrics_of_a_snapshot_are_those_of_the_sandbox(
    tmp_path: Path, intake: Intake
) -> None:
    """An export that the first invocation begins is too early: its restore is not told yet."""
    given = environment(intake, DISPATCH_SIGNALS="metrics", DISPATCH_FLUSH="periodic")
    async with running(
        tmp_path, environment=given, handler="early_posting.handler",
        initialization_type="snap-start",
    ) as stage:  # fmt: skip
        await stage.invoke({"number": 1}, {"number": 2})
    instances = [metric.resource.get("faas.instance") for metric in intake.metrics]
    assert instances
    assert all(instances)


async def test_invocations_at_once(tmp_path: Path, intake: Intake) -> None:
    """On Managed Instances each span of an SDK joins the invocation whose request id it has."""
    posted = [invocation_of(trace) for trace in (0xAAA, 0xBBB, 0xCCC, 0xDDD)]
    async with running(
        tmp_path, environment=environment(intake),
        initialization_type="lambda-managed-instances",
    ) as stage:  # fmt: skip
        invoked = (
            stage.function.invoke({"post": [post("traces", each)], "sleep": 0.05})
            for each in posted
        )
        answers = await asyncio.gather(*invoked)
    assert [json.loads(answer.payload) for answer in answers] == [[200]] * 4
    servers = {
        span.attributes["faas.invocation_id"]: span
        for span in intake.spans
        if span.kind == "SERVER"
    }
    assert servers.keys() == {answer.request_id for answer in answers}
    theirs = [span for span in intake.spans if span.name == "handler"]
    assert len(theirs) == 4
    for span in theirs:
        ours = servers[span.attributes["faas.invocation_id"]]
        assert (span.kind, span.parent_span_id) == ("INTERNAL", ours.span_id)
        assert span.trace_id == ours.trace_id
    assert {int(span.trace_id, 16) for span in theirs} == {0xAAA, 0xBBB, 0xCCC, 0xDDD}
    assert not stage.lost


def invocation_of(trace: int) -> Any:
    """Return a request with the SDK's span of the invocation that posts it."""
    sent = request(invocation_span("REQUEST_ID", trace, trace=trace))
    return parse("traces", sent)
