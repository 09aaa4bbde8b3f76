"""The client of the Extensions API, over its one connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from extension.http.messages import BadMessageError
from extension.platform.bootstrap import Start
from extension.platform.early_calls import request_next
from extension.platform.events import Invoke, Shutdown
from extension.platform.extensions_api import ExtensionsApi, _read_head, receive
from extension.platform.plain_http import Address, RefusedError
from tests.blackholes import full_backlog
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S, until

GOODBYE = Shutdown(reason="spindown", deadline_ms=1)
EVENT = b'{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":1}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(EVENT) + EVENT
LAST = WHOLE.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n", 1)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + WHOLE
NO_LENGTH = b"HTTP/1.0 200 OK\r\n\r\n" + EVENT
IN_CHUNKS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n" % len(EVENT)
    + EVENT
    + b"\r\n0\r\n\r\n"
)


class Platform:
    """Sends scripted responses, a list for each connection."""

    def __init__(self, connections: Sequence[Sequence[bytes]]) -> None:
        self._connections = iter(connections)
        self.requests: list[bytes] = []
        self.connected = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        for answer in next(self._connections, []):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
        writer.close()

    @asynccontextmanager
    async def running(self, *, early: bool = False) -> AsyncIterator[ExtensionsApi]:
        """Listen, and yield a client; `early`: the bootstrap has requested /next already."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.start = Start(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        self.start.identifier = "the-identifier"
        if early:
            await asyncio.to_thread(request_next, self.start)
        api = ExtensionsApi(self.start)
        async with server:
            yield api
            for each in (api._kept, self.start.pending_next):
                if each is not None:
                    each.close()


async def test_calls_share_a_connection() -> None:
    """No new descriptor is needed; each call names the extension."""
    platform = Platform([[WHOLE, IN_CHUNKS]])
    async with platform.running() as api:
        events = [await api.next_event() for _ in range(2)]
    assert events == [GOODBYE] * 2
    assert platform.connected == 1
    for request in platform.requests:
        assert request.startswith(b"GET /2020-01-01/extension/event/next HTTP/1.1\r\n")
        assert b"\r\nLambda-Extension-Identifier: the-identifier\r\n" in request


async def test_an_event_that_was_received_before_comes_first() -> None:
    """A repeated start has received it; /next is requested after it."""
    platform = Platform([[WHOLE]])
    async with platform.running() as api:
        held = b'{"eventType":"INVOKE","requestId":"r","deadlineMs":9}'
        platform.start.held_event, platform.start.held_ns = held, 7
        assert await api.next_event() == Invoke(request_id="r", deadline_ms=9, received_ns=7)
        assert platform.requests == []
        assert await api.next_event() == GOODBYE
    assert len(platform.requests) == 1


@pytest.mark.parametrize("before", [WHOLE, LAST])
async def test_a_connection_that_died_is_replaced(before: bytes) -> None:
    """Lost in a freeze, or closed by the platform: the call is made over a new connection."""
    platform = Platform([[before], [WHOLE]])
    async with platform.running() as api:
        assert [await api.next_event() for _ in range(2)] == [GOODBYE] * 2
    assert platform.connected == 2


async def test_a_connection_that_takes_no_request_is_closed_and_replaced() -> None:
    """It was reset while the sandbox was frozen; its descriptor is needed."""
    ours, theirs = socket.socketpair()
    theirs.close()
    ours.settimeout(0)
    platform = Platform([[WHOLE]])
    async with platform.running() as api:
        api._kept = ours
        assert await api.next_event() == GOODBYE
        assert ours.fileno() == -1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", BadMessageError),
        (WHOLE[:-1], BadMessageError),
        (b"SSH-2.0\r\n\r\n", BadMessageError),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}", RefusedError),
    ],
)
async def test_a_bad_response_is_an_error(answer: bytes, error: type[Exception]) -> None:
    """Nothing, half of one, another protocol, a refusal; the next call uses a new connection."""
    platform = Platform([[answer], [WHOLE]])
    async with platform.running() as api:
        with pytest.raises(error):
            await api.next_event()
        assert await api.next_event() == GOODBYE


@pytest.mark.parametrize("answer", [INTERIM, NO_LENGTH])
async def test_an_event_may_come_in_any_form_of_http(answer: bytes) -> None:
    """After an interim response, or up to the end of the connection: no event may be lost."""
    platform = Platform([[answer], [WHOLE]])
    async with platform.running() as api:
        assert [await api.next_event() for _ in range(2)] == [GOODBYE] * 2


