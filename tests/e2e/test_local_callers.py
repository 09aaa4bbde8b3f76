"""Outside Lambda: the credentials that a developer has, a token file, and callers in containers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulator.launcher import write_launcher
from tests.fake_aws import FakeAws
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S, until

SECRET = "/secretsmanager/get?secretId=shop%2Fkey"
HEADER = "X-Aws-Parameters-Secrets-Token"
TOKEN = "0123456789abcdef0123456789abcdef"
START_URL = "https://company.example/start"
EXPIRES = "2099-01-01T00:00:00Z"
PROFILES = {
    "keys": "[default]\nregion = eu-central-1\n[profile keys]\nregion = eu-central-1\n",
    "command": "[profile command]\nregion = eu-central-1\ncredential_process = cat {home}/answer\n",
    "sso": "[profile sso]\nregion = eu-central-1\nsso_start_url = " + START_URL
    + "\nsso_region = eu-central-1\nsso_account_id = 123456789012\nsso_role_name = Developer\n",
}  # fmt: skip


@dataclass
class Running:
    """A process that serves, or has ended."""

    process: asyncio.subprocess.Process
    port: int
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def read(self) -> None:
        """Collect its lines."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def says(self, message: str) -> bool:
        """Whether a line has this message."""
        return any(line["message"] == message for line in self.lines)

    async def get(
        self, token: str = TOKEN, *, address: str = "127.0.0.1", **headers: str
    ) -> tuple[int, str]:
        """Return status and body of a GET for the secret."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://{address}:{self.port}{SECRET}"
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers={HEADER: token, **named}) as answer,
        ):
            return answer.status, await answer.text()


@asynccontextmanager
async def running(home: Path, variables: Mapping[str, str]) -> AsyncIterator[Running]:
    """Start the process as a developer does, with a home folder of its own."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        write_launcher(home / "bin"),
        stdout=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DISPATCH_CACHE_PORT": str(port),
            **variables,
        },
    )
    started = Running(process, port)
    reading = asyncio.create_task(started.read())
    try:
        await until(
            lambda: started.says("outside Lambda: serving the cache only") or reading.done()
        )
        yield started
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE_S)
        await reading


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """An AWS with a secret."""
    async with FakeAws() as fake:
        fake.put_secret("shop/key", "hunter2-hunter2")
        yield fake


@pytest.fixture
async def accounts() -> AsyncIterator[str]:
    """Return the URL of what stands for single sign-on, STS and a container's endpoint."""
    async with _accounts() as url:
        yield url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a token."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "token").chmod(0o600)
    return tmp_path


def usual(aws: FakeAws, home: Path, **variables: str) -> dict[str, str]:
    """Return variables without any credentials."""
    return {
        "AWS_ENDPOINT_URL": aws.url,
        "DISPATCH_TOKEN_FILE": str(home / "token"),
        **variables,
    }


