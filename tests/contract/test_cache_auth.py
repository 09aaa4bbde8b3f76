"""Auth: the token first, then the way the request came."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from extension.process.clock import NS_PER_S, SystemClock
from tests.contract.conftest import Serve
from tests.credentials_endpoint import FAR_FUTURE, CredentialsEndpoint
from tests.fake_aws import FakeAws, Fault
from tests.running_cache import GET_SECRET, TOKEN_HEADER, RunningCache

UNAUTHORIZED = b"bad session token or header key"


@pytest.mark.parametrize("token", ["", "wrong", "fake-session-token2", "fake-session-toke", "ü"])
async def test_missing_or_wrong_token(aws: FakeAws, cache: RunningCache, token: str) -> None:
    """401 exactly as recorded from AWS's extension."""
    answer = await cache.secret("secretId=n", token=token)
    assert (answer.status, answer.body) == (401, UNAUTHORIZED)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert answer.headers["Content-Length"] == "31"
    assert aws.requests == []


async def test_empty_token_header(cache: RunningCache) -> None:
    """An empty header is no token."""
    answer = await cache.get(f"{GET_SECRET}?secretId=n", token="", **{TOKEN_HEADER: ""})
    assert answer.status == 401


async def test_sandbox_without_any_token_admits_nobody(serve: Serve) -> None:
    """No session token in the environment: an empty one is not it."""
    cache = await serve(AWS_SESSION_TOKEN="")
    assert (await cache.secret("secretId=n")).status == 401
    answer = await cache.get(f"{GET_SECRET}?secretId=n", token="", **{TOKEN_HEADER: ""})
    assert answer.status == 401


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/nope"), ("POST", "/secretsmanager"), ("HEAD", GET_SECRET)]
)
async def test_token_comes_before_path_and_method(
    cache: RunningCache, method: str, target: str
) -> None:
    """Without a token an unknown path or a wrong method says 401 too."""
    assert (await cache.request(method, target, token="")).status == 401


@pytest.mark.parametrize("spelled", [TOKEN_HEADER.lower(), TOKEN_HEADER.upper()])
async def test_header_name_in_any_case(cache: RunningCache, spelled: str) -> None:
    """HTTP header names have no case."""
    answer = await cache.get(f"{GET_SECRET}?secretId=n", token="", **{spelled: cache.token})
    assert answer.status == 200


async def test_longest_tokens_are_accepted(serve: Serve) -> None:
    """Session tokens have one or two kilobytes."""
    cache = await serve(AWS_SESSION_TOKEN="t" * 4096)
    assert (await cache.secret("secretId=n")).status == 200


async def test_forwarded_requests_are_refused(aws: FakeAws, cache: RunningCache) -> None:
    """X-Forwarded-For with a good token says 400: somebody's proxy brought it."""
    answer = await cache.secret("secretId=n", X_Forwarded_For="10.0.0.1")
    assert answer.status == 400
    assert aws.requests == []


@pytest.mark.parametrize(
    "host", ["evil.com", "evil.com:2773", "localhost.evil.com", "169.254.169.254", "[::2]:1"]
)
async def test_foreign_hosts_are_refused(aws: FakeAws, cache: RunningCache, host: str) -> None:
    """A name other than localhost means that DNS was rebound to it."""
    assert (await cache.secret("secretId=n", Host=host)).status == 400
    assert aws.requests == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:2773", "127.0.0.1:2773", "[::1]", "[::1]:2773"]
)
async def test_names_of_this_machine(cache: RunningCache, host: str) -> None:
    """Whatever name a client uses for loopback."""
    assert (await cache.secret("secretId=n", Host=host)).status == 200


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
async def test_both_loopbacks_answer(aws: FakeAws, family: socket.AddressFamily) -> None:
    """Node resolves localhost to ::1 first, others to 127.0.0.1."""
    async with RunningCache(aws.environment, family=family) as cache:
        assert (await cache.secret("secretId=n")).status == 200


def _container(endpoint: CredentialsEndpoint) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SESSION_TOKEN": "",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-authorization",
    }


async def test_tokens_of_the_container_endpoint(serve: Serve) -> None:
    """SnapStart: the SDK's token is accepted; after a rotation the new one, for a while both."""
    async with CredentialsEndpoint(token="first", authorization="container-authorization") as end:
        cache = await serve(**_container(end))
        assert (await cache.secret("secretId=n", token="first")).status == 200
        end.token = "second"
        cache.clock.advance(2)
        assert (await cache.secret("secretId=n", token="second")).status == 200
        assert (await cache.secret("secretId=n", token="first")).status == 200
        cache.clock.advance(3600)
        assert (await cache.secret("secretId=n", token="first")).status == 401
        assert (await cache.secret("secretId=n", token="second")).status == 200


