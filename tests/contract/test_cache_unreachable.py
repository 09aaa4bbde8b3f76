"""An AWS that cannot be reached is reported before a function of the default timeout ends."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from extension.aws import clients
from extension.aws.client_builder import ATTEMPTS, CONNECT_S, RECONNECT_PAUSE_S
from extension.aws.clients import AwsClients
from extension.aws.connecting import Address, Connector, Resolve
from extension.aws.credentials import SandboxCredentials
from extension.parameters.lazy_clients import deadlines_s, threads
from extension.settings.config import read_config
from tests.blackholes import full_backlog
from tests.certificates import write_certificate
from tests.fake_aws import FakeAws
from tests.running_cache import PATIENT, RunningCache
from tests.waiting import PATIENCE_S

NAME = "http://ssm.name.test"
LAMBDAS_DEFAULT_S = 3.0


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give connections the time that they have in a sandbox: what never answers has to be ended."""
    monkeypatch.setattr(clients, "CONNECT_S", CONNECT_S)


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """Both services, with secrets."""
    async with FakeAws() as fake:
        for name in "abcdefgh":
            fake.put_secret(name, "s")
        yield fake


@pytest.fixture
def blackholes() -> Iterator[list[tuple[str, int]]]:
    """Eight addresses that answer no SYN."""
    with ExitStack() as stack:
        yield [("127.0.0.1", stack.enter_context(full_backlog())) for _ in range(8)]


def opening(environ: dict[str, str], resolve: Resolve) -> Callable[[], AwsClients]:
    """Return what opens the clients with a resolver of its own."""
    config = read_config(environ)[0].parameters
    return lambda: AwsClients(
        environ,
        credentials=SandboxCredentials(environ),
        deadline_s=deadlines_s(config),
        connections=threads(config),
        connector=Connector(resolve=resolve),
    )


@asynccontextmanager
async def cache_with(environ: dict[str, str], resolve: Resolve) -> AsyncIterator[RunningCache]:
    """Run a cache whose endpoints have a name that `resolve` knows."""
    named = {**PATIENT, **environ, "AWS_ENDPOINT_URL": NAME}
    async with RunningCache(named, open_source=opening(named, resolve)) as cache:
        yield cache


def listing(addresses: list[tuple[str, int]]) -> Resolve:
    """Return a resolver of one name."""

    def resolve(*_: Any) -> list[Address]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", each) for each in addresses]

    return resolve


def test_three_attempts_to_connect_leave_a_function_of_the_default_timeout_time() -> None:
    """It gets the answer a second before Lambda ends it."""
    assert ATTEMPTS * CONNECT_S + (ATTEMPTS - 1) * RECONNECT_PAUSE_S <= LAMBDAS_DEFAULT_S - 1


@pytest.mark.usefixtures("limited")
async def test_addresses_that_do_not_answer_are_given_up_together(
    aws: FakeAws, blackholes: list[tuple[str, int]]
) -> None:
    """However many a name has: the report comes before the deadline of the call."""
    in_turn_s = ATTEMPTS * CONNECT_S * len(blackholes)
    deadline = {"SECRETS_MANAGER_TIMEOUT_MILLIS": str(round(in_turn_s * 1000))}
    async with cache_with({**aws.environment, **deadline}, listing(blackholes)) as cache:
        answer = await cache.secret("secretId=a", accept="application/json")
    assert answer.headers["x-amzn-errortype"] == "ConnectTimeoutError"
    reason = answer.json["error"]["message"]
    expected = "no connection to ssm.name.test: no address answered; AWS_ENDPOINT_URL names it"
    assert reason == expected
    (line,) = cache.log.parsed
    assert (line["attempts"], line["reason"]) == (ATTEMPTS, reason)


@pytest.mark.usefixtures("limited")
async def test_regions_that_do_not_answer_are_given_up_one_after_the_other(
    aws: FakeAws, blackholes: list[tuple[str, int]]
) -> None:
    """Each is tried once: the next region is the next attempt, so three take as long as one."""
    replicas = {"DISPATCH_SECRETS_REGIONS": "eu-west-1,us-east-1,us-west-2"}
    async with cache_with({**aws.environment, **replicas}, listing(blackholes)) as cache:
        answer = await cache.secret("secretId=a")
    assert answer.headers["x-amzn-errortype"] == "ConnectTimeoutError"
    assert [(line["region"], line["attempts"]) for line in cache.log.parsed] == [
        ("eu-west-1", 1),
        ("us-east-1", 1),
        ("us-west-2", 1),
    ]


