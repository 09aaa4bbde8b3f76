"""The AWS clients, against a fake AWS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from extension.aws.call import Call, Place, Service
from extension.aws.clients import AwsClients
from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import NOT_OPEN, TIMEOUT, SettingError, UpstreamError
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


def clients_of(
    environ: Mapping[str, str], *, deadline_s: float = 5.0, connections: int = 1
) -> AwsClients:
    """Return clients with these variables and the credentials in them."""
    return AwsClients(
        environ,
        credentials=SandboxCredentials(environ),
        deadline_s=dict.fromkeys(Service, deadline_s),
        connections=connections,
    )


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
    assert call.attempts == 3


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
        clients_of(environ)


def place(region: str = "", role: str = "") -> Place:
    """Return where Secrets Manager is asked."""
    return Place(Service.SECRETS_MANAGER, region, role)


async def test_the_functions_own_region_has_clients_from_the_beginning(
    aws: FakeAws, source: AwsClients
) -> None:
    """Under its name and under none; those of other regions and roles are built and kept."""
    own = source._own[Service.SECRETS_MANAGER]
    role = "arn:aws:iam::111122223333:role/r"
    for at in (place(), place(source.region)):
        with source._client(at) as client:
            assert client is own
    for at in (place("us-east-1"), place(role=role), place("us-east-1", role)):
        with source._client(at) as client:
            assert client is not own
            assert client.botocore.meta.region_name == (at.region or source.region)
        with source._client(at) as again:
            assert again is client


def limits(deadline_s: float) -> tuple[float, float]:
    """Return how long a client may connect and read."""
    environ = {"AWS_REGION": "eu-west-1"}
    clients = clients_of(environ, deadline_s=deadline_s, connections=3)
    [config, _] = [each.botocore.meta.config for each in clients._own.values()]
    return config.connect_timeout, config.read_timeout


@pytest.mark.parametrize(("deadline_s", "connect_s"), [(5.0, 0.6), (0.5, 0.5)])
def test_connecting_takes_no_longer_than_the_call(deadline_s: float, connect_s: float) -> None:
    """Nor longer than AWS's endpoints, which are near, ever take."""
    assert limits(deadline_s)[0] == connect_s


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_that_is_none_is_named_by_its_variable(variable: str) -> None:
    """It would become part of a host name."""
    environ = {variable: "evil.example.com/"}
    with pytest.raises(SettingError, match=f"^{variable} is not the name of a region$"):
        clients_of(environ)


async def test_an_unusable_endpoint_does_not_affect_the_other_service(aws: FakeAws) -> None:
    """Its calls are refused with the variable to correct."""
    environ = {**aws.environment, "AWS_ENDPOINT_URL_SECRETS_MANAGER": "h:1"}
    clients = clients_of(environ)
    assert list(clients._own) == [Service.SSM]
    with pytest.raises(UpstreamError) as raised:
        clients.call(_call())
    error = raised.value
    assert (error.code, error.service, error.transient) == (NOT_OPEN, "Secrets Manager", False)
    assert error.reason.startswith("AWS_ENDPOINT_URL_SECRETS_MANAGER")


async def test_closing_closes_every_client(aws: FakeAws, source: AwsClients) -> None:
    """Those of other places, too."""
    with source._client(place("us-east-1")):
        pass
    with source._sts.use("us-east-1"):
        pass
    source.close()
    assert (len(source._others), len(source._sts)) == (0, 0)


async def test_a_role_that_cannot_be_assumed_without_a_connection_says_so(
    aws: FakeAws,
) -> None:
    """Its policy is not at fault then, and STS has refused nothing."""
    environ = {**aws.environment, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}
    clients = clients_of(environ)
    call = Call(
        service=Service.SECRETS_MANAGER,
        operation="GetSecretValue",
        name="n",
        arguments={"SecretId": "n"},
        role="arn:aws:iam::111122223333:role/r",
    )
    with pytest.raises(UpstreamError) as raised:
        await asyncio.to_thread(clients.call, call)
    clients.close()
    assert raised.value.reason.startswith("no connection to 127.0.0.1: ")
    assert aws.requests == []
