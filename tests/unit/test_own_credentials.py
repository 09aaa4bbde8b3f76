"""The credentials of the process itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from extension.aws.call import Call, Service
from extension.own_credentials import OwnCredentials
from extension.settings.parameters import ParametersConfig
from tests.credentials_endpoint import CredentialsEndpoint
from tests.doubles import ManualClock
from tests.fake_aws import FakeAws

AUTHORIZATION = "authorization"
STATIC = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


@pytest.fixture(autouse=True)
def made_private(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How often memory was made private, which would concern the tests' own process."""
    made: list[bool] = []
    monkeypatch.setattr(
        "extension.process.private_memory.keep_memory_private", lambda: made.append(True)
    )
    return made


class Own:
    """Credentials of a process, and the secrets that they reported."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.secrets: list[tuple[str, str]] = []
        self.credentials = OwnCredentials(environ, on_secret=self._report, clock=ManualClock())

    def _report(self, name: str, value: str) -> None:
        self.secrets.append((name, value))

    async def sign(self) -> Mapping[str, str]:
        """Sign a request as an export does."""
        sign = self.credentials.open_signer().sign
        url = "https://xray.eu-central-1.amazonaws.com/v1/traces"
        return await asyncio.to_thread(
            sign, "POST", url, {}, b"", service="xray", region="eu-central-1"
        )


def secret() -> Call:
    """Return a call for a secret."""
    arguments = {"SecretId": "s"}
    service = Service.SECRETS_MANAGER
    return Call(service=service, operation="GetSecretValue", name="s", arguments=arguments)


@asynccontextmanager
async def from_endpoint() -> AsyncIterator[tuple[CredentialsEndpoint, Own]]:
    """Credentials that an endpoint hands out."""
    async with CredentialsEndpoint("session-token", AUTHORIZATION) as endpoint:
        yield endpoint, Own({"AWS_REGION": "eu-central-1", **endpoint.environment})


def test_nothing_is_private_before_there_is_a_secret(made_private: list[bool]) -> None:
    """A process that uses no credentials may be looked into."""
    own = Own(STATIC).credentials
    own.forget_for_snapshot()
    assert made_private == []


def test_exports_and_dead_letters_have_one_signer(made_private: list[bool]) -> None:
    """What one of them learns about AWS's time holds for the other."""
    own = Own(STATIC).credentials
    assert own.open_signer() is own.open_signer()
    assert made_private == [True]


async def test_what_is_fetched_is_reported_as_a_secret() -> None:
    """It is hidden in exports from then on."""
    async with from_endpoint() as (endpoint, own):
        assert "Authorization" in await own.sign()
        assert ("AWS_SESSION_TOKEN", "session-token") in own.secrets
        assert ("AWS_SECRET_ACCESS_KEY", "secret") in own.secrets
        await own.sign()
        assert endpoint.requests == 1


async def test_a_snapshot_holds_nothing_that_was_fetched() -> None:
    """The same signer fetches credentials once more, when it signs after the restore."""
    async with from_endpoint() as (endpoint, own):
        await own.sign()
        endpoint.token = "another"
        own.credentials.forget_for_snapshot()
        assert (await own.sign())["X-Amz-Security-Token"] == "another"
        assert endpoint.requests == 2


async def test_a_snapshot_holds_nothing_that_was_fetched_for_a_get() -> None:
    """The clients of the cache fetch credentials once more for the first call after the restore."""
    async with FakeAws() as aws, from_endpoint() as (endpoint, _):
        aws.put_secret("s", "v")
        fetched = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        environ = {name: each for name, each in aws.environment.items() if name not in fetched}
        own = Own({**environ, **endpoint.environment}).credentials
        source = own.open_source(ParametersConfig())
        for _ in range(2):
            await asyncio.to_thread(source.call, secret())
        assert endpoint.requests == 1
        own.forget_for_snapshot()
        await asyncio.to_thread(source.call, secret())
        assert endpoint.requests == 2


async def test_the_cache_reports_what_it_fetches(made_private: list[bool]) -> None:
    """Its clients use the credentials of the sandbox, and its memory is private."""
    async with from_endpoint() as (_, own):
        source = own.credentials.open_source(ParametersConfig())
        assert await asyncio.to_thread(source.session_tokens) == ("session-token",)
        assert ("AWS_SESSION_TOKEN", "session-token") in own.secrets
    assert made_private == [True]


def test_outside_lambda_a_profile_gives_the_region(
    made_private: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A developer has set it there, not in the environment of the process."""
    (tmp_path / "config").write_text("[default]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    source = Own({}).credentials.open_source_locally(ParametersConfig())
    assert source.region == "eu-north-1"
    assert made_private == [True]
