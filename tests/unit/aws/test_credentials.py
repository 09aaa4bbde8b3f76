"""Session tokens of the container endpoint, kept by many threads at once."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from botocore.exceptions import CredentialRetrievalError

from extension.aws.credentials import MAX_TOKENS, SandboxCredentials
from tests.credentials_endpoint import CredentialsEndpoint

TOGETHER_S = 0.5


class SlowTokens(deque[str]):
    """Tokens between whose look-up and removal another thread gets its turn, if it may."""

    def __init__(self) -> None:
        super().__init__(["t"], MAX_TOKENS)
        self.have_met = False
        self._together = threading.Barrier(2)

    def __contains__(self, token: object) -> bool:
        """Tell whether it is one, once another thread has asked, too, or cannot."""
        found = super().__contains__(token)
        try:
            self._together.wait(TOGETHER_S)
            self.have_met = True
        except threading.BrokenBarrierError:
            pass  # it is kept out
        return found


def test_threads_that_keep_the_same_token_do_not_interfere() -> None:
    """Several worker threads may renew the credentials at the same time."""
    credentials = SandboxCredentials({})
    credentials._tokens = tokens = SlowTokens()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(credentials._keep_token, ["t", "t"]))
    assert not tokens.have_met
    assert credentials.renewed_tokens() == ("t",)


KEYS = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}


@pytest.mark.parametrize(
    ("environ", "token"),
    [
        (KEYS, None),
        ({**KEYS, "AWS_SESSION_TOKEN": " t "}, "t"),
        ({**KEYS, "AWS_SECURITY_TOKEN": "older"}, "older"),
        ({**KEYS, "AWS_SESSION_TOKEN": "t", "AWS_SECURITY_TOKEN": "older"}, "t"),
    ],
)
def test_credentials_of_the_environment(environ: dict[str, str], token: str | None) -> None:
    """They win over the endpoint, and cannot be renewed; an empty token is none."""
    credentials = SandboxCredentials(
        {**environ, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"}
    )
    found = credentials.load_credentials()
    assert found is not None
    assert (found.access_key, found.secret_key, found.token) == ("k", "s", token)
    assert not credentials.are_renewable
    credentials.expire(since=0)
    assert not credentials.are_renewable


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "k"},
        {"AWS_SECRET_ACCESS_KEY": "s"},
        {**KEYS, "AWS_ACCESS_KEY_ID": " "},
    ],
)
def test_without_a_source_there_are_none(environ: dict[str, str]) -> None:
    """Half of a pair is no source."""
    assert SandboxCredentials(environ).load_credentials() is None
    assert SandboxCredentials(environ).renewed_tokens() == ()


def test_a_relative_uri_is_on_the_hosts_own_address() -> None:
    """As the container endpoints of ECS have it; the full one wins."""
    relative = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/c"}
    assert SandboxCredentials(relative)._uri() == "http://169.254.170.2/v2/c"
    full = {**relative, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/x"}
    assert SandboxCredentials(full)._uri() == "http://127.0.0.1:1/x"


@asynccontextmanager
async def fetching(
    **endpoint: Any,
) -> AsyncIterator[tuple[SandboxCredentials, CredentialsEndpoint, list[tuple[str, str]]]]:
    """Give credentials of an endpoint, and the secrets that they report."""
    secrets: list[tuple[str, str]] = []
    async with CredentialsEndpoint(token="one", authorization="a", **endpoint) as found:
        credentials = SandboxCredentials(
            found.environment, on_secret=lambda *each: secrets.append(each)
        )
        yield credentials, found, secrets


def token_of(credentials: SandboxCredentials) -> str:
    """Return the token that the next request is signed with; may ask the endpoint."""
    found = credentials.load_credentials()
    assert found is not None
    return str(found.get_frozen_credentials().token)


async def test_nothing_is_fetched_before_a_request_is_signed() -> None:
    """And once for all requests, until the credentials expire."""
    async with fetching() as (credentials, endpoint, secrets):
        found = credentials.load_credentials()
        assert (endpoint.requests, credentials.are_renewable, credentials.renewals) == (0, True, 0)
        for _ in range(2):
            assert await asyncio.to_thread(token_of, credentials) == "one"
        assert credentials.load_credentials() is found
    assert (endpoint.requests, credentials.renewals) == (1, 1)
    assert secrets == [("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_SESSION_TOKEN", "one")]


async def test_credentials_that_aws_calls_expired_are_fetched_again() -> None:
    """Once, although several requests were refused: those of before count no longer."""
    async with fetching() as (credentials, endpoint, _):
        await asyncio.to_thread(token_of, credentials)
        endpoint.token = "two"
        for _ in range(2):
            credentials.expire(since=1)
            assert await asyncio.to_thread(token_of, credentials) == "two"
    assert (endpoint.requests, credentials.renewals) == (2, 2)


async def test_the_last_four_tokens_are_kept() -> None:
    """The newest last, each once."""
    async with fetching() as (credentials, endpoint, _):
        tokens: tuple[str, ...] = ()
        for endpoint.token in ("1", "2", "3", "2", "4", "5"):
            tokens = await asyncio.to_thread(credentials.renewed_tokens)
        assert tokens == ("3", "2", "4", "5")
        credentials.forget()
        assert not credentials.are_renewable
        endpoint.token = "6"
        assert await asyncio.to_thread(credentials.renewed_tokens) == ("6",)


@pytest.mark.parametrize("more", [{"Token": ""}, {"Token": None}, {"Token": 7}])
async def test_a_token_that_is_no_text_is_not_accepted(more: dict[str, object]) -> None:
    """A GET without a token would have it."""
    async with fetching(more=more) as (credentials, _, secrets):
        assert await asyncio.to_thread(credentials.renewed_tokens) == ()
    assert ("AWS_SECRET_ACCESS_KEY", "secret") in secrets


async def test_an_endpoint_that_says_something_else() -> None:
    """An answer without the fields is an error of botocore's, which names no value."""
    async with fetching(status=0) as (credentials, _, _secrets):
        with pytest.raises(CredentialRetrievalError):
            await asyncio.to_thread(credentials.renewed_tokens)


async def test_an_endpoint_without_authorization() -> None:
    """No header is sent where the environment has none."""
    async with fetching() as (_, endpoint, _secrets):
        bare = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url}
        with pytest.raises(CredentialRetrievalError):
            await asyncio.to_thread(SandboxCredentials(bare).renewed_tokens)
        assert endpoint.requests == 0