async def test_a_connection_that_the_platform_closes_is_not_used_again() -> None:
    """The response announces it; the next call could be lost on it."""
    platform = Platform([[LAST, WHOLE], [WHOLE]])
    async with platform.running() as api:
        assert [await api.next_event() for _ in range(2)] == [GOODBYE] * 2
    assert platform.connected == 2


async def test_a_connection_with_more_than_the_response_is_not_used_again() -> None:
    """The next call would take what is left for its own response."""
    platform = Platform([[WHOLE + b"HTTP/1.1 200 OK\r\n", WHOLE], [WHOLE]])
    async with platform.running() as api:
        assert [await api.next_event() for _ in range(2)] == [GOODBYE] * 2
    assert platform.connected == 2


async def test_the_response_to_the_bootstraps_request_is_read() -> None:
    """A second request for /next while the first is pending is refused."""
    platform = Platform([[WHOLE, WHOLE]])
    async with platform.running(early=True) as api:
        assert await api.next_event() == GOODBYE
        assert len(platform.requests) == 1
        assert platform.start.pending_next is None
        assert await api.next_event() == GOODBYE
    assert platform.connected == 1


async def test_the_bootstraps_connection_may_be_lost() -> None:
    """The platform has closed it: /next is requested again."""
    platform = Platform([[b""], [WHOLE]])
    async with platform.running(early=True) as api:
        assert await api.next_event() == GOODBYE
    assert platform.connected == 2


async def test_a_pending_response_can_be_read_elsewhere() -> None:
    """If the event loop dies while /next is pending, `survive` finds the connection in `Start`."""
    platform = Platform([[WHOLE]])
    async with platform.running() as api:
        waiting = asyncio.create_task(api.next_event())
        await until(lambda: platform.start.pending_next is not None or waiting.done())
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled() == (platform.start.pending_next is not None)


@pytest.mark.parametrize(("status", "is_final"), [(403, True), (429, False), (500, False)])
async def test_a_refusal_says_whether_it_is_final(status: int, is_final: bool) -> None:
    """A status of 4xx will not change, except 429; one of 5xx may."""
    platform = Platform([[b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\n{}" % status]])
    async with platform.running() as api:
        with pytest.raises(RefusedError) as refused:
            await api.next_event()
    assert refused.value.is_final is is_final


@pytest.mark.parametrize("cut", [10, 30, len(INTERIM) - len(WHOLE), len(INTERIM) - 5])
async def test_a_response_may_come_in_pieces(cut: int) -> None:
    """What is interim ends nothing."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        reading = asyncio.ensure_future(receive(ours))
        theirs.sendall(INTERIM[:cut])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        theirs.sendall(INTERIM[cut:])
        response, stays_open = await asyncio.wait_for(reading, PATIENCE_S)
    assert (response.status, response.body, stays_open) == (200, EVENT, True)


def test_an_interim_response_alone_is_no_response() -> None:
    """The head that counts is still to come."""
    received = bytearray(INTERIM[: -len(WHOLE)])
    assert _read_head(received) is None
    received += WHOLE
    head = _read_head(received)
    assert head is not None
    assert (head.target, bytes(received)) == ("200", EVENT)


async def test_an_address_that_refuses_is_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name may have several; where none accepts, the last failure is raised."""
    platform = Platform([[WHOLE]])
    async with platform.running() as api:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0)
        addresses = [(*kind, ("127.0.0.1", free_port())), *platform.start.api_address.resolve()]
        monkeypatch.setattr(Address, "resolve", lambda _: addresses)
        assert await api.next_event() == GOODBYE
    addresses[1:] = []
    with pytest.raises(ConnectionRefusedError):
        await ExtensionsApi(platform.start).next_event()
    addresses.clear()
    with pytest.raises(OSError, match="has no address"):
        await ExtensionsApi(platform.start).next_event()


async def test_a_connection_that_is_not_waited_for_any_more_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the process is asked to end; no other address is tried."""
    with full_backlog() as port, socket.create_server(("127.0.0.1", 0)) as other:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0)
        addresses = [(*kind, ("127.0.0.1", port)), (*kind, other.getsockname())]
        monkeypatch.setattr(Address, "resolve", lambda _: addresses)
        start = Start("name")
        waiting = asyncio.create_task(ExtensionsApi(start).next_event())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert start.pending_next is None
