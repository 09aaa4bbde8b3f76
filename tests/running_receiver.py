"""The receiver over a real socket, and requests to it byte by byte.

`python -m tests.running_receiver` runs one in a process of its own, which tests freeze.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple, Self

from extension.process.log import Log
from extension.telemetry.receiver.content import Posted
from extension.telemetry.receiver.receiver import Receiver
from tests.doubles import ManualClock
from tests.waiting import PATIENCE_S


class Response(NamedTuple):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection to the receiver."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        """Send bytes as they are, each part by itself."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def response(self, *, has_body: bool = True) -> Response:
        """Read one response."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            pairs = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            length = int(headers.get("content-length", 0)) if has_body else 0
            body = await self.reader.readexactly(length)
        return Response(int(head[0].split()[1]), headers, body)

    async def ended(self) -> bool:
        """Wait for the end of the connection."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read(1) == b""


class RunningReceiver:
    """A receiver that runs, and what it took; `is_full` makes it lose what comes."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.taken: list[Posted] = []
        self.is_full = False
        self.on_taken: Callable[[Posted], None] = self.taken.append
        self.receiver = Receiver(log=Log(clock=ManualClock(), sink=self.lines.append))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._connections: list[Connection] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._socket.getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        await self.open()
        self.take()
        return self

    async def open(self) -> None:
        """Begin to accept."""
        await self.receiver.open([self._socket])

    def take(self) -> None:
        """Begin to take what is accepted."""
        self.receiver.opened(self._take)

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End it, and all connections to it."""
        for each in self._connections:
            each.writer.transport.abort()
        await self.receiver.close()

    def _take(self, posted: Posted) -> bool:
        if not self.is_full:
            self.on_taken(posted)
        return not self.is_full

    async def connect(self) -> Connection:
        """Open one connection; it is closed in the end."""
        connection = Connection(*await asyncio.open_connection("127.0.0.1", self.port))
        self._connections.append(connection)
        return connection

    async def post(
        self,
        body: bytes = b"",
        *,
        path: str = "/v1/traces",
        content_type: str = "application/x-protobuf",
        method: str = "POST",
        **headers: str,
    ) -> Response:
        """Send one request over a connection of its own; header names with underscores."""
        connection = await self.connect()
        await connection.send(
            request(
                body, path=path, content_type=content_type, method=method, port=self.port, **headers
            )
        )
        return await connection.response(has_body=method != "HEAD")


def request(
    body: bytes = b"",
    *,
    path: str = "/v1/traces",
    content_type: str = "application/x-protobuf",
    method: str = "POST",
    port: int = 4318,
    version: str = "1.1",
    **headers: str,
) -> bytes:
    """Return one request with its length."""
    given = {
        "Host": f"localhost:{port}",
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/{version}\r\n{lines}\r\n".encode() + body


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _run() -> None:
    async with RunningReceiver() as running:
        _say(str(running.port))
        running.on_taken = lambda posted: _say(posted.body.hex())
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run())
