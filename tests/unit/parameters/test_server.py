"""The HTTP server around an answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

import aiohttp

from extension.http.messages import Reply
from extension.parameters.response import GENERIC, HEALTHY
from extension.parameters.server import Server
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock
from tests.waiting import PATIENCE_S, until


class Bench:
    """A server over an answer that can fail or hang."""

    def __init__(self) -> None:
        self.lines = LogLines()
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked: list[tuple[str, str]] = []
        sock = socket.create_server(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        clock = ManualClock()
        log = Log(clock=clock, level="DEBUG", sink=self.lines)
        self.server = Server(self._answer, sockets=[sock], clock=clock, log=log)

    async def _answer(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        self.asked.append((method, target))
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return HEALTHY

    async def get(self, target: str = "/") -> tuple[int, str]:
        """Return status and body."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{target}") as response,
        ):
            return response.status, await response.text()


async def test_target_arrives_as_it_was_spelled() -> None:
    """Nothing is decoded, joined or normalised on the way."""
    bench = Bench()
    await bench.server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    writer.write(b"GET //a/%2f/../?b=%41+c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    assert bench.asked == [("GET", "//a/%2f/../?b=%41+c")]
    await bench.server.close()


async def test_fault_is_told_by_its_type_alone() -> None:
    """400 with the generic text; the words of the exception go nowhere."""
    bench = Bench()
    bench.error = ValueError("hunter2")
    await bench.server.start()
    assert await bench.get() == (400, GENERIC)
    (line,) = bench.lines.parsed
    assert (line["level"], line["error"]) == ("ERROR", "ValueError")
    assert "hunter2" not in bench.lines.lines[0]
    await bench.server.close()


async def test_closing_does_not_wait_for_an_answer() -> None:
    """A request under way gets a moment, then its connection is closed."""
    bench = Bench()
    bench.may_answer.clear()
    await bench.server.start()
    asking = asyncio.create_task(bench.get())
    await until(lambda: bench.asked)
    async with asyncio.timeout(PATIENCE_S):
        await bench.server.close()
    await asyncio.wait([asking])
    assert isinstance(asking.exception(), aiohttp.ClientError)


async def test_closing_what_was_never_started() -> None:
    """Nothing happens."""
    bench = Bench()
    await bench.server.close()
    await bench.server.start()
    await bench.server.close()
