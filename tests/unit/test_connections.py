"""A bound on connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from extension.connections import MAX_CONNECTIONS, BoundedServer, room_for_connections
from tests.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
ROOM = 3


class Bounded:
    """A server with room for three, whose answers can be held back."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0
        self.server = BoundedServer(self._handle, max_connections=ROOM, access_log=None)
        self._sock = socket.create_server(("127.0.0.1", 0))

    async def _handle(self, _: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        await self.may_answer.wait()
        return web.Response(body=b"ok")

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection, and wait until the server has taken it."""
        before = self.taken
        pair = await asyncio.open_connection(*self._sock.getsockname())
        await until(lambda: self.taken > before)
        return pair

    async def run(self) -> AsyncIterator[Bounded]:
        """Serve for as long as the generator is open."""
        self.taken = 0

        def accept() -> asyncio.Protocol:
            self.taken += 1
            return self.server()

        loop = asyncio.get_running_loop()
        serving = await loop.create_server(accept, sock=self._sock)
        yield self
        serving.close()
        self.may_answer.set()
        self.server.pre_shutdown()
        await self.server.shutdown(1)


@pytest.fixture
async def bounded() -> AsyncIterator[Bounded]:
    """A bounded server, serving."""
    async for each in Bounded().run():
        yield each


async def _answered(pair: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bool:
    reader, writer = pair
    writer.write(GET)
    try:
        return b" 200 " in await reader.readuntil(b"ok")
    except (asyncio.IncompleteReadError, ConnectionError):
        return False


async def test_the_one_idle_longest_makes_room(bounded: Bounded) -> None:
    """An answered request counts as being active."""
    first, second, third = [await bounded.connect() for _ in range(ROOM)]
    assert await _answered(first)
    fourth = await bounded.connect()
    assert await second[0].read() == b""
    for pair in (first, third, fourth):
        assert await _answered(pair)
        pair[1].close()
    second[1].close()


async def test_half_sent_request_is_idle(bounded: Bounded) -> None:
    """Whoever stalls in the head is cut off when the room is needed."""
    stalled = await bounded.connect()
    stalled[1].write(GET[:10])
    others = [await bounded.connect() for _ in range(ROOM)]
    assert await stalled[0].read() == b""
    for pair in others:
        assert await _answered(pair)
        pair[1].close()
    stalled[1].close()


async def test_a_request_under_way_is_never_cut_off(bounded: Bounded) -> None:
    """With every connection busy the newcomer is closed, and served when there is room."""
    bounded.may_answer.clear()
    busy = [await bounded.connect() for _ in range(ROOM)]
    waiting = [asyncio.create_task(_answered(pair)) for pair in busy]
    await until(lambda: bounded.asked == ROOM)
    refused = await bounded.connect()
    assert await refused[0].read() == b""
    bounded.may_answer.set()
    assert all(await asyncio.gather(*waiting))
    late = await bounded.connect()
    assert await _answered(late)
    for pair in (*busy, refused, late):
        pair[1].close()


async def test_closed_connections_leave_room(bounded: Bounded) -> None:
    """Those that went away are not counted."""
    for _ in range(3 * ROOM):
        pair = await bounded.connect()
        assert await _answered(pair)
        pair[1].close()
        await until(lambda: bounded.server.open == 0)


@pytest.mark.parametrize(
    ("descriptors", "room"),
    [(1024, 512), (1_000_000, MAX_CONNECTIONS), (-1, MAX_CONNECTIONS), (128, 64), (1, 1)],
)
def test_room_follows_the_file_descriptors(descriptors: int, room: int) -> None:
    """Half of what the process may open; -1 is the kernel's word for no limit."""
    assert room_for_connections(descriptors=descriptors) == room


async def test_callers_that_vanish_leave_room(bounded: Bounded) -> None:
    """Those that went away while they were being answered are not counted either."""
    for _ in range(2 * ROOM):
        bounded.may_answer.clear()
        bounded.asked = 0
        _, writer = await bounded.connect()
        writer.write(GET)
        await until(lambda: bounded.asked)
        writer.transport.abort()
        await until(lambda: bounded.server.open == 0)
        bounded.may_answer.set()
    pair = await bounded.connect()
    assert await _answered(pair)
    pair[1].close()
