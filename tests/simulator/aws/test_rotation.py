"""Keys from a container's credentials endpoint, rotated while requests are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from botocore.credentials import ContainerProvider

from simulator.aws.endpoints import AccessKey, AwsEndpoints
from tests.credentials_endpoint import CredentialsEndpoint
from tests.simulator.aws.messages import span, spans
from tests.simulator.aws.signed import Response, Signed
from tests.waiting import until

OLD = AccessKey()
NEW = AccessKey(key_id="ASIANEW", secret="new-secret", token="new-token")


@pytest.fixture
async def credentials() -> AsyncIterator[CredentialsEndpoint]:
    """The endpoint, which hands out the old key."""
    async with CredentialsEndpoint(token="unused", authorization="secret") as endpoint:
        endpoint.hand_out(OLD)
        yield endpoint


async def fetched(endpoint: CredentialsEndpoint) -> AccessKey:
    """Fetch a key as botocore does."""

    def fetch() -> AccessKey:
        loaded = ContainerProvider(environ=endpoint.environment).load()
        key_id, secret, token = loaded.get_frozen_credentials()[:3]
        return AccessKey(key_id=key_id, secret=secret, token=token)

    return await asyncio.to_thread(fetch)


async def sent(aws: AwsEndpoints, key: AccessKey) -> Response:
    """Send a span signed with a key."""
    url = "https://xray.eu-central-1.amazonaws.com/v1/traces"
    return await Signed(url=url, body=spans(span()).SerializeToString(), key=key).send(aws.url)


async def test_rotation(aws: AwsEndpoints, credentials: CredentialsEndpoint) -> None:
    """A sender with the old key is refused; the key that it fetches then is accepted."""
    held = await fetched(credentials)
    before = await sent(aws, held)
    aws.keys.rotate(NEW)
    credentials.hand_out(NEW)

    assert before.status == 200
    assert (await sent(aws, held)).error == "ExpiredTokenException"
    assert (await sent(aws, await fetched(credentials))).status == 200


async def test_endpoint_that_is_behind(aws: AwsEndpoints, credentials: CredentialsEndpoint) -> None:
    """The endpoint may hand out a key once more that AWS has ended already."""
    aws.keys.rotate(NEW)
    credentials.hand_out(OLD, NEW)
    errors = [(await sent(aws, await fetched(credentials))).status for _ in range(3)]

    assert errors == [403, 200, 200]


async def test_endpoint_that_is_slow(credentials: CredentialsEndpoint) -> None:
    """An answer can be held back; the key is then the one of that moment."""
    credentials.held = asyncio.Event()
    fetching = asyncio.create_task(fetched(credentials))
    await until(lambda: credentials.requests)
    credentials.hand_out(NEW)
    credentials.held.set()

    assert await fetching == NEW
