"""boto3 behind the seam, against the fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from extension.aws.calls import Call
from extension.aws.errors import TIMEOUT, UpstreamError
from extension.parameters.keys import Service
from extension.aws.clients import ATTEMPTS, AwsSource, open_source
from extension.settings.parameters import ParametersConfig
from tests.fake_aws import REQUEST_ID, THROTTLED, AwsRequest, FakeAws, Fault


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """A fake with one secret."""
    async with FakeAws() as fake:
        fake.put_secret("n", "s")
        yield fake


@pytest.fixture
async def source(aws: FakeAws) -> AsyncIterator[AwsSource]:
    """Clients that ask the fake."""
    with closing(open_source(ParametersConfig(), aws.environment)) as opened:
        yield opened


def _call() -> Call:
    return Call(
        service=Service.SECRETS_MANAGER,
        operation="GetSecretValue",
        name="n",
        arguments={"SecretId": "n"},
    )


async def test_call_counts_its_attempts(aws: FakeAws, source: AwsSource) -> None:
    """Attempts, throttles and request id stand in the call, whose owner may look at any time."""
    call = _call()
    aws.faults.extend([THROTTLED, Fault(status=500, code="InternalServiceError")])
    answer = await asyncio.to_thread(source.call, call)
    assert answer["SecretString"] == "s"
    assert (call.attempts, call.throttles, call.request_id) == (3, 1, REQUEST_ID)


async def test_abandoned_call_makes_no_further_attempt(aws: FakeAws, source: AwsSource) -> None:
    """A thread that nobody waits for gives its slot back before the next attempt."""
    call = _call()

    def abandon(_: AwsRequest) -> Fault:
        call.abandoned = True
        return THROTTLED

    aws.fault = abandon
    with pytest.raises(UpstreamError, match=TIMEOUT):
        await asyncio.to_thread(source.call, call)
    assert (call.attempts, len(aws.requests)) == (1, 1)


async def test_errors_carry_what_aws_told(aws: FakeAws, source: AwsSource) -> None:
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


async def test_credentials_of_the_environment_cannot_be_renewed(source: AwsSource) -> None:
    """There is nobody to ask."""
    assert source.session_tokens() == ()
