"""The HTTP server of the cache and of the telemetry listener, over real connections."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from extension.http.connection import MAX_AHEAD_BYTES, Connection, State
from extension.http.connections import STALLED_CHECKS
from extension.http.messages import Head, Reply
from extension.http.server import HttpServer
from tests.waiting import PATIENCE_S, until

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
LARGE = b"/large"
LARGE_BYTES = 16 * 1_048_576
"""More than the kernel buffers for a caller that does not read."""

PLACES = 3
CHECK_S = 0.05
MAX_BODY_BYTES = 1000

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Serving:
    """A server of at most three connections, whose responses can be held back."""

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES, check_s: float = CHECK_S) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked: list[tuple[str, bytes]] = []
        self.fault: BaseException | None = None
        self.server = HttpServer(
            self._handle, max_connections=PLACES, max_body_bytes=max_body_bytes, check_s=check_s
        )
        self.faults: list[BaseException] = []
        """Exceptions that reached the event loop."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = self._socket.getsockname()
        self._writers: list[asyncio.StreamWriter] = []

    async def _handle(self, head: Head, body: bytes) -> Reply:
        self.asked.append((f"{head.method} {head.target}", body))
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        return Reply(200, {}, bytes(LARGE_BYTES) if head.target == LARGE.decode() else b"ok")

    async def __aenter__(self) -> Serving:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.faults.append(context["exception"]))
        await self.server.start([self._socket], backlog=100)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.may_answer.set()
        for writer in self._writers:
            writer.transport.abort()
        await self.server.close(patience_s=1)

    async def connect(self) -> Pair:
        """Open a connection and be served once, so that the server has accepted it."""
        pair = await self.open()
        assert await answered(pair)
        return pair

    async def open(self) -> Pair:
        """Open a connection; it is closed at the end of the test."""
        pair = await asyncio.open_connection(*self.address)
        self._writers.append(pair[1])
        return pair

    async def exchange(self, sent: bytes) -> bytes:
        """Send something over a new connection; return all that comes back."""
        reader, writer = await self.open()
        writer.write(sent)
        return await whole(reader)


async def whole(reader: asyncio.StreamReader) -> bytes:
    """Return what arrives until the end of the connection."""
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answered(pair: Pair, sent: bytes = GET) -> bool:
    """Send a request; return whether it was answered."""
    reader, writer = pair
    writer.write(sent)
    try:
        async with asyncio.timeout(30):
            return b" 200 " in await reader.readuntil(b"ok")
    except (asyncio.IncompleteReadError, ConnectionError):
        return False


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    """A running server."""
    async with Serving() as each:
        yield each


async def test_the_one_idle_longest_is_closed(serving: Serving) -> None:
    """An answered request counts as being active."""
    first, second, third = [await serving.connect() for _ in range(PLACES)]
    assert await answered(first)
    fourth = await serving.connect()
    assert await whole(second[0]) == b""
    for pair in (first, third, fourth):
        assert await answered(pair)


async def test_half_sent_request_is_idle(serving: Serving) -> None:
    """A caller that stalls in the head is cut off when its place is needed."""
    stalled = await serving.connect()
    stalled[1].write(GET[:10])
    others = [await serving.connect() for _ in range(PLACES)]
    assert await whole(stalled[0]) == b""
    for pair in others:
        assert await answered(pair)


async def test_a_request_in_progress_is_never_cut_off(serving: Serving) -> None:
    """With every connection busy the next caller waits, and is served when there is a place."""
    busy = [await serving.connect() for _ in range(PLACES)]
    serving.may_answer.clear()
    serving.asked.clear()
    waiting = [asyncio.create_task(answered(pair)) for pair in busy]
    await until(lambda: len(serving.asked) == PLACES)
    late = asyncio.create_task(serving.connect())
    await until(lambda: serving.server.callers_wait)
    assert len(serving.asked) == PLACES
    serving.may_answer.set()
    assert all(await asyncio.gather(*waiting))
    await late


