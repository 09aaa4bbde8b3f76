"""The HTTP server of the cache, over a responder of the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Self

import aiohttp

from extension.http.messages import Reply
from extension.parameters.response import GENERIC, HEALTHY
from extension.parameters.server import Server
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock
from tests.running_cache import stop_serving


class Bench:
    """A server over a responder that can fail."""

    def __init__(self) -> None:
        self.lines = LogLines()
        self.error: Exception | None = None
        self.asked: list[tuple[str, str]] = []
        self._socket = sock = socket.create_server(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        clock = ManualClock()
        log = Log(clock=clock, level="DEBUG", sink=self.lines)
        self.server = Server(self._respond, sockets=[sock], clock=clock, log=log)

    async def _respond(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        self.asked.append((method, target))
        if self.error is not None:
            raise self.error
        return HEALTHY

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_serving(self._socket, self.server)

    async def get(self, target: str = "/") -> tuple[int, str]:
        """Return status and body."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{target}") as response,
        ):
            return response.status, await response.text()


async def test_target_arrives_as_it_was_spelled() -> None:
    """Nothing is decoded, joined or normalised on the way."""
    async with Bench() as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        writer.write(b"GET //a/%2f/../?b=%41+c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()
        assert bench.asked == [("GET", "//a/%2f/../?b=%41+c")]


async def test_fault_is_reported_by_its_type_alone() -> None:
    """400 with the generic text; the text of the exception is in neither reply nor log."""
    async with Bench() as bench:
        bench.error = ValueError("hunter2")
        assert await bench.get() == (400, GENERIC)
        (line,) = bench.lines.parsed
        assert (line["level"], line["error"]) == ("ERROR", "ValueError")
        assert "hunter2" not in bench.lines.lines[0]
