"""HTTP/1.1 for the cache and the telemetry listener, over sockets that are bound already.

Not aiohttp's server: with it who wants parameters alone would wait a quarter longer for the first
/next, and a cached GET would take twice the CPU. `http_messages` judges what HTTP is; this room
bounds what a caller can make us keep, and answers the requests of a connection one after the other.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from extension.connections import Connections
from extension.http_messages import (
    END_OF_HEAD,
    END_OF_LINE,
    BadMessageError,
    Head,
    Reply,
    encode,
    is_request,
    read_body,
    read_request_head,
)

MOST_AHEAD = 65_536
"""Bytes that may wait behind the request being answered; beyond them a connection is not read."""

LINGER_S = 1.0
"""How long what still comes of a refused request is thrown away, so that the answer arrives."""

BAD_REQUEST = Reply(400, {}, b"")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Handler = Callable[[Head, bytes], Awaitable[Reply]]
"""From the head and the body of a request to its reply; should it raise, the connection ends."""

_Request = tuple[Head | None, bytes]
"""Head and body; without a head it was none, and is refused."""


class HttpServer:
    """Serves a handler.

    A body that is longer than `max_body_bytes` is not waited for: its request is handled without
    one, and is the last of its connection. Half a request may wait as long as it likes, for a
    freeze can tear any request in two: until it is whole its connection is idle, and makes room.
    """

    def __init__(self, handler: Handler, *, max_connections: int, max_body_bytes: int) -> None:
        self.handler = handler
        self.max_body_bytes = max_body_bytes
        self.connections: Connections[_Connection] = Connections(at_most=max_connections)
        self._accepting: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket.socket], *, backlog: int) -> None:
        """Accept connections; asyncio accepts up to `backlog` of them in one go."""
        loop = asyncio.get_running_loop()
        for each in sockets:
            accepting = loop.create_server(lambda: _Connection(self), sock=each, backlog=backlog)
            self._accepting.append(await accepting)

    async def close(self, *, patience_s: float) -> None:
        """Stop; requests under way get a moment, then their connections are closed."""
        for accepting in self._accepting:
            accepting.close()
        for idle in self.connections.idle:
            idle.close()
        under_way = [each.answering for each in self.connections.busy if each.answering]
        if under_way:
            await asyncio.wait(under_way, timeout=patience_s)
        for each in (*self.connections.idle, *self.connections.busy):
            each.close()


class _Connection(asyncio.Protocol):
    """One connection: bytes to requests, one after the other, each to a reply."""

    def __init__(self, server: HttpServer) -> None:
        self.answering: asyncio.Task[None] | None = None
        self._server = server
        self._received = bytearray()
        """What has not been read yet, also because earlier requests are still being answered."""
        self._head: Head | None = None
        """Of the request whose body is still to come."""
        self._body = bytearray()
        self._has_ended = False
        """The caller sends no more; what came before that is answered."""
        self._is_last = False
        """No more requests are read, because of an error or by the caller's wish."""
        self._lingers = False
        """The rest of the last request is still to come."""
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # asyncio does it only for sockets that were made with the protocol's number.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._server.connections.admit(self):
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._is_last:
            return
        self._received += data
        if self.answering is None:
            self._begin()
        elif len(self._received) > MOST_AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._has_ended = True
        return self.answering is not None  # the caller may still read what it asked for

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_the_rest()
        self._writable.set()
        self._server.connections.forget(self)

    def close(self) -> None:
        """End it at once."""
        self._forget_the_rest()
        self._transport.abort()

    def _begin(self) -> None:
        request = self._next()
        if request is not None:
            self._server.connections.answering(self)
            self.answering = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: _Request | None) -> None:
        """Answer a request and all that wait behind it."""
        try:
            while request is not None:
                await self._reply(*request)
                request = self._next()
        except BaseException:  # a fault of ours; left open, its caller would wait for ever
            self.close()
            raise
        finally:
            self.answering = None
        self._transport.resume_reading()
        self._server.connections.answered(self)
        if self._is_last or self._has_ended:
            self._say_goodbye()

    async def _reply(self, head: Head | None, body: bytes) -> None:
        reply = BAD_REQUEST if head is None else await self._server.handler(head, body)
        if not self._writable.is_set():  # who does not read what it asked for counts as idle
            self._server.connections.answered(self)
            await self._writable.wait()
            self._server.connections.answering(self)
        self._transport.write(encode(reply, to=head, close=self._is_last))

    def _next(self) -> _Request | None:
        """Read the next request; None if it is not whole, or not wanted any more."""
        if self._is_last or self._transport.is_closing():
            return None
        try:
            body = self._read()
        except BadMessageError:
            self._is_last = self._lingers = True
            return None, b""
        head = self._head
        if head is None or body is None:
            return None
        if not head.keeps_alive:
            self._is_last = True
        self._head = None
        self._body.clear()
        return head, body

    def _read(self) -> bytes | None:
        """Read on in a head and its body; return the body when it is whole, or too long."""
        self._head = head = self._head or self._read_head()
        if head is None:
            return None
        whole = read_body(head, self._received, self._body)
        came = len(self._body) + (0 if whole else max(len(self._received), 1))
        if (came if head.length is None else head.length) > self._server.max_body_bytes:
            self._is_last = self._lingers = True
            return b""
        return bytes(self._body) if whole else None

    def _read_head(self) -> Head | None:
        received = self._received
        while received.startswith(END_OF_LINE):  # RFC 9112, 2.2: some send one too many
            del received[: len(END_OF_LINE)]
        end = received.find(END_OF_HEAD)
        if end < 0:
            if not is_request(received):
                raise BadMessageError("no request")
            return None
        head = read_request_head(bytes(received[:end]))
        del received[: end + len(END_OF_HEAD)]
        expects = head.minor and head.headers.get("expect", "").lower() == "100-continue"
        if expects and not received:
            self._transport.write(CONTINUE)
        return head

    def _say_goodbye(self) -> None:
        """Close; not before the rest has come, or a reset would overtake the answer."""
        if self._lingers and not self._has_ended and not self._transport.is_closing():
            with suppress(OSError):  # a caller who is gone may reset it on its last answer
                self._transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_S, self._transport.close)
        else:
            self._transport.close()

    def _forget_the_rest(self) -> None:
        self._is_last = True
        self._received.clear()
