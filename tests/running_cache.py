"""The localhost cache as it runs in a sandbox, over sockets of its own and a clock that obeys."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from extension.aws.call import Source
from extension.aws.clients import AwsClients
from extension.aws.credentials import SandboxCredentials
from extension.parameters.lazy_clients import open_source
from extension.parameters.parameters import Parameters
from extension.parameters.server import Server
from extension.process.log import Log
from extension.settings.config import read_config
from tests.doubles import LogLines, ManualClock
from tests.waiting import PATIENCE_S, until

GET_PARAMETER = "/systemsmanager/parameters/get"
GET_BY_PATH = "/systemsmanager/parameters/getByPath"
GET_SECRET = "/secretsmanager/get"  # a path
TOKEN_HEADER = "X-Aws-Parameters-Secrets-Token"  # a header's name


PATIENT = {
    "SECRETS_MANAGER_TIMEOUT_MILLIS": "60000",
    "SSM_PARAMETER_STORE_TIMEOUT_MILLIS": "60000",
}
"""What AWS is asked for comes in time, however slow the machine; the fake says when it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a caller got."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def cache(self) -> str:
        """How the cache answered."""
        return self.headers["X-Cache"]


async def stop_serving(listening: socket.socket, server: Server) -> None:
    """Do what the end of the process does for a server whose callers have disconnected."""
    asyncio.get_running_loop().remove_reader(listening)
    listening.close()
    await until(lambda: not any(server._server.connections.idle))


class RunningCache:
    """`async with RunningCache(environ) as cache`: started and, by default, opened.

    A call to AWS has a minute, unless `environ` says otherwise.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        open_source: Callable[[], Source] | None = None,
        opened: bool = True,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> None:
        self.environ = {**PATIENT, **environ}
        self.clock = ManualClock()
        self.log = LogLines()
        self.token = environ.get("AWS_SESSION_TOKEN", "")
        self._opened = opened
        self._source_of = open_source or self.open_aws
        self._stack = AsyncExitStack()
        address = ("127.0.0.1", 0) if family == socket.AF_INET else ("::1", 0)
        self._socket = socket.create_server(address, family=family)
        self.host, self.port = self._socket.getsockname()[:2]
        config, self.problems = read_config(self.environ)
        self.config = config.parameters
        self.parameters = Parameters(
            config.parameters,
            sandbox=config.sandbox,
            environ=self.environ,
            clock=self.clock,
            log=Log(clock=self.clock, level=config.process.log_level, sink=self.log),
            sockets=[self._socket],
            open_source=self._open_source,
        )

    def open_aws(self) -> Source:
        """Build the AWS clients as the app does."""
        credentials = SandboxCredentials(self.environ)
        return open_source(self.config, self.environ, credentials=credentials)

    def _open_source(self) -> Source:
        source = self._source_of()
        if isinstance(source, AwsClients):
            self._stack.callback(source.close)
        return source

    async def __aenter__(self) -> Self:
        self._stack.push_async_callback(stop_serving, self._socket, self.parameters._server)
        await self.parameters.start()
        session = aiohttp.ClientSession(auto_decompress=False)
        self._session = await self._stack.enter_async_context(session)
        if self._opened:
            await self.parameters.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """The origin."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def get(self, target: str, *, token: str | None = None, **headers: str) -> Answer:
        """GET a target exactly as it is spelled; underscores in header names are hyphens."""
        return await self.request("GET", target, token=token, **headers)

    async def request(
        self, method: str, target: str, *, token: str | None = None, **headers: str
    ) -> Answer:
        """Send any method; the good token unless another one is given, none for an empty one."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is None:
            token = self.token
        if token:
            sent[TOKEN_HEADER] = token
        url = URL(self.url + target, encoded=True)
        async with self._session.request(
            method, url, headers=sent, allow_redirects=False
        ) as response:
            body = await response.read()
            return Answer(status=response.status, headers=response.headers, body=body)

    async def parameter(self, query: str, **headers: str) -> Answer:
        """GET a parameter."""
        return await self.get(f"{GET_PARAMETER}?{query}", **headers)

    async def secret(self, query: str, **headers: str) -> Answer:
        """GET a secret."""
        return await self.get(f"{GET_SECRET}?{query}", **headers)

    async def send_raw(self, request: bytes, *, deadline_s: float = PATIENCE_S) -> bytes:
        """Send bytes on a connection of their own; return what came until it was closed."""
        async with asyncio.timeout(deadline_s):
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                writer.write(request)
                return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.close()