async def test_container_authorization_token_is_accepted(serve: Serve) -> None:
    """Clients of AWS's agent send it under SnapStart."""
    async with CredentialsEndpoint(token="t", authorization="container-authorization") as end:
        cache = await serve(**_container(end))
        answer = await cache.secret("secretId=n", token="container-authorization")
        assert answer.status == 200


async def test_wrong_tokens_do_not_flood_the_container_endpoint(serve: Serve) -> None:
    """It is asked at most once a second, whatever comes in."""
    async with CredentialsEndpoint(token="t", authorization="container-authorization") as end:
        cache = await serve(**_container(end))
        for _ in range(5):
            assert (await cache.secret("secretId=n", token="wrong")).status == 401
        assert end.requests == 1
        cache.clock.advance(2)
        assert (await cache.secret("secretId=n", token="wrong")).status == 401
        assert end.requests == 2


@pytest.mark.parametrize("trouble", [500, 0], ids=["error", "rubbish"])
async def test_container_endpoint_in_trouble(serve: Serve, trouble: int) -> None:
    """401 for an unknown token, and the process lives."""
    async with CredentialsEndpoint(token="t", authorization="container-authorization") as end:
        cache = await serve(**_container(end))
        end.status = trouble
        assert (await cache.secret("secretId=n", token="t")).status == 401
        assert "credentials could not be renewed" in cache.log.messages
        end.status = 200
        cache.clock.advance(2)
        assert (await cache.secret("secretId=n", token="t")).status == 200


@pytest.mark.parametrize("token", [None, 5, ""])
async def test_container_endpoint_without_a_token(serve: Serve, token: object) -> None:
    """401 for a wrong token as ever; credentials without a session token are good for AWS."""
    async with CredentialsEndpoint(token="t", authorization="container-authorization") as end:
        end.more["Token"] = token
        cache = await serve(**_container(end))
        answer = await cache.secret("secretId=n", token="wrong")
        assert (answer.status, answer.body) == (401, UNAUTHORIZED)
        assert cache.log.messages == []


async def test_credentials_are_renewed_before_they_expire(serve: Serve) -> None:
    """Nothing is fetched before the first call, then again when five minutes are left."""
    soon = datetime.fromtimestamp(SystemClock().now().wall_ns / NS_PER_S + 300, UTC)
    async with CredentialsEndpoint(
        token="t", authorization="container-authorization", expires=soon.isoformat()
    ) as end:
        cache = await serve(**_container(end))
        token = "container-authorization"
        assert end.requests == 0
        assert (await cache.secret("secretId=n", token=token)).status == 200
        end.expires = FAR_FUTURE
        assert (await cache.parameter("name=/a/b", token=token)).status == 200
        renewed = end.requests
        assert renewed >= 2
        assert (await cache.parameter("name=/a/secure", token=token)).status == 200
        assert end.requests == renewed


async def test_expired_credentials_are_an_error_until_they_are_renewed(serve: Serve) -> None:
    """The endpoint may hand out what has expired; the next call asks it again."""
    async with CredentialsEndpoint(
        token="t", authorization="container-authorization", expires="2020-01-01T00:00:00Z"
    ) as end:
        cache = await serve(**_container(end))
        token = "container-authorization"
        assert (await cache.secret("secretId=n", token=token)).status == 400
        end.expires = FAR_FUTURE
        assert (await cache.secret("secretId=n", token=token)).status == 200


@pytest.mark.parametrize("code", ["ExpiredTokenException", "ExpiredToken"])
async def test_expired_credentials_of_the_container_endpoint_are_fetched_again(
    aws: FakeAws, serve: Serve, code: str
) -> None:
    """A sandbox that slept for hours holds old ones, whatever they say of their end."""
    async with CredentialsEndpoint(token="t", authorization="container-authorization") as end:
        cache = await serve(**_container(end))
        token = "container-authorization"
        assert (await cache.secret("secretId=n", token=token)).status == 200
        assert end.requests == 1
        aws.faults.append(Fault(code=code, message="The security token has expired"))
        assert (await cache.secret("secretId=n&refresh=true", token=token)).cache == "REFRESH"
        assert (end.requests, len(aws.requests)) == (2, 3)


async def test_expired_credentials_that_cannot_be_renewed_leave_the_value(
    aws: FakeAws, serve: Serve
) -> None:
    """It is trouble with our credentials, not AWS's word on who may read the secret."""
    async with CredentialsEndpoint(token="t", authorization="container-authorization") as end:
        cache = await serve(**_container(end))
        token = "container-authorization"
        await cache.secret("secretId=n", token=token)
        cache.clock.advance(400)
        aws.fault = lambda _: Fault(code="ExpiredTokenException")
        assert (await cache.secret("secretId=n", token=token)).cache == "STALE"
        cache.clock.advance(10)
        end.status = 500
        assert (await cache.secret("secretId=n", token=token)).cache == "STALE"