async def test_handlers_of_callers_that_vanished_take_a_place(serving: Serving) -> None:
    """The work that a caller causes is bounded even if it does not wait for the response."""
    serving.may_answer.clear()
    writers = [(await serving.open())[1] for _ in range(PLACES)]
    for writer in writers:
        writer.write(GET)
    await until(lambda: len(serving.asked) == PLACES)
    for writer in writers:
        writer.transport.abort()
    late = asyncio.create_task(serving.connect())
    await until(lambda: serving.server.callers_wait or len(serving.asked) > PLACES)
    assert len(serving.asked) == PLACES
    serving.may_answer.set()
    await late


async def test_many_more_than_there_are_places_are_all_answered(serving: Serving) -> None:
    """They wait for each other, even though each keeps its connection."""
    serving.may_answer.clear()
    callers = [asyncio.create_task(serving.connect()) for _ in range(20 * PLACES)]
    await until(lambda: serving.server.callers_wait or len(serving.asked) > PLACES)
    assert len(serving.asked) <= PLACES
    serving.may_answer.set()
    await asyncio.gather(*callers)


async def test_new_connection_is_not_idle(serving: Serving) -> None:
    """Callers that have sent nothing yet are not cut off for others that come at the same time."""
    quiet = [await serving.open() for _ in range(PLACES)]
    await until(lambda: len(serving.server.connections) == PLACES)
    late = asyncio.create_task(serving.connect())
    await until(lambda: serving.server.callers_wait)
    assert all(await asyncio.gather(*(answered(pair) for pair in quiet)))
    await late


async def test_silent_connections_are_closed_in_the_end(serving: Serving) -> None:
    """They may delay others for a while, not for ever."""
    quiet = [await serving.open() for _ in range(PLACES)]
    await serving.connect()
    assert await whole(quiet[0][0]) == b""


async def test_while_others_wait_connections_are_not_kept(serving: Serving) -> None:
    """The response says so, and the caller will not use a connection that is about to be closed."""
    pairs = [await serving.open() for _ in range(PLACES)]
    serving.may_answer.clear()
    for _, writer in pairs:
        writer.write(GET)
    await until(lambda: len(serving.asked) == PLACES)
    late = asyncio.create_task(serving.connect())
    await until(lambda: serving.server.callers_wait)
    serving.may_answer.set()
    assert all([b"Connection: close" in await whole(reader) for reader, _ in pairs])
    await late


async def test_while_others_wait_what_was_sent_already_is_answered(serving: Serving) -> None:
    """The connection ends behind the last of its requests that have arrived."""
    pairs = [await serving.open() for _ in range(PLACES)]
    serving.may_answer.clear()
    for _, writer in pairs:
        writer.write(GET + GET)
    await until(lambda: len(serving.asked) == PLACES)
    late = asyncio.create_task(serving.connect())
    await until(lambda: serving.server.callers_wait)
    serving.may_answer.set()
    assert [(await whole(reader)).count(b" 200 ") for reader, _ in pairs] == [2] * PLACES
    await late


