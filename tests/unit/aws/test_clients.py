"""The AWS clients, against a fake AWS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from extension.aws.call import Call, Service
from extension.aws.client_builder import ATTEMPTS
from extension.aws.clients import AwsClients
from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import TIMEOUT, SettingError, UpstreamError
from tests.fake_aws import REQUEST_ID, THROTTLED, AwsRequest, FakeAws, Fault


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """A fake with one secret."""
    async with FakeAws() as fake:
        fake.put_secret("n", "s")
        yield fake


@pytest.fixture
async def source(aws: FakeAws) -> AsyncIterator[AwsClients]:
    """Clients that ask the fake."""
    clients = AwsClients(
        aws.environment,
        credentials=SandboxCredentials(aws.environment),
        deadline_s=dict.fromkeys(Service, 5.0),
        connections=3,
    )
    yield clients
    clients.close()


def _call() -> Call:
    return Call(
        service=Service.SECRETS_MANAGER,
        operation="GetSecretValue",
        name="n",
        arguments={"SecretId": "n"},
    )


async def test_call_counts_its_attempts(aws: FakeAws, source: AwsClients) -> None:
    """Attempts, throttles and the request id are in the call, readable at any time."""
    call = _call()
    aws.faults.extend([THROTTLED, Fault(status=500, code="InternalServiceError")])
    answer = await asyncio.to_thread(source.call, call)
    assert answer["SecretString"] == "s"
    assert (call.attempts, call.throttles, call.request_id) == (3, 1, REQUEST_ID)


async def test_abandoned_call_makes_no_further_attempt(aws: FakeAws, source: AwsClients) -> None:
    """A thread whose caller has gone becomes free before the next attempt."""
    call = _call()

    def abandon(_: AwsRequest) -> Fault:
        call.abandoned = True
        return THROTTLED

    aws.fault = abandon
    with pytest.raises(UpstreamError, match=TIMEOUT):
        await asyncio.to_thread(source.call, call)
    assert (call.attempts, len(aws.requests)) == (1, 1)


async def test_errors_carry_what_aws_answered(aws: FakeAws, source: AwsClients) -> None:
    """Code, message, request id and whether it is worth another try."""
    aws.fault = lambda _: THROTTLED
    call = _call()
    with pytest.raises(UpstreamError) as raised:
        await asyncio.to_thread(source.call, call)
    error = raised.value
    assert (error.code, error.message, error.request_id, error.transient, error.service) == (
        "ThrottlingException",
        "Rate exceeded",
        REQUEST_ID,
        True,
        "Secrets Manager",
    )
    assert call.attempts == ATTEMPTS


@pytest.mark.parametrize(("deadline_s", "share_s"), [(1.5, 1.5), (6.0, 3.0), (60.0, 20.0)])
def test_each_attempt_gets_its_share_of_the_deadline(
    aws: FakeAws, deadline_s: float, share_s: float
) -> None:
    """One that hangs leaves time for the others, unless the deadline is too short for several."""
    clients = AwsClients(
        aws.environment,
        credentials=SandboxCredentials(aws.environment),
        deadline_s=dict.fromkeys(Service, deadline_s),
        connections=3,
    )
    configured = [each.botocore.meta.config.read_timeout for each in clients._own.values()]
    clients.close()
    assert configured == [share_s] * len(configured)
    assert configured


async def test_credentials_of_the_environment_cannot_be_renewed(source: AwsClients) -> None:
    """They have no endpoint that could be asked."""
    assert source.session_tokens() == ()


def test_without_a_region_there_is_nobody_to_ask() -> None:
    """Botocore would make the name of a host of an empty one."""
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    with pytest.raises(SettingError, match="AWS_REGION"):
        AwsClients(
            environ,
            credentials=SandboxCredentials(environ),
            deadline_s=dict.fromkeys(Service, 5.0),
            connections=1,
        )
