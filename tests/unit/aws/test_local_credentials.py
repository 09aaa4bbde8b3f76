"""A developer's credentials and region, as botocore finds them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from botocore.exceptions import CredentialRetrievalError

from extension.aws.errors import SettingError
from extension.aws.local_credentials import LocalCredentials
from extension.aws.reasons import NO_PROFILE
from tests.credentials_endpoint import CredentialsEndpoint

KEYS = {"AWS_ACCESS_KEY_ID": "of-variables", "AWS_SECRET_ACCESS_KEY": "s"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a profile, and no variable of AWS in the process."""
    for name in (*KEYS, "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("config", "credentials"):
        variable = "AWS_CONFIG_FILE" if name == "config" else "AWS_SHARED_CREDENTIALS_FILE"
        monkeypatch.setenv(variable, str(tmp_path / name))
    (tmp_path / "config").write_text("[default]\nregion = eu-north-1\n")
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = of-profile\naws_secret_access_key = s\n"
    )
    return tmp_path


def key_of(credentials: LocalCredentials) -> str | None:
    """Return the id of the key that is found."""
    found = credentials.load_credentials()
    return None if found is None else str(found.access_key)


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({}, "eu-north-1"),
        ({"AWS_REGION": "us-east-1"}, "us-east-1"),
        ({"AWS_REGION": " "}, "eu-north-1"),
    ],
)
def test_the_region_of_the_profile(home: Path, environ: dict[str, str], region: str) -> None:
    """It counts where the environment names none."""
    assert LocalCredentials(environ).environ["AWS_REGION"] == region


def test_either_variable_names_the_region(home: Path) -> None:
    """The environment stays as it is then."""
    environ = {"AWS_DEFAULT_REGION": "us-east-1"}
    assert LocalCredentials(environ).environ is environ


def test_without_any_region(home: Path) -> None:
    """It is empty, and the clients say so."""
    (home / "config").write_text("")
    assert LocalCredentials({}).environ == {"AWS_REGION": ""}


def test_variables_win_over_the_profile(home: Path) -> None:
    """Those that it is given, not those of the process."""
    assert key_of(LocalCredentials(KEYS)) == "of-variables"
    assert key_of(LocalCredentials({})) == "of-profile"


def test_without_credentials_there_are_none(home: Path) -> None:
    """The metadata service is not asked: that would take seconds."""
    (home / "credentials").unlink()
    credentials = LocalCredentials({})
    assert key_of(credentials) is None
    assert "iam-role" not in [each.METHOD for each in credentials._resolver.providers]


async def test_the_container_endpoint_has_our_own_object(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose credentials are fetched again once AWS calls them expired."""
    (home / "credentials").unlink()
    async with CredentialsEndpoint(token="t", authorization="a") as endpoint:
        credentials = LocalCredentials(endpoint.environment)
        credentials.load_credentials()
        assert credentials.are_renewable


async def test_the_container_endpoint_may_ask_for_a_token_in_a_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of EKS does, which replaces it: it is read each time."""
    (home / "credentials").unlink()
    token = home / "token"
    token.write_text("a")
    async with CredentialsEndpoint(token="t", authorization="a") as endpoint:
        environ = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        credentials = await asyncio.to_thread(LocalCredentials, environ)
        assert await asyncio.to_thread(key_of, credentials) == "AKID-t"
        endpoint.authorization = "b"
        token.write_text("b")
        assert await asyncio.to_thread(credentials.renewed_tokens) == ("t",)
        token.unlink()
        with pytest.raises(CredentialRetrievalError):
            await asyncio.to_thread(credentials.renewed_tokens)


def test_a_profile_that_is_not_there_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is used in its place."""
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(SettingError, match="AWS_PROFILE"):
        LocalCredentials({})


@pytest.mark.parametrize(
    "profile", ["credential_process = /bin/false", "aws_access_key_id = without-its-secret"]
)
def test_a_profile_without_credentials_says_what_to_try(home: Path, profile: str) -> None:
    """Not the words of botocore, which may repeat what the command has printed."""
    (home / "config").write_text(f"[default]\nregion = eu-north-1\n{profile}\n")
    (home / "credentials").write_text("")
    with pytest.raises(SettingError, match="^" + re.escape(NO_PROFILE)):
        LocalCredentials({}).load_credentials()