async def test_without_descriptors_callers_wait(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error, no refusal; the next check finds that descriptors are available again."""
    tried = []

    def accept(_: socket.socket) -> object:
        tried.append(True)
        if len(tried) < 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return accepts(serving._socket)

    accepts = socket.socket.accept
    monkeypatch.setattr(socket.socket, "accept", accept)
    await serving.connect()
    assert serving.faults == []


async def test_callers_that_vanish_no_longer_count(serving: Serving) -> None:
    """Even those that went away while they were being answered."""
    for _ in range(2 * PLACES):
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
    """Heads, lengths and chunks arrive in the smallest pieces."""
    reader, writer = await serving.open()
    sent = POST + b"Content-Length: 3\r\n\r\nabc" + POST
    sent += b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    for byte in sent:
        writer.write(bytes([byte]))
        await writer.drain()
    assert (await whole(reader)).count(b" 200 ") == 2
    assert serving.asked == [("POST /", b"abc")] * 2


async def test_pipelined_requests_are_answered_in_their_order(serving: Serving) -> None:
    """However many: those that wait stop the reading of their connection, not the server."""
    many = 10 * MAX_AHEAD_BYTES // len(GET)
    sent = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(many))
    answer = await serving.exchange(sent + LAST)
    assert answer.count(b" 200 ") == many + 1
    assert [path for path, _ in serving.asked[:-1]] == [f"GET /{number}" for number in range(many)]


async def test_an_error_is_answered_after_all_that_was_right(serving: Serving) -> None:
    """And ends the connection: where the next request begins is not known."""
    answer = await serving.exchange(GET + b"rubbish\r\n\r\n" + GET)
    assert answer.index(b" 200 ") < answer.index(b" 400 ")
    assert len(serving.asked) == 1


async def test_a_caller_that_sent_eof_still_gets_the_response(serving: Serving) -> None:
    """A caller may close its half of the connection after the request."""
    serving.may_answer.clear()
    reader, writer = await serving.open()
    writer.write(GET)
    writer.write_eof()
    await until(lambda: bool(serving.asked))
    serving.may_answer.set()
    assert b" 200 " in await whole(reader)


async def test_an_announced_body_is_asked_for(serving: Serving) -> None:
    """A caller that expects `100 Continue` gets it."""
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
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1001,
    ],
)
async def test_too_long_a_body_is_not_waited_for(serving: Serving, more: bytes) -> None:
    """The request is handled without it, and the connection ends."""
    answer = await serving.exchange(POST + more)
    assert b" 200 " in answer
    assert b"Connection: close" in answer
    assert serving.asked == [("POST /", b"")]


async def test_where_no_body_is_wanted_none_is_waited_for() -> None:
    """The response comes at once, though the body never does."""
    async with Serving(max_body_bytes=0) as serving:
        answer = await serving.exchange(POST + b"Content-Length: 5\r\n\r\n")
        assert b" 200 " in answer
        assert b"Connection: close" in answer


async def test_a_body_that_stalls_is_idle(serving: Serving) -> None:
    """It may go on at any time, as after a freeze; it is cut off when its place is needed."""
    stalled = await serving.connect()
    stalled[1].write(POST + b"Content-Length: 2\r\n\r\na")
    others = [await serving.connect() for _ in range(PLACES - 1)]
    assert await answered(stalled, b"b")
    stalled[1].write(POST + b"Content-Length: 2\r\n\r\na")
    for pair in others:
        assert await answered(pair)
    await serving.connect()
    assert await whole(stalled[0]) == b""


async def test_a_caller_that_does_not_read_is_idle(serving: Serving) -> None:
    """Else a few that send requests and never read would keep all others out for ever."""
    for _ in range(PLACES):
        _, writer = await serving.open()
        writer.write(GET.replace(b"/", LARGE, 1) * 2)
    await until(lambda: len(serving.asked) == 2 * PLACES)
    await serving.connect()


@pytest.mark.parametrize("fault", [ValueError(), asyncio.CancelledError()])
async def test_a_fault_of_the_handler_ends_the_connection(
    serving: Serving, fault: BaseException
) -> None:
    """Its caller does not wait for ever, its place is free; the event loop reports the fault."""
    serving.fault = fault
    assert await serving.exchange(GET) == b""
    await until(lambda: len(serving.server.connections) == 0)
    serving.fault = None
    assert b" 200 " in await serving.exchange(LAST)
    assert serving.faults == [fault] * isinstance(fault, Exception)


async def test_a_caller_that_sends_rubbish_and_goes_is_not_reported(serving: Serving) -> None:
    """Writing the first response fails with a reset; that is not an error of ours."""
    sender = socket.create_connection(serving.address)
    sender.sendall(GET * 1000 + b"rubbish\r\n\r\n")
    sender.close()
    await until(lambda: bool(serving.asked))
    await until(lambda: len(serving.server.connections) == 0)
    brief = socket.create_connection(serving.address)
    brief.sendall(b"rubbish\r\n\r\n")
    brief.close()
    assert b" 200 " in await serving.exchange(LAST)
    await until(lambda: len(serving.server.connections) == 0)
    assert serving.faults == []


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\n\n"])
async def test_another_protocol_is_refused_at_its_first_bytes(
    serving: Serving, sent: bytes
) -> None:
    """A caller that speaks TLS by mistake gets an error instead of waiting."""
    assert b" 400 " in await serving.exchange(sent)


async def test_what_waits_for_its_turn_is_bounded(serving: Serving) -> None:
    """Behind a request in progress a connection is read no further than the bound."""
    serving.may_answer.clear()
    reader, writer = await serving.open()
    writer.write(GET)
    await until(lambda: bool(serving.asked))
    writer.write(b"GET / HTTP/1.1\r\nX: %b\r\n\r\n" % (b"x" * 5000) * 5000 + LAST)
    (connection,) = serving.server.connections.busy
    await until(lambda: not connection._opened.is_reading())
    serving.may_answer.set()
    assert (await whole(reader)).count(b" 200 ") == 5002


async def test_closing_waits_a_moment_for_answers(serving: Serving) -> None:
    """A request in progress gets its response; idle connections are closed at once."""
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
    assert await whole(busy[0]) == b""


class FailsAtOnce(Serving):
    """Its handler fails before it has anything to wait for."""

    def _handle(self, head: Head, body: bytes) -> Any:
        del head, body
        raise RuntimeError("a bug of ours")


async def test_a_handler_that_fails_at_once_ends_its_connection() -> None:
    """Its caller would wait without end; the exception reaches the event loop, which logs it."""
    async with FailsAtOnce() as serving:
        reader, writer = await serving.open()
        writer.write(GET)
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        await until(lambda: serving.faults)
        assert [str(each) for each in serving.faults] == ["a bug of ours"]


async def test_nothing_is_kept_of_connections_that_are_open() -> None:
    """A task takes each of them in; it is forgotten when it is done."""
    async with Serving() as serving:
        await serving.connect()
        await until(lambda: not serving.server._opening)


def only(serving: Serving) -> Connection:
    """Return the one connection that is open."""
    [connection] = (*serving.server.connections.idle, *serving.server.connections.busy)
    return connection


async def test_a_caller_that_leaves_makes_room_at_once() -> None:
    """The next one does not wait for a check."""
    async with Serving(check_s=3600) as serving:
        pairs = [await serving.connect() for _ in range(PLACES)]
        late = asyncio.create_task(serving.connect())
        await until(lambda: serving.server._is_paused)
        pairs[0][1].transport.abort()
        await late


async def test_a_caller_that_was_answered_may_make_room_at_once() -> None:
    """The next one does not wait for a check, if others have been idle for long enough."""
    async with Serving(check_s=3600) as serving:
        stalled, *_ = [await serving.connect() for _ in range(PLACES)]
        late = asyncio.create_task(serving.connect())
        await until(lambda: serving.server._is_paused)
        stalled[1].write(b"GET")
        await until(lambda: serving.server.connections.idle[0].is_stalled)
        for _ in range(STALLED_CHECKS):
            serving.server.connections.count_check()
        stalled[1].write(GET.removeprefix(b"GET"))
        assert b"Connection: close" in await whole(stalled[0])
        await late


async def test_a_caller_that_was_answered_makes_others_the_ones_that_are_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of them makes room at once, if the one that was answered has sent more."""
    async with Serving(check_s=3600) as serving:
        first, _, third = [await serving.connect() for _ in range(PLACES)]
        late = asyncio.create_task(serving.connect())
        await until(lambda: serving.server._is_paused)
        monkeypatch.setattr("extension.http.connections.IDLE_S", 0.0)
        third[1].write(GET + b"GET")
        await late
        assert await whole(first[0]) == b""


async def test_a_caller_that_left_while_it_was_answered_no_longer_counts(serving: Serving) -> None:
    """As soon as the handler has ended; what it had sent behind its request is not kept."""
    serving.may_answer.clear()
    _, writer = await serving.open()
    writer.write(GET * 2)
    await until(lambda: bool(serving.asked))
    connection = only(serving)
    reset = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    writer.transport.abort()
    await until(lambda: connection._state is State.LOST)
    assert connection._reader.received == b""
    assert serving.server.connections.busy == (connection,)
    serving.may_answer.set()
    await until(lambda: len(serving.server.connections) == 0)


async def test_a_caller_that_left_without_reading_no_longer_counts(serving: Serving) -> None:
    """Its handler does not wait until it reads."""
    _, writer = await serving.open()
    writer.write(GET.replace(b"/", LARGE, 1) * 3)
    await until(lambda: len(serving.asked) == 3 or not only(serving)._writable.is_set())
    writer.transport.abort()
    await until(lambda: len(serving.server.connections) == 0)


async def test_the_rest_of_what_is_refused_is_discarded_to_its_end(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reset would overtake the response: the caller has it, and the end, before that."""
    monkeypatch.setattr("extension.http.connection.LINGER_S", 3600)
    reader, writer = await serving.open()
    writer.write(b"rubbish\r\n\r\n")
    assert b" 400 " in await whole(reader)
    connection = only(serving)
    assert connection._state is State.LINGERING
    writer.write(b"more of it" * 1000)
    await writer.drain()
    await until(lambda: not connection.has_unread_bytes())
    assert b"more" not in connection._reader.received
    writer.write_eof()
    await until(lambda: len(serving.server.connections) == 0)
    assert serving.asked == []


async def test_what_is_refused_is_not_discarded_for_ever(serving: Serving) -> None:
    """Its caller may never end."""
    reader, writer = await serving.open()
    writer.write(b"rubbish\r\n\r\n")
    assert b" 400 " in await whole(reader)
    await until(lambda: len(serving.server.connections) == 0)


async def test_a_connection_is_settled_when_its_requests_are_answered(serving: Serving) -> None:
    """Not before the first, nor during one, nor with half of one."""
    reader, writer = await serving.open()
    await until(lambda: len(serving.server.connections) == 1)
    connection = only(serving)
    assert not connection.is_settled
    assert await answered((reader, writer))
    assert (connection.is_settled, connection.is_stalled) == (True, False)
    serving.may_answer.clear()
    writer.write(GET + GET[:5])
    await until(lambda: len(serving.asked) == 2)
    assert (connection.is_settled, connection.is_stalled) == (False, False)
    serving.may_answer.set()
    await until(lambda: connection.is_stalled)
    assert not connection.is_settled
    writer.write(GET[5:])
    await until(lambda: connection.is_settled)


async def test_while_it_ends_no_caller_waits_for_a_place(serving: Serving) -> None:
    """None can be accepted any more."""
    serving.may_answer.clear()
    for _ in range(PLACES):
        (await serving.open())[1].write(GET)
    await until(lambda: len(serving.asked) == PLACES)
    closing = asyncio.create_task(serving.server.close(patience_s=30))
    await until(lambda: not serving.server._sockets)
    assert serving.server.connections.are_full
    assert not serving.server.callers_wait
    serving.may_answer.set()
    await closing


async def test_a_connection_that_is_gone_before_it_is_opened_does_not_count(
    serving: Serving,
) -> None:
    """Its place is another's, and so is its descriptor."""
    gone, caller = socket.socketpair()  # which refuses the options of TCP
    with gone, caller:
        serving.server._open(gone)
        assert len(serving.server.connections) == 1
        await until(lambda: len(serving.server.connections) == 0)
        assert gone.fileno() == -1
    assert serving.faults == []


async def test_a_connection_that_is_gone_before_it_is_opened_makes_room_at_once() -> None:
    """The next one does not wait for a check."""
    async with Serving(check_s=3600) as serving:
        gone = socket.socket()
        gone.close()
        serving.server._open(gone)
        serving.server._pause()
        await serving.connect()


async def test_a_connection_may_be_closed_before_it_is_opened(serving: Serving) -> None:
    """Its caller gets the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        pair = await asyncio.open_connection(*listening.getsockname())
        serving.server._open(listening.accept()[0])
    only(serving).close()
    assert await whole(pair[0]) == b""
    await until(lambda: len(serving.server.connections) == 0)
    pair[1].close()


async def test_no_socket_blocks_or_delays(serving: Serving) -> None:
    """Neither those that listen nor those that were accepted, which send at once, too."""
    await serving.connect()
    accepted = only(serving)._socket
    assert (serving._socket.gettimeout(), accepted.gettimeout()) == (0, 0)
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_while_callers_wait_they_are_not_looked_at_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only a check, or a connection that ends, looks at them: waiting takes no CPU."""
    looked = []
    accept = HttpServer._accept

    def looks(server: HttpServer, listening: socket.socket) -> None:
        looked.append(True)
        accept(server, listening)

    monkeypatch.setattr(HttpServer, "_accept", looks)
    async with Serving(check_s=3600) as serving:
        for _ in range(PLACES):
            await serving.connect()
        late = asyncio.create_task(serving.open())
        await until(lambda: serving.server._is_paused)
        await late
        before = len(looked)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(looked) == before


class AtOnce(Serving):
    """Its handler knows each reply at once."""

    def _handle(self, head: Head, body: bytes) -> Any:
        self.asked.append((head.target, body))
        return Reply(200, {}, bytes(LARGE_BYTES) if head.target == LARGE.decode() else b"ok")


async def test_a_reply_that_is_known_at_once_takes_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task takes as long as many an answer."""
    monkeypatch.delattr(Connection, "_answer")
    async with AtOnce() as serving:
        assert (await serving.exchange(GET * 3 + LAST)).count(b" 200 ") == 4
        assert serving.faults == []


async def test_replies_that_are_known_at_once_wait_for_a_caller_that_does_not_read() -> None:
    """Else they would fill the memory."""
    async with AtOnce() as serving:
        reader, writer = await serving.open()
        writer.write(GET.replace(b"/", LARGE, 1) * 4 + LAST)
        await until(lambda: bool(serving.server.connections.idle) and only(serving).is_stalled)
        assert len(serving.asked) == 2
        assert (await whole(reader)).count(b" 200 ") == 5


async def test_half_a_request_is_no_sign_of_life(serving: Serving) -> None:
    """A caller that sends byte by byte stays the one that has been idle longest."""
    first, _ = [await serving.connect() for _ in range(2)]
    idlest = serving.server.connections.idle[0]
    for byte in GET[:5]:
        first[1].write(bytes([byte]))
        await until(lambda: idlest.is_stalled)
    assert serving.server.connections.idle[0] is idlest


async def test_a_caller_that_reads_again_is_served_again(serving: Serving) -> None:
    """While its handler works its connection is busy, and not closed for another."""
    reader, writer = await serving.open()
    writer.write(GET.replace(b"/", LARGE, 1) * 2 + LAST)
    await until(lambda: bool(serving.server.connections.idle) and only(serving).is_stalled)
    serving.may_answer.clear()
    received = asyncio.create_task(whole(reader))
    await until(lambda: len(serving.asked) == 3)
    assert len(serving.server.connections.busy) == 1
    serving.may_answer.set()
    assert (await received).count(b" 200 ") == 3


async def test_no_place_is_given_up_while_there_are_free_ones(serving: Serving) -> None:
    """A caller in the kernel's queue is accepted in a moment, so it does not wait for a place."""
    with socket.create_connection(serving.address):
        assert not serving.server.callers_wait


async def test_a_last_response_frees_its_place_at_once(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the caller keeps its end open: only the rest of what is refused is discarded."""
    monkeypatch.setattr("extension.http.connection.LINGER_S", 3600)
    reader, writer = await serving.open()
    writer.write(LAST)
    assert b" 200 " in await whole(reader)
    await until(lambda: len(serving.server.connections) == 0)


async def test_sockets_need_only_be_bound() -> None:
    """They are bound before the process registers, and nothing is accepted until it can answer."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = HttpServer(lambda *_: Reply(200, {}, b"ok"), max_connections=1, max_body_bytes=0)
        await server.start([bound], backlog=1)
        pair = await asyncio.open_connection(*bound.getsockname())
        assert await answered(pair)
        pair[1].close()
        await server.close(patience_s=1)


async def test_a_request_that_was_not_read_yet_is_more_to_come(serving: Serving) -> None:
    """Its connection is not closed for a caller that waits: it may be in the kernel's buffer."""
    with socket.create_connection(serving.address) as caller:
        await until(lambda: len(serving.server.connections) == 1)
        connection = only(serving)
        assert not connection._has_more()
        caller.sendall(GET)
        select.select([connection._socket], [], [], PATIENCE_S)  # the event loop reads nothing yet
        assert connection._has_more()
        await until(lambda: bool(serving.asked))
    assert serving.asked == [("GET /", b"")]


async def test_behind_a_request_as_much_is_read_as_the_bound(serving: Serving) -> None:
    """With one byte more nothing else is read until it is answered."""
    serving.may_answer.clear()
    _, writer = await serving.open()
    writer.write(GET)
    await until(lambda: bool(serving.asked))
    connection = only(serving)
    writer.write(b"x" * MAX_AHEAD_BYTES)
    await until(lambda: len(connection._reader.received) == MAX_AHEAD_BYTES)
    assert connection._opened.is_reading()
    writer.write(b"x")
    await until(lambda: not connection._opened.is_reading())


async def test_after_the_callers_end_there_is_nothing_to_discard(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused then ends the connection at once: nothing more can come."""
    monkeypatch.setattr("extension.http.connection.LINGER_S", 3600)
    serving.may_answer.clear()
    reader, writer = await serving.open()
    writer.write(GET + b"rubbish\r\n\r\n")
    writer.write_eof()
    await until(lambda: bool(serving.asked))
    connection = only(serving)
    await until(lambda: connection._state is State.HALF_CLOSED)
    serving.may_answer.set()
    assert b" 400 " in await whole(reader)
    await until(lambda: len(serving.server.connections) == 0)


async def test_the_callers_end_is_the_end_of_what_is_refused(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection ends with the answer: no rest of the body can come."""
    monkeypatch.setattr("extension.http.connection.LINGER_S", 3600)
    serving.may_answer.clear()
    reader, writer = await serving.open()
    writer.write(POST + b"Content-Length: 5000\r\n\r\n")
    await until(lambda: bool(serving.asked))
    connection = only(serving)
    assert connection._state is State.LINGERING
    writer.write_eof()
    await until(lambda: connection._state is State.LAST)
    serving.may_answer.set()
    assert b" 200 " in await whole(reader)
    await until(lambda: len(serving.server.connections) == 0)


async def test_a_server_that_is_closed_leaves_nothing_in_the_event_loop() -> None:
    """The number of its socket may be another's soon."""
    async with Serving() as serving:
        descriptor = serving._socket.fileno()
        await serving.server.close(patience_s=0)
        assert not asyncio.get_running_loop().remove_reader(descriptor)
