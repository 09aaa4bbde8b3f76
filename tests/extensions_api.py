"""An Extensions API whose answers a test gives by hand, and the extension as a process before it.

Unlike the simulator it does what no platform would: it leaves calls unanswered, refuses them or
vanishes. What was asked for is kept in order.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from extension.process.clock import NS_PER_MS, SystemClock
from tests.launchers import Launch
from tests.sandbox import free_port
from tests.waiting import until

REGISTER, SUBSCRIBE, NEXT = "register", "telemetry", "next"
IDENTIFIER = "11111111-1111-4111-8111-111111111111"
TOKEN = {"X-Aws-Parameters-Secrets-Token": "token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An answer to a subscription, given when `when` returns; status 0 closes the connection."""

    status: int = 200
    when: Callable[[ExtensionsApi], Awaitable[None]] | None = None


@dataclass
class ExtensionsApi:
    """The API; `unanswered` calls get no answer, `refused` ones a 403.

    `turns` are the answers to the first subscriptions, in order; later ones are accepted. With
    `before_registered`, which is waited for before the answer to the first registration, further
    ones are refused, as in Lambda.
    """

    host: str = "127.0.0.1"
    prefix: str = ""
    unanswered: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    before_registered: Callable[[ExtensionsApi], Awaitable[None]] | None = None
    turns: list[Turn] = field(default_factory=list)
    schemas: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    listener: str = ""
    port: int = 0
    _connections: set[asyncio.Task[Any]] = field(default_factory=set)
    _events: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ExtensionsApi]:
        """Serve; leaving it is the end of the API, open calls included."""
        server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for each in self._connections:
                each.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def invoke(self, *, timeout_s: float) -> None:
        """Let the next /next, or the one that waits, be answered with an invocation.

        Its time begins with the answer, as in Lambda, however long the extension takes to ask.
        """
        self._say(eventType="INVOKE", requestId="r", within_s=timeout_s)

    def shut_down(self, reason: str = "spindown", *, within_s: float = 2.0) -> None:
        """Let it be answered with the end."""
        self._say(eventType="SHUTDOWN", shutdownReason=reason, within_s=within_s)

    async def deliver(self, *events: dict[str, Any]) -> int:
        """Post telemetry; returns the status of the answer."""
        url = self.listener.replace("sandbox.localdomain", "127.0.0.1")
        async with aiohttp.ClientSession() as session, session.post(url, json=events) as answer:
            return answer.status

    def _say(self, **event: Any) -> None:
        self._events.put_nowait(event)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, headers, body = await self._answer(head.decode(), reader)
                lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *headers]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the extension is done with this connection, or the API is gone
        finally:
            writer.close()

    async def _answer(
        self, head: str, reader: asyncio.StreamReader
    ) -> tuple[int, list[str], bytes]:
        first, *lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        body = await reader.readexactly(int(headers["Content-Length"]))
        path = first.split(" ")[1]
        if not path.startswith(f"{self.prefix}/20"):
            return 404, [], b""
        call = path.rpartition("/")[2]
        self.asked.append(call)
        if call == SUBSCRIBE:
            self.listener = json.loads(body)["destination"]["URI"]
            self.schemas.append(json.loads(body)["schemaVersion"])
        if call in self.unanswered:
            await asyncio.Event().wait()
        if call in self.refused:
            return 403, [], b'{"errorType": "Extension.Refused"}'
        if call == REGISTER:
            return await self._register(headers["Lambda-Extension-Name"])
        if call == SUBSCRIBE:
            return await self._subscribe(), [], b'{"errorType": "Telemetry.Scripted"}'
        event = await self._events.get()
        deadline_ms = _in_ms(event.pop("within_s"))
        return 200, [], json.dumps({**event, "deadlineMs": deadline_ms}).encode()

    async def _register(self, name: str) -> tuple[int, list[str], bytes]:
        self.names.append(name)
        if self.before_registered is not None:
            if len(self.names) > 1:
                return 403, [], b'{"errorType": "Extension.InvalidExtensionState"}'
            await self.before_registered(self)
        return 200, [f"Lambda-Extension-Identifier: {IDENTIFIER}"], b'{"functionName": "f"}'

    async def _subscribe(self) -> int:
        turn = self.turns.pop(0) if self.turns else Turn()
        if turn.when is not None:
            await turn.when(self)
        if not turn.status:
            raise ConnectionError
        return turn.status


@dataclass
class Extension:
    """The process, the port of its cache, and its lines."""

    process: asyncio.subprocess.Process
    port: int
    output: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has written so far."""
        return [json.loads(line) for line in self.output]

    @property
    def messages(self) -> list[str]:
        """The messages alone."""
        return [line["message"] for line in self.lines]

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.returncode is not None

    async def get(self, target: str) -> tuple[int, str]:
        """Ask the cache; returns the status and the error's name."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{target}", headers=TOKEN) as answer,
        ):
            return answer.status, answer.headers.get("x-amzn-errortype", "")

    async def end(self) -> int:
        """Wait for its end and return the exit status."""
        await until(lambda: self.has_ended)
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def started(
    launch: Launch, folder: Path, environment: Mapping[str, str], *, api: str = ""
) -> AsyncIterator[Extension]:
    """Start the extension with the address of an API, and leave no process behind."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        launch(folder / "extensions"),
        stdout=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_LAMBDA_FUNCTION_NAME": folder.name,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port),
            **({"AWS_LAMBDA_RUNTIME_API": api} if api else {}),
            **environment,
        },
    )
    extension = Extension(process, port)
    reading = asyncio.create_task(_read(process, extension.output))
    try:
        yield extension
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def _read(process: asyncio.subprocess.Process, into: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        into.append(line.decode())


def _in_ms(seconds: float) -> int:
    return SystemClock().now().wall_ns // NS_PER_MS + round(seconds * 1000)