async def test_without_a_route_to_aws_the_remedy_is_a_route(aws: FakeAws) -> None:
    """No setting is at fault where a function in a VPC asks AWS's own endpoints."""
    environ = {**aws.environment, **PATIENT, "AWS_ENDPOINT_URL": ""}

    def resolve(*_: Any) -> list[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with RunningCache(environ, open_source=opening(environ, resolve)) as cache:
        assert (await cache.secret("secretId=a")).status == 400
    (line,) = cache.log.parsed
    assert line["reason"] == (
        "no connection to secretsmanager.eu-central-1.amazonaws.com: Name or service not known; "
        "check the region's name; a function in a VPC needs a NAT gateway or a VPC endpoint to"
        " reach AWS"
    )


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
async def test_a_region_that_is_none_is_named(aws: FakeAws, variable: str) -> None:
    """No host can be made of it."""
    environ = {**aws.environment, "AWS_REGION": "", variable: "eu central"}
    async with RunningCache(environ) as cache:
        answer = await cache.secret("secretId=a", accept="application/json")
    assert f"{variable} is not the name of a region" in answer.json["error"]["message"]


async def test_one_address_that_answers_is_enough(
    aws: FakeAws, blackholes: list[tuple[str, int]]
) -> None:
    """The value comes from the last one of nine."""
    alive = urlsplit(aws.url)
    assert alive.hostname
    assert alive.port
    addresses = [*blackholes, (alive.hostname, alive.port)]
    async with cache_with(aws.environment, listing(addresses)) as cache:
        assert (await cache.secret("secretId=a")).status == 200


@pytest.mark.usefixtures("limited")
async def test_a_resolver_that_hangs_is_not_waited_for(aws: FakeAws) -> None:
    """The system's resolver takes ten seconds and more when no server answers."""
    released = threading.Event()

    def resolve(*_: Any) -> list[Address]:
        released.wait(PATIENCE_S)
        return []

    try:
        async with cache_with(aws.environment, resolve) as cache:
            answer = await cache.secret("secretId=a", accept="application/json")
    finally:
        released.set()
    assert answer.headers["x-amzn-errortype"] == "ConnectTimeoutError"
    assert "the name was not resolved; " in answer.json["error"]["message"]


@pytest.mark.usefixtures("limited")
async def test_callers_that_wait_for_a_connection_are_told_with_the_first(
    aws: FakeAws, blackholes: list[tuple[str, int]]
) -> None:
    """Eight GETs share three connections; none finds out for itself what the first three did."""
    async with cache_with(aws.environment, listing(blackholes)) as cache:
        answers = await asyncio.gather(*(cache.secret(f"secretId={each}") for each in "abcdefgh"))
    assert {each.headers["x-amzn-errortype"] for each in answers} == {"ConnectTimeoutError"}
    attempts = [line["attempts"] for line in cache.log.parsed]
    assert attempts.count(ATTEMPTS) <= 3


async def test_an_outage_ends_for_those_who_come_after_it(aws: FakeAws) -> None:
    """What a call found out holds for those that waited with it, not for later ones."""
    alive = urlsplit(aws.url)
    refused = [("127.0.0.1", 1)]
    addresses = list(refused)

    def resolve(*_: Any) -> list[Address]:
        return list(listing(addresses)())

    async with cache_with(aws.environment, resolve) as cache:
        assert (await cache.secret("secretId=a")).status == 400
        assert alive.port
        addresses[:] = [("127.0.0.1", alive.port)]
        assert (await cache.secret("secretId=a")).status == 200


@pytest.mark.usefixtures("limited")
async def test_a_handshake_that_hangs_is_a_connection_that_failed(aws: FakeAws) -> None:
    """The port accepts and says nothing, as some firewalls do."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}"
        async with RunningCache({**aws.environment, "AWS_ENDPOINT_URL": endpoint}) as cache:
            answer = await cache.secret("secretId=a", accept="application/json")
    assert answer.headers["x-amzn-errortype"] == "ConnectTimeoutError"


async def test_a_certificate_that_is_not_trusted_is_explained(aws: FakeAws, tmp_path: Path) -> None:
    """Cause and remedy are in the line."""
    _, tls = write_certificate(tmp_path)

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0, ssl=tls) as server:
        endpoint = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with RunningCache({**aws.environment, "AWS_ENDPOINT_URL": endpoint}) as cache:
            assert (await cache.secret("secretId=a")).status == 400
    (line,) = cache.log.parsed
    assert line["code"] == "SSLError"
    assert line["reason"].startswith("no TLS with 127.0.0.1: ")
    assert "certificate" in line["reason"]
    assert "AWS_CA_BUNDLE" in line["reason"]


async def test_a_damaged_file_of_authorities_is_explained(aws: FakeAws, tmp_path: Path) -> None:
    """OpenSSL has but a number of a line of its source for that."""
    bundle = tmp_path / "authorities.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}"
        named = {"AWS_ENDPOINT_URL": endpoint, "AWS_CA_BUNDLE": str(bundle)}
        async with RunningCache({**aws.environment, **named}) as cache:
            assert (await cache.secret("secretId=a")).status == 400
    (line,) = cache.log.parsed
    assert line["code"] == "SSLError"
    assert line["reason"] == (
        "the file that AWS_CA_BUNDLE, else REQUESTS_CA_BUNDLE, else SSL_CERT_FILE names holds no "
        "certificate"
    )


async def test_a_proxy_that_refuses_is_explained_without_its_password(aws: FakeAws) -> None:
    """The line names the variables, not what stands in them."""
    environ = {
        **aws.environment,
        "AWS_ENDPOINT_URL": "https://secrets.test",
        "HTTPS_PROXY": "http://user:hunter2@127.0.0.1:1",
    }
    async with RunningCache(environ) as cache:
        answer = await cache.secret("secretId=a", accept="application/json")
    (line,) = cache.log.parsed
    assert line["code"] == "ProxyConnectionError"
    assert "Connection refused" in line["reason"]
    assert "HTTPS_PROXY" in line["reason"]
    assert b"hunter2" not in answer.body + str(cache.log.parsed).encode()


async def test_a_proxy_that_is_no_url_is_named(aws: FakeAws) -> None:
    """Both services need it, and are not asked around it."""
    environ = {
        **aws.environment,
        "AWS_ENDPOINT_URL": "https://secrets.test",
        "HTTPS_PROXY": "socks5://user:hunter2@proxy.test:1080",
    }
    async with RunningCache(environ) as cache:
        answer = await cache.secret("secretId=a")
    (line,) = cache.log.parsed
    assert answer.status == 400
    assert line["reason"] == "HTTPS_PROXY is not an http:// or https:// URL of a proxy"
