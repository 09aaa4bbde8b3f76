"""What the function's own SDK is set up with does not reach the cache's clients."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import botocore
import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from extension.settings.config import read_config
from tests.certificates import write_certificate
from tests.fake_aws import FakeAws
from tests.running_cache import RunningCache

NONSENSE = "nonsense"

READ_HERE = [
    "ALL_PROXY",
    "AWS_CA_BUNDLE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_SECURITY_TOKEN",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
]
"""Variables that the clients are built from, beside those that the fake needs itself."""

NEEDED = {
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
}
"""Those that the fake needs."""

NAMED = re.compile(r"""['"]((?:AWS|BOTO|BOTOCORE)_[A-Z0-9_]+)['"]""")
"""A variable in botocore's source."""


def of_the_functions_sdk() -> list[str]:
    """Return every variable that botocore reads and the cache has no use for."""
    declared = (names for _, names, _, _ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values() if names)
    found = {name for names in declared for name in ([names] if isinstance(names, str) else names)}
    for path in Path(botocore.__file__).parent.rglob("*.py"):
        found.update(NAMED.findall(path.read_text("utf-8")))
    assert len(found) > 50
    return sorted(found - NEEDED - set(READ_HERE))


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """Both services, with a secret and a parameter."""
    async with FakeAws() as fake:
        fake.put_secret("n", "s")
        fake.put_parameter("p", "v")
        yield fake


@asynccontextmanager
async def refusing_proxy() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Give a proxy's URL and the lines that ask it to connect; it answers each with a refusal."""
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


async def serves_both(environ: dict[str, str]) -> bool:
    """Tell whether a cache with this environment serves both services."""
    async with RunningCache(environ) as cache:
        statuses = [(await cache.secret("secretId=n")).status]
        statuses.append((await cache.parameter("name=p")).status)
        return statuses == [200, 200] and cache.log.messages == []


@pytest.mark.parametrize("value", ["", NONSENSE])
@pytest.mark.parametrize("variable", of_the_functions_sdk())
async def test_the_functions_settings_do_no_harm(
    aws: FakeAws, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they say, in the process's environment or in ours, GETs are answered."""
    monkeypatch.setenv(variable, value)
    assert await serves_both({**aws.environment, variable: value})


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize("variable", READ_HERE)
async def test_an_empty_variable_is_unset(
    aws: FakeAws, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Templates often leave one empty, and none of ours means anything then."""
    monkeypatch.setenv(variable, value)
    assert await serves_both({**aws.environment, variable: value})


async def test_an_empty_general_endpoint_is_unset(aws: FakeAws) -> None:
    """The endpoints of the services count, as if it were not there."""
    named = {
        "AWS_ENDPOINT_URL": "",
        "AWS_ENDPOINT_URL_SSM": aws.url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f" {aws.url} ",
    }
    assert await serves_both({**aws.environment, **named})


@pytest.mark.parametrize("bad", ["localhost:4566", "http://", "http://h:x", "h", "http://a b"])
async def test_a_bad_endpoint_costs_its_own_service(aws: FakeAws, bad: str) -> None:
    """The other one is served, AWS itself is not asked instead, and a line names the variable."""
    async with RunningCache({**aws.environment, "AWS_ENDPOINT_URL_SSM": bad}) as cache:
        assert (await cache.secret("secretId=n")).status == 200
        refused = await cache.parameter("name=p", accept="application/json")
        [problem] = map(str, cache.problems)
    assert refused.status == 400
    assert "AWS_ENDPOINT_URL_SSM" in refused.json["error"]["message"]
    assert problem.startswith("AWS_ENDPOINT_URL_SSM = ")
    assert "http:// or https:// URL" in problem


async def test_configured_endpoints_can_be_ignored(aws: FakeAws) -> None:
    """`AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` leads to AWS's own, here by a proxy that refuses."""
    async with refusing_proxy() as (proxy, heads):
        ignoring = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "HTTPS_PROXY": proxy}
        async with RunningCache({**aws.environment, **ignoring}) as cache:
            assert (await cache.secret("secretId=n")).status == 400
    assert aws.requests == []
    assert heads[0].startswith(b"CONNECT secretsmanager.eu-central-1.amazonaws.com:443 ")


async def test_a_proxy_is_not_used_for_hosts_that_are_excepted(aws: FakeAws) -> None:
    """`NO_PROXY` is held against the host that is asked."""
    async with refusing_proxy() as (proxy, heads):
        named = {
            "HTTPS_PROXY": proxy,
            "NO_PROXY": ".excepted.invalid",
            "AWS_ENDPOINT_URL_SSM": "https://ssm.excepted.invalid",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://secrets.invalid",
            "SSM_PARAMETER_STORE_TIMEOUT_MILLIS": "100",
        }
        async with RunningCache({**aws.environment, **named}) as cache:
            await cache.parameter("name=p")
            await cache.secret("secretId=n")
    assert {head.split(b" ")[1] for head in heads} == {b"secrets.invalid:443"}


async def test_no_metadata_service_is_asked(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """`AWS_DEFAULTS_MODE=auto` has no effect here: no metadata service is asked."""
    asked: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("AWS_DEFAULTS_MODE", "auto")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)
        assert await serves_both(aws.environment)
    assert asked == []


async def test_no_file_is_read(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Broken files in the home folder are the function's own trouble."""
    (tmp_path / ".aws").mkdir()
    for name in ("config", "credentials"):
        (tmp_path / ".aws" / name).write_text("[broken\n=")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert await serves_both(aws.environment)


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
async def test_authorities_are_taken_from_each_usual_variable(
    aws: FakeAws, variable: str, tmp_path: Path
) -> None:
    """An https endpoint of an authority of the user's own is trusted, and without it is not."""
    trusted, tls = write_certificate(tmp_path)
    async with await asyncio.start_server(
        partial(_forward, aws.url), "127.0.0.1", 0, ssl=tls
    ) as server:
        secure = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        environ = {**aws.environment, "AWS_ENDPOINT_URL": secure}
        assert await serves_both({**environ, variable: str(trusted)})
        assert not await serves_both(environ)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_unusable_file_of_authorities_is_named(
    aws: FakeAws, content: str | None, tmp_path: Path
) -> None:
    """A line has the variable, not its value, and what botocore trusts by itself is trusted."""
    bundle = tmp_path / "authorities.pem"
    if content:
        bundle.write_text(content)
    environ = {**aws.environment, "AWS_CA_BUNDLE": str(bundle)}
    assert await serves_both(environ)
    [problem] = map(str, read_config(environ)[1])
    assert problem.startswith(f"AWS_CA_BUNDLE = ({len(str(bundle))} characters, not shown)")
    assert problem.endswith("allowed: a PEM file that can be read")


async def _forward(url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass one connection on to a plain endpoint."""
    parts = urlsplit(url)
    inner_reader, inner_writer = await asyncio.open_connection(parts.hostname, parts.port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                sink.write(data)
        sink.close()

    with suppress(ConnectionError):
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
