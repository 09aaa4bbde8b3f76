"""The connections to endpoints: shared while they are young, alone for a second attempt."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from extension import __version__
from extension.process.clock import SystemClock
from extension.process.waits import Budget
from extension.telemetry.export.connections import KEPT_S, Connections
from extension.telemetry.export.post import Post
from extension.telemetry.export.target import Target
from tests.doubles import ManualClock

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
GAVE_UP = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
RESET = struct.pack("ii", 1, 0)


class Endpoint:
    """Answers each POST once `together` are there; a connection that died is reset at a touch."""

    def __init__(self) -> None:
        self.url = ""
        self.connected = self.answered = 0
        self.are_dead = self.are_given_up = False
        self.together = asyncio.Barrier(1)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Endpoint]:
        """Listen on loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            was_there = False
            while await reader.readuntil(b"\r\n\r\n"):
                if was_there and self.are_dead:
                    end = writer.get_extra_info("socket")
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    writer.transport.abort()
                    return
                if was_there and self.are_given_up:
                    writer.write(GAVE_UP)
                    break
                await reader.readexactly(1)
                await self.together.wait()
                writer.write(OK)
                self.answered += 1
                was_there = True
        writer.close()


async def send(post: Post, signal: str) -> str:
    """Post one byte, and return what came of it."""
    budget = Budget(10.0, clock=SystemClock())
    outcome = await post.send(signal, [b"x"], content_type="a/b", budget=budget)  # type: ignore[arg-type]
    return outcome.kind


async def test_connections_that_died_together_cost_no_request() -> None:
    """The second attempt does not take another one of them."""
    async with Endpoint().running() as endpoint:
        endpoint.together = asyncio.Barrier(3)
        target = Target(url=endpoint.url, headers={}, compression="none", timeout_s=10)
        post = Post(dict.fromkeys(("traces", "logs", "metrics"), target), clock=SystemClock())
        await asyncio.gather(*(send(post, each) for each in ("traces", "logs", "metrics")))
        assert endpoint.connected == 3
        endpoint.are_dead, endpoint.together = True, asyncio.Barrier(1)
        assert [await send(post, "traces") for _ in range(3)] == ["accepted"] * 3
        assert endpoint.answered == 6
        await post.close()


async def test_a_server_that_gives_up_an_idle_connection_costs_no_request() -> None:
    """It says 408 while the next request is on the way, which would be lost with that."""
    async with Endpoint().running() as endpoint:
        target = Target(url=endpoint.url, headers={}, compression="none", timeout_s=10)
        post = Post({"traces": target}, clock=SystemClock())
        assert await send(post, "traces") == "accepted"
        endpoint.are_given_up = True
        assert await send(post, "traces") == "accepted"
        await post.close()
    assert (endpoint.connected, endpoint.answered) == (2, 2)


@pytest.mark.parametrize(
    ("wall_s", "monotonic_s", "connected"),
    [(0.0, 0.0, 1), (KEPT_S, 0.0, 1), (KEPT_S + 1, 0.0, 2), (0.0, KEPT_S + 1, 2)],
)
async def test_an_old_connection_is_not_used_again(
    wall_s: float, monotonic_s: float, connected: int
) -> None:
    """Whichever clock has gone on in a freeze."""
    clock = ManualClock()
    async with Endpoint().running() as endpoint:
        target = Target(url=endpoint.url, headers={}, compression="none", timeout_s=10)
        post = Post({"traces": target}, clock=clock)
        assert await send(post, "traces") == "accepted"
        clock.wall_ns += round(wall_s * 1e9)
        clock.monotonic_ns += round(monotonic_s * 1e9)
        assert await send(post, "traces") == "accepted"
        await post.close()
    assert endpoint.connected == connected


async def test_a_request_that_is_under_way_keeps_its_connection() -> None:
    """A later one gets other connections; those of the first are closed when it is over."""
    clock = ManualClock()
    connections = Connections(clock=clock)
    first = await connections.begin(alone=False)
    clock.freeze(KEPT_S + 1)
    second = await connections.begin(alone=False)
    assert (first is second, first.closed) == (False, False)
    await connections.end(first)
    assert (first.closed, second.closed) == (True, False)
    await connections.end(second)
    assert await connections.begin(alone=False) is second
    await connections.close()
    assert second.closed


async def test_a_request_that_slept_makes_no_connection_young() -> None:
    """It may have ended a moment ago, after a freeze; the others of its time slept, too."""
    clock = ManualClock()
    connections = Connections(clock=clock)
    first = await connections.begin(alone=False)
    clock.freeze(KEPT_S + 1)
    await connections.end(first)
    assert await connections.begin(alone=False) is not first
    assert first.closed
    await connections.close()


async def test_the_client_decides_nothing_itself() -> None:
    """No proxy of the environment, no encoding, no time limit of its own, shared or not."""
    connections = Connections(clock=SystemClock())
    sessions = [await connections.begin(alone=alone) for alone in (False, True, True)]
    for session in sessions:
        assert not session.trust_env
        assert not session.auto_decompress
        assert session.timeout.total is None
        assert session.timeout.sock_connect is None
        agent = rf"lambda-dispatch/{re.escape(__version__)} Python/3\.\d+\.\d+"
        assert re.fullmatch(agent, session.headers["User-Agent"])
    assert sessions[1] is sessions[2] is not sessions[0]
    alone = sessions[1].connector
    assert isinstance(alone, aiohttp.TCPConnector)
    assert not alone.use_dns_cache  # the address may be what has died
    await connections.close()
    assert all(each.closed for each in sessions)
