"""What only one process with both jobs can do, with real values from a local AWS."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from simulator.aws import LocalAws
from simulator.intake import Intake, IntakeRequest
from simulator.intake.otlp import Span
from simulator.intake.replies import Reply
from tests.sandbox import running

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "hunter2-hunter2"
GET_SECRET = "/secretsmanager/get?secretId=shop%2Fkey"


@pytest_asyncio.fixture(loop_scope="module")
async def intake() -> AsyncIterator[Intake]:
    """An OTLP endpoint on loopback."""
    async with Intake() as accepting:
        yield accepting


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws() -> AsyncIterator[LocalAws]:
    """Parameter Store and Secrets Manager on loopback."""
    async with LocalAws() as local:
        yield local


def invocation(intake: Intake) -> Span:
    """Return the one span of an invocation."""
    [span] = [each for each in intake.spans if each.kind == "SERVER"]
    return span


async def test_a_secret_that_was_served_does_not_leave(
    tmp_path: Path, intake: Intake, aws: LocalAws
) -> None:
    """Plain, in base64 or in an exception: neither the endpoint nor our output has it."""
    await aws.put_secret("shop/key", value=SECRET)
    encoded = base64.b64encode(f"user:{SECRET}".encode()).decode()
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url,
                   "DISPATCH_SIGNALS": "traces,logs,metrics"}  # fmt: skip
    async with running(tmp_path, environment=environment) as stage:
        await stage.function.invoke({"get": [GET_SECRET]})
        await stage.function.invoke(
            {"print": [f"key={SECRET}", {"auth": f"Basic {encoded}"}], "raise": f"bad {SECRET}"}
        )
    sent = b"".join(request.body for request in intake.requests)
    assert b"[REDACTED:shop/key]" in sent
    assert SECRET.encode() not in sent
    assert encoded[8:-4].encode() not in sent
    assert not [
        line.text for line in stage.lines if line.source == "extension" and SECRET in line.text
    ]
    leaking = [span for span in intake.spans if "secret.leaked" in span.attributes]
    assert [span.attributes["secret.leaked"] for span in leaking] == ["shop/key"]


async def test_the_cache_is_in_the_trace(tmp_path: Path, intake: Intake, aws: LocalAws) -> None:
    """Was this slow because of Secrets Manager? The call is a child, and the counts say so."""
    await aws.put_secret("shop/key", value=SECRET)
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    async with running(tmp_path, environment=environment) as stage:
        await stage.function.invoke({"get": [GET_SECRET, GET_SECRET]})
    span = invocation(intake)
    [call] = [each for each in intake.spans if each.name == "Secrets Manager.GetSecretValue"]
    assert (call.kind, call.trace_id, call.parent_span_id) == (
        "CLIENT", span.trace_id, span.span_id
    )  # fmt: skip
    assert call.attributes["lambda_dispatch.cache.entry"] == "shop/key"
    assert span.start_ns <= call.start_ns <= call.end_ns <= span.end_ns
    assert span.attributes["lambda_dispatch.cache.hits"] == 1
    assert span.attributes["lambda_dispatch.cache.misses"] == 1


async def test_a_rotated_key_loses_nothing(tmp_path: Path, intake: Intake, aws: LocalAws) -> None:
    """The endpoint refuses the old key: the new one is fetched and the same batch sent again."""
    await aws.put_secret("vendor", value='{"key": "first-key-1234"}')
    valid = "first-key-1234"

    def respond(request: IntakeRequest) -> Reply:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Reply(status=200 if headers.get("authorization") == f"Bearer {valid}" else 401)

    intake.respond = respond
    environment = {
        **aws.environment,
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_POST_HEADERS": "authorization=Bearer ${secretsmanager:vendor#key}",
        "DISPATCH_FLUSH": "end",
    }
    async with running(tmp_path, environment=environment) as stage:
        await stage.function.invoke({})
        valid = "second-key-5678"
        await aws.put_secret("vendor", value='{"key": "second-key-5678"}')
        await stage.function.invoke({})
    assert len([span for span in intake.spans if span.kind == "SERVER"]) == 2
    assert stage.causes == []


async def test_credentials_that_cannot_be_resolved_keep_the_data(
    tmp_path: Path, intake: Intake, aws: LocalAws
) -> None:
    """The reference is named, the function lives, and the data goes when the secret is there."""
    environment = {
        **aws.environment,
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_POST_HEADERS": "authorization=${secretsmanager:not/there/yet}",
        "DISPATCH_FLUSH": "end",
    }
    async with running(tmp_path, environment=environment) as stage:
        assert (await stage.function.invoke({})).status == "success"
        assert intake.requests == []
        await aws.put_secret("not/there/yet", value="third-key-9012")
    assert invocation(intake).status == "UNSET"
    named = [line["reference"] for line in stage.own_lines if "reference" in line]
    assert set(named) == {"secretsmanager:not/there/yet"}
    assert intake.requests[-1].headers["Authorization"] == "third-key-9012"


async def test_redaction_can_be_switched_off(tmp_path: Path, intake: Intake, aws: LocalAws) -> None:
    """Who wants his logs as they are gets them."""
    await aws.put_secret("shop/key", value=SECRET)
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url, "DISPATCH_REDACT": "off"}
    async with running(tmp_path, environment=environment) as stage:
        await stage.function.invoke({"get": [GET_SECRET], "print": [SECRET]})
    assert SECRET.encode() in b"".join(request.body for request in intake.requests)


async def test_cache_metrics(tmp_path: Path, intake: Intake, aws: LocalAws) -> None:
    """Requests by result, upstream latency and more go the way of all metrics."""
    await aws.put_secret("shop/key", value=SECRET)
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url,
                   "DISPATCH_SIGNALS": "metrics"}  # fmt: skip
    async with running(tmp_path, environment=environment) as stage:
        await stage.function.invoke({"get": [GET_SECRET, GET_SECRET]})
    names = {metric.name for metric in intake.metrics}
    assert {"lambda_dispatch.cache.requests", "lambda_dispatch.cache.upstream_duration",
            "lambda_dispatch.cache.age", "faas.invocations"} <= names  # fmt: skip
