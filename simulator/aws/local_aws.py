"""Parameter Store and Secrets Manager on loopback: moto's server behind a counting proxy.

Seeding goes round the proxy: `calls` holds only what the program under observation asked for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from simulator.aws.proxy import AwsCall, counting_proxy
from simulator.errors import SimulatorError
from simulator.serving import Opened

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AsyncExitStack

# -I: neither the current folder nor the caller's PYTHON* variables change what moto imports.
_MOTO = (sys.executable, "-I", str(Path(__file__).with_name("moto_server.py")))


class LocalAws(Opened):
    """`async with LocalAws() as aws`: `aws.environment` points an SDK here, `aws.calls` counts.

    Entering takes about one and a half seconds, and raises SimulatorError with the server's last
    words when it is not ready within `deadline_s`. `server` is the command that runs it.
    """

    def __init__(
        self,
        *,
        region: str = "eu-central-1",
        deadline_s: float = 60.0,
        server: Sequence[str] = _MOTO,
    ) -> None:
        super().__init__()
        self.url = ""
        self.calls: list[AwsCall] = []
        self._region = region
        self._deadline_s = deadline_s
        self._server = server
        self._direct_url = ""

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process that is to reach these services: endpoint, region, credentials."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_ACCESS_KEY_ID": "AKIDLOCALEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "local-secret-access-key",
            "AWS_SESSION_TOKEN": "local-session-token",
        }

    async def _open(self, stack: AsyncExitStack) -> None:
        server = _running(self._server, deadline_s=self._deadline_s)
        self._direct_url = await stack.enter_async_context(server)
        proxy = counting_proxy(self._direct_url, calls=self.calls)
        self.url = await stack.enter_async_context(proxy)

    async def put_parameter(self, name: str, *, value: str, kind: str = "String") -> None:
        """Create or overwrite a parameter; `kind` is String, StringList or SecureString."""
        await self._seed("ssm", "put_parameter", Name=name, Value=value, Type=kind, Overwrite=True)

    async def put_secret(self, name: str, *, value: str | bytes) -> None:
        """Create a secret, or give it a new current version; bytes make it a binary one."""
        content = {"SecretString" if isinstance(value, str) else "SecretBinary": value}
        known = await self._seed("secretsmanager", "list_secrets")
        if any(secret["Name"] == name for secret in known["SecretList"]):
            await self._seed("secretsmanager", "put_secret_value", SecretId=name, **content)
        else:
            await self._seed("secretsmanager", "create_secret", Name=name, **content)

    async def _seed(self, service: str, operation: str, **arguments: Any) -> Any:
        return await asyncio.to_thread(self._call, service, operation, arguments)

    def _call(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        client = boto3.session.Session().client(
            service,
            endpoint_url=self._direct_url,
            region_name=self._region,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            # An empty mapping means no proxy, whatever HTTP_PROXY says.
            config=Config(proxies={}),
        )
        try:
            return getattr(client, operation)(**arguments)
        finally:
            client.close()


@asynccontextmanager
async def _running(command: Sequence[str], *, deadline_s: float) -> AsyncIterator[str]:
    """Run the server in a process group of its own; yields the URL that it prints when ready."""
    # A file never fills up like a pipe that is not read, and keeps the last words of a crash.
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            # A Ctrl-C at the terminal is for the parent, which then ends the server in order.
            start_new_session=True,
        )
        try:
            url = await _first_line(process, deadline_s=deadline_s)
            if not url:
                output.seek(0)
                *_, said = ["nothing", *output.read().decode(errors="replace").splitlines()]
                raise SimulatorError(
                    f"moto's server did not start within {deadline_s:g} s; its last words: {said}"
                )
            yield url
        finally:
            # It may be reaped before the loop has learned of its end.
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


async def _first_line(process: Process, *, deadline_s: float) -> str:
    """The first line of the process's output; empty when none came by the deadline or its end."""
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), deadline_s)
    except TimeoutError:
        return ""
    return line.decode().strip()
