"""The HTTP server of both jobs, over real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from extension.http_messages import Head, Reply
from extension.http_server import MOST_WAITING, HttpServer
from tests.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
ROOM = 3
MAX_BODY_BYTES = 1000

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Serving:
    """A server with room for three, whose answers can be held back."""

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked: list[tuple[str, bytes]] = []
        self.server = HttpServer(self._handle, max_connections=ROOM, max_body_bytes=max_body_bytes)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._writers: list[asyncio.StreamWriter] = []

    async def _handle(self, head: Head, body: bytes) -> Reply:
        self.asked.append((f"{head.method} {head.target}", body))
        await self.may_answer.wait()
        return Reply(200, {}, b"ok")

    async def __aenter__(self) -> Serving:
        await self.server.start([self._socket], backlog=10)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.may_answer.set()
        for writer in self._writers:
            writer.transport.abort()
        await self.server.close(patience_s=1)

    async def connect(self) -> Pair:
        """Open a connection and be served once on it, so that the server has taken it."""
        pair = await self.open()
        assert await answered(pair)
        return pair

    async def open(self) -> Pair:
        """Open a connection; it is closed in the end."""
        pair = await asyncio.open_connection(*self._socket.getsockname())
        self._writers.append(pair[1])
        return pair

    async def exchange(self, sent: bytes) -> bytes:
        """Send something over a connection of its own; return all that comes back."""
        reader, writer = await self.open()
        writer.write(sent)
        return await whole(reader)


async def whole(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the end."""
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answered(pair: Pair, sent: bytes = GET) -> bool:
    """Send a request; tell whether it was answered."""
    reader, writer = pair
    writer.write(sent)
    try:
        async with asyncio.timeout(30):
            return b" 200 " in await reader.readuntil(b"ok")
    except (asyncio.IncompleteReadError, ConnectionError):
        return False


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    """A server at work."""
    async with Serving() as each:
        yield each


async def test_the_one_idle_longest_makes_room(serving: Serving) -> None:
    """An answered request counts as being active."""
    first, second, third = [await serving.connect() for _ in range(ROOM)]
    assert await answered(first)
    fourth = await serving.connect()
    assert await whole(second[0]) == b""
    for pair in (first, third, fourth):
        assert await answered(pair)


async def test_half_sent_request_is_idle(serving: Serving) -> None:
    """Whoever stalls in the head is cut off when the room is needed."""
    stalled = await serving.connect()
    stalled[1].write(GET[:10])
    others = [await serving.connect() for _ in range(ROOM)]
    assert await whole(stalled[0]) == b""
    for pair in others:
        assert await answered(pair)


async def test_a_request_under_way_is_never_cut_off(serving: Serving) -> None:
    """With every connection busy the newcomer is closed, and served when there is room."""
    busy = [await serving.connect() for _ in range(ROOM)]
    serving.may_answer.clear()
    serving.asked.clear()
    waiting = [asyncio.create_task(answered(pair)) for pair in busy]
    await until(lambda: len(serving.asked) == ROOM)
    refused = await serving.open()
    assert await whole(refused[0]) == b""
    serving.may_answer.set()
    assert all(await asyncio.gather(*waiting))
    await serving.connect()


async def test_callers_that_vanish_leave_room(serving: Serving) -> None:
    """Those that went away while they were being answered are not counted after that."""
    for _ in range(2 * ROOM):
        _, writer = await serving.connect()
        serving.may_answer.clear()
        serving.asked.clear()
        writer.write(GET)
        await until(lambda: bool(serving.asked))
        writer.transport.abort()
        serving.may_answer.set()
        await until(lambda: len(serving.server.connections) == 0)
    await serving.connect()


async def test_a_request_may_come_byte_by_byte(serving: Serving) -> None:
    """Heads, lengths and chunks in the smallest pieces."""
    reader, writer = await serving.open()
    sent = POST + b"Content-Length: 3\r\n\r\nabc" + POST
    sent += b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    for byte in sent:
        writer.write(bytes([byte]))
        await writer.drain()
    assert (await whole(reader)).count(b" 200 ") == 2
    assert serving.asked == [("POST /", b"abc")] * 2


async def test_pipelined_requests_are_answered_in_their_order(serving: Serving) -> None:
    """However many: those that wait for their turn hold up the reading, not the server."""
    many = 10 * MOST_WAITING
    sent = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(many))
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = await serving.exchange(sent + last)
    assert answer.count(b" 200 ") == many + 1
    assert [path for path, _ in serving.asked[:-1]] == [f"GET /{number}" for number in range(many)]


async def test_an_error_is_answered_after_all_that_was_right(serving: Serving) -> None:
    """And ends the connection: nobody knows where the next request would begin."""
    answer = await serving.exchange(GET + b"rubbish\r\n\r\n" + GET)
    assert answer.index(b" 200 ") < answer.index(b" 400 ")
    assert len(serving.asked) == 1


async def test_who_has_said_all_still_gets_the_answer(serving: Serving) -> None:
    """A caller may close its half of the connection after the request."""
    serving.may_answer.clear()
    reader, writer = await serving.open()
    writer.write(GET)
    writer.write_eof()
    await until(lambda: bool(serving.asked))
    serving.may_answer.set()
    assert b" 200 " in await whole(reader)


async def test_an_announced_body_is_asked_for(serving: Serving) -> None:
    """Who expects it is told to go on."""
    reader, writer = await serving.open()
    writer.write(POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert await answered((reader, writer), b"ab")
    assert serving.asked == [("POST /", b"ab")]


@pytest.mark.parametrize(
    "more",
    [
        b"Content-Length: 1001\r\n\r\n",
        b"Content-Length: 999999999999999\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 400,
    ],
)
async def test_too_long_a_body_is_not_waited_for(serving: Serving, more: bytes) -> None:
    """The request is handled without it, and the connection is over."""
    answer = await serving.exchange(POST + more)
    assert b" 200 " in answer
    assert b"Connection: close" in answer
    assert serving.asked == [("POST /", b"")]


async def test_where_no_body_is_wanted_none_is_waited_for() -> None:
    """The answer comes at once, though the body never does."""
    async with Serving(max_body_bytes=0) as serving:
        answer = await serving.exchange(POST + b"Content-Length: 5\r\n\r\n")
        assert b" 200 " in answer
        assert b"Connection: close" in answer


async def test_a_body_that_stalls_ends_with_408(serving: Serving) -> None:
    """Half-sent ones would use up the connections; the platform sends again."""
    answer = await serving.exchange(POST + b"Content-Length: 5\r\n\r\nab")
    assert b" 408 " in answer
    assert serving.asked == []


async def test_closing_waits_a_moment_for_answers(serving: Serving) -> None:
    """A request under way gets its answer; who is idle is closed at once."""
    idle, busy = await serving.connect(), await serving.connect()
    serving.may_answer.clear()
    serving.asked.clear()
    waiting = asyncio.create_task(answered(busy))
    await until(lambda: bool(serving.asked))
    closing = asyncio.create_task(serving.server.close(patience_s=30))
    assert await whole(idle[0]) == b""
    serving.may_answer.set()
    assert await waiting
    await closing
