"""The local Parameter Store and Secrets Manager: seeded, counted, and gone afterwards."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import boto3
import pytest
import pytest_asyncio
from botocore.config import Config
from botocore.exceptions import ClientError

from simulator.aws import LocalAws
from tests.process_table import descendants
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws() -> AsyncIterator[LocalAws]:
    """One server for all tests that only ask: its start is the slow part."""
    async with LocalAws() as aws:
        yield aws


@pytest.mark.asyncio(loop_scope="module")
async def test_parameter_is_served_and_counted(aws: LocalAws) -> None:
    """A seeded parameter is found, and the call is on record before the caller goes on."""
    await aws.put_parameter("/app/level", value="debug")
    aws.calls.clear()
    answer = await _ask(aws, "ssm", "get_parameter", Name="/app/level")
    assert answer["Parameter"]["Value"] == "debug"
    (call,) = aws.calls
    assert (call.operation, call.name, call.status) == ("GetParameter", "/app/level", 200)
    assert call.duration_ms > 0


@pytest.mark.asyncio(loop_scope="module")
async def test_secret_gets_a_new_current_version(aws: LocalAws) -> None:
    """Putting a secret twice replaces its current value; bytes make it binary."""
    await aws.put_secret("app/key", value="first")
    await aws.put_secret("app/key", value=b"\x00second")
    answer = await _ask(aws, "secretsmanager", "get_secret_value", SecretId="app/key")
    assert answer["SecretBinary"] == b"\x00second"


@pytest.mark.asyncio(loop_scope="module")
async def test_several_names_are_one_call(aws: LocalAws) -> None:
    """A call that names several parameters is counted once, with its names joined."""
    aws.calls.clear()
    answer = await _ask(aws, "ssm", "get_parameters", Names=["/app/one", "/app/two"])
    assert sorted(answer["InvalidParameters"]) == ["/app/one", "/app/two"]
    assert [(call.operation, call.name) for call in aws.calls] == [
        ("GetParameters", "/app/one,/app/two")
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_error_is_forwarded_and_counted(aws: LocalAws) -> None:
    """An error of the service reaches the caller as it is and is on record with its status."""
    aws.calls.clear()
    with pytest.raises(ClientError, match="ParameterNotFound"):
        await _ask(aws, "ssm", "get_parameter", Name="/app/absent")
    assert [call.status for call in aws.calls] == [400]


@pytest.mark.asyncio(loop_scope="module")
async def test_seeding_is_not_counted(aws: LocalAws) -> None:
    """Only what an observed program asks for is on record."""
    aws.calls.clear()
    await aws.put_parameter("/app/seeded", value="x", kind="SecureString")
    assert aws.calls == []


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_not_an_aws_call_does_no_harm(aws: LocalAws) -> None:
    """A body that is no JSON object is forwarded and counted without a name."""
    aws.calls.clear()
    async with (
        aiohttp.ClientSession() as session,
        session.post(aws.url, data=b"[1]", headers={"X-Amz-Target": "AmazonSSM.Nonsense"}) as reply,
    ):
        await reply.read()
    assert [(call.operation, call.name, call.status) for call in aws.calls] == [
        ("Nonsense", "", reply.status)
    ]


async def test_server_is_gone_after_an_error() -> None:
    """An exception in the body ends the server; nothing listens any more."""
    aws = LocalAws()
    before = descendants(os.getpid())

    async def fail_within() -> None:
        async with aws:
            assert len(descendants(os.getpid()) - before) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_within()
    assert descendants(os.getpid()) == before
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(aws.url)


async def test_server_is_gone_after_a_cancelled_start() -> None:
    """Cancelling the start while the server is coming up leaves no process behind."""
    before = descendants(os.getpid())
    starting = asyncio.create_task(LocalAws().__aenter__())
    await until(lambda: descendants(os.getpid()) - before)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert descendants(os.getpid()) == before


async def test_server_that_dies_is_reported_with_its_words() -> None:
    """A server that ends instead of starting is an error that quotes it."""
    dying = (sys.executable, "-c", "import sys; sys.exit('no moto today')")
    with pytest.raises(RuntimeError, match=r"did not start.*no moto today"):
        await LocalAws(server=dying).__aenter__()


async def test_server_that_never_gets_ready_is_given_up() -> None:
    """A server that says nothing is ended at the deadline."""
    silent = (sys.executable, "-c", "import sys; sys.stdin.read()")
    before = descendants(os.getpid())
    with pytest.raises(RuntimeError, match=r"did not start within 0\.1 s.*nothing"):
        await LocalAws(server=silent, deadline_s=0.1).__aenter__()
    assert descendants(os.getpid()) == before


async def _ask(aws: LocalAws, service: str, operation: str, **arguments: Any) -> Any:
    """Make one call through boto3, as a program with `aws.environment` would."""

    def ask() -> Any:
        client = boto3.session.Session().client(
            service,
            endpoint_url=aws.environment["AWS_ENDPOINT_URL"],
            region_name=aws.environment["AWS_REGION"],
            aws_access_key_id=aws.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=aws.environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=aws.environment["AWS_SESSION_TOKEN"],
            config=Config(proxies={}),
        )
        try:
            return getattr(client, operation)(**arguments)
        finally:
            client.close()

    return await asyncio.to_thread(ask)