def in_environment(aws: FakeAws, home: Path, **variables: str) -> dict[str, str]:
    """Return variables with credentials that have no session token."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "env"}
    return {"AWS_REGION": "eu-central-1", **keys, **usual(aws, home, **variables)}


@pytest.mark.parametrize("profile", PROFILES)
async def test_profile(aws: FakeAws, accounts: str, home: Path, profile: str) -> None:
    """Keys, a command or single sign-on, with the region of the profile."""
    write_profile(home, profile)
    variables = usual(aws, home, AWS_PROFILE=profile, AWS_ENDPOINT_URL_SSO=accounts)
    async with running(home, variables) as local:
        status, body = await local.get()
    assert (status, json.loads(body)["SecretString"]) == (200, "hunter2-hunter2")
    assert set(aws.keys) == {f"AKID{profile.upper()}"}


async def test_web_identity(aws: FakeAws, accounts: str, home: Path) -> None:
    """A token of an identity provider, as in a pod of EKS."""
    (home / "identity").write_text("a.b.c")
    variables = usual(
        aws,
        home,
        AWS_REGION="eu-central-1",
        AWS_WEB_IDENTITY_TOKEN_FILE=str(home / "identity"),
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/pod",
        AWS_ENDPOINT_URL_STS=accounts,
    )
    async with running(home, variables) as local:
        assert (await local.get())[0] == 200
    assert set(aws.keys) == {"AKIDPOD"}


async def test_container(aws: FakeAws, accounts: str, home: Path) -> None:
    """The endpoint of ECS; its session token is accepted, too."""
    variables = usual(
        aws,
        home,
        AWS_REGION="eu-central-1",
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{accounts}/container",
    )
    async with running(home, variables) as local:
        assert (await local.get())[0] == 200
        assert (await local.get("container-session"))[0] == 200
    assert set(aws.keys) == {"AKIDCONTAINER"}


async def test_variables_come_first(aws: FakeAws, home: Path) -> None:
    """As for every tool of AWS."""
    write_profile(home, "keys")
    async with running(home, in_environment(aws, home, AWS_PROFILE="keys")) as local:
        assert (await local.get())[0] == 200
    assert set(aws.keys) == {"AKIDENV"}


async def test_profile_that_is_not_there(aws: FakeAws, home: Path) -> None:
    """A line names the variable and the profile; the process goes on."""
    async with running(home, usual(aws, home, AWS_PROFILE="nope")) as local:
        assert (await local.get())[0] == 400
        [line] = {each["error"] for each in local.lines if "error" in each}
    assert "AWS_PROFILE" in line
    assert "nope" in line


async def test_token_file_is_read_for_each_request(aws: FakeAws, home: Path) -> None:
    """A new token is valid at once, the old one no more; without the file there is none."""
    other = TOKEN[::-1]
    async with running(home, in_environment(aws, home)) as local:
        assert (await local.get())[0] == 200
        (home / "token").write_text(other)
        assert (await local.get())[0] == 401
        assert (await local.get(other))[0] == 200
        (home / "token").unlink()
        assert (await local.get(other))[0] == 401
        assert (await local.get(""))[0] == 401
        assert [line["message"] for line in local.lines if line["level"] != "INFO"] == []


async def test_token_file_that_others_can_read(aws: FakeAws, home: Path) -> None:
    """A warning; no line has the token."""
    (home / "token").chmod(0o644)
    async with running(home, in_environment(aws, home)) as local:
        assert (await local.get())[0] == 200
        assert local.says("others can read the token file: chmod 600")
    assert TOKEN not in str(local.lines)


async def test_without_any_token_a_line_says_so(aws: FakeAws, home: Path) -> None:
    """Every GET would be refused, which is hard to find out from the outside."""
    async with running(home, in_environment(aws, home, DISPATCH_TOKEN_FILE="")) as local:
        assert (await local.get(""))[0] == 401
        assert local.says("no token: every GET is refused; set DISPATCH_TOKEN_FILE")


async def test_bound_for_containers(aws: FakeAws, home: Path) -> None:
    """Another address serves as loopback does, with the same checks."""
    async with running(home, in_environment(aws, home, DISPATCH_BIND="127.0.0.9")) as local:
        for address in ("127.0.0.1", "127.0.0.9"):
            assert (await local.get(address=address))[0] == 200
            assert (await local.get("wrong", address=address))[0] == 401
            named = await local.get(address=address, Host="host.docker.internal:2773")
            assert named[0] == 200
            assert (await local.get(address=address, Host="evil.example"))[0] == 400
            assert (await local.get(address=address, X_Forwarded_For="10.0.0.1"))[0] == 400
        (home / "token").write_text("short")
        assert (await local.get("short"))[0] == 401


async def test_not_bound_by_default(aws: FakeAws, home: Path) -> None:
    """Loopback alone, and names of loopback alone."""
    async with running(home, in_environment(aws, home)) as local:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.9", local.port))
        assert (await local.get(Host="host.docker.internal"))[0] == 400


async def test_bound_without_a_token(aws: FakeAws, home: Path) -> None:
    """It ends at once with a line that says what to set."""
    variables = in_environment(aws, home, DISPATCH_BIND="0.0.0.0", DISPATCH_TOKEN_FILE="")
    async with running(home, variables) as local:
        assert await asyncio.wait_for(local.process.wait(), PATIENCE_S) == 1
    assert [line["message"] for line in local.lines] == ["switched off", "nothing to serve"]
    assert "set DISPATCH_TOKEN_FILE" in local.lines[0]["cause"]


def write_profile(home: Path, profile: str) -> None:
    """Write ~/.aws for a profile, and what single sign-on and a command leave or print."""
    (home / ".aws" / "config").write_text(PROFILES[profile].format(home=home))
    (home / ".aws" / "credentials").write_text(
        "[keys]\naws_access_key_id = AKIDKEYS\naws_secret_access_key = k\n"
    )
    printed = {"Version": 1, "AccessKeyId": "AKIDCOMMAND", "SecretAccessKey": "c"}
    (home / "answer").write_text(json.dumps(printed))
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    session = {"accessToken": "a", "expiresAt": EXPIRES, "startUrl": START_URL}
    name = hashlib.sha1(START_URL.encode()).hexdigest()  # as AWS's tools name it
    (cache / f"{name}.json").write_text(json.dumps({**session, "region": "eu-central-1"}))


@asynccontextmanager
async def _accounts() -> AsyncIterator[str]:
    sso = {"accessKeyId": "AKIDSSO", "secretAccessKey": "s", "sessionToken": "t",
           "expiration": 4_070_908_800_000}  # fmt: skip
    sts = (
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
        "<AccessKeyId>AKIDPOD</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        f"<SessionToken>t</SessionToken><Expiration>{EXPIRES}</Expiration></Credentials>"
        "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
    container = {"AccessKeyId": "AKIDCONTAINER", "SecretAccessKey": "s",
                 "Token": "container-session", "Expiration": EXPIRES}  # fmt: skip

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/federation/credentials":
            return web.json_response({"roleCredentials": sso})
        if request.path == "/container":
            return web.json_response(container)
        return web.Response(text=sts, content_type="text/xml")

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()
