"""HTTP/1.1 for the cache and the telemetry listener, over sockets that are bound already.

Not aiohttp's server: with it who wants parameters alone would wait a quarter longer for the first
/next, and a cached GET would take twice the CPU. `http_messages` judges what HTTP is; this room
bounds what a caller can make us keep, and answers the requests of a connection one after the other.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

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

MOST_WAITING = 32
"""Pipelined requests of one connection; it is not read while more wait for their answers."""

BODY_S = 1.0
"""Longest wait for a body that has begun, else half-sent ones would use up the connections."""

LINGER_S = 1.0
"""How long what still comes of a refused request is thrown away, so that the answer arrives."""

BAD_REQUEST = Reply(400, {}, b"")
REQUEST_TIMEOUT = Reply(408, {}, b"")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Handler = Callable[[Head, bytes], Awaitable[Reply]]
"""From the head and the body of a request to its reply; raises nothing."""


class HttpServer:
    """Serves a handler.

    A body that is longer than `max_body_bytes` is not waited for: its request is handled without
    one, and is the last of its connection.
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
        for each in self._accepting:
            each.close()
        for idle in self.connections.idle:
            idle.close()
        under_way = [each.answering for each in self.connections.busy if each.answering]
        if under_way:
            await asyncio.wait(under_way, timeout=patience_s)
        for busy in self.connections.busy:
            busy.close()


class _Connection(asyncio.Protocol):
    """One connection: bytes to requests, requests in turn to replies."""

    def __init__(self, server: HttpServer) -> None:
        self.answering: asyncio.Task[None] | None = None
        self._server = server
        self._received = bytearray()
        self._head: Head | None = None
        """Of the request whose body is still to come."""
        self._body_timer: asyncio.TimerHandle | None = None
        self._waiting: deque[tuple[Head | None, bytes | Reply]] = deque()
        """Requests with their bodies, or with their replies where no handler is asked."""
        self._is_last = False
        """Nothing more is read, because of an error or by the caller's wish."""
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
        try:
            while self._read_one():
                pass
        except BadMessageError:
            self._refuse(BAD_REQUEST)

    def eof_received(self) -> bool:
        self._is_last = True
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

    def _read_one(self) -> bool:
        """Read one request and put it in line; False if none is whole, or wanted any more."""
        if self._is_last:
            return False
        self._head = self._head or self._read_head()
        if self._head is None:
            return False
        body = self._read_body(self._head)
        if body is None:
            loop = asyncio.get_running_loop()
            self._body_timer = self._body_timer or loop.call_later(
                BODY_S, self._refuse, REQUEST_TIMEOUT
            )
            return False
        if not self._head.keeps_alive:
            self._is_last = True
        self._put_in_line(body)
        return True

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
        expects = head.headers.get("expect", "").lower() == "100-continue"
        if expects and self.answering is None:
            self._transport.write(CONTINUE)
        return head

    def _read_body(self, head: Head) -> bytes | None:
        """Return the body if it is whole, None if not yet; one that is too long is cut off."""
        found = read_body(head, self._received)
        announced = max(len(self._received), 1) if head.length is None else head.length
        if (announced if found is None else len(found[0])) > self._server.max_body_bytes:
            self._is_last = self._lingers = True
            return b""
        if found is None:
            return None
        body, end = found
        del self._received[:end]
        return body

    def _refuse(self, reply: Reply) -> None:
        """Answer what cannot be read to its end, after all before it, and read no more."""
        if not self._is_last:
            self._is_last = self._lingers = True
            self._put_in_line(reply)

    def _put_in_line(self, what: bytes | Reply) -> None:
        self._waiting.append((self._head, what))
        self._head = None
        self._stop_timer()
        if len(self._waiting) > MOST_WAITING:
            self._transport.pause_reading()
        if self.answering is None:
            self._server.connections.answering(self)
            self.answering = asyncio.get_running_loop().create_task(self._answer_in_turn())

    async def _answer_in_turn(self) -> None:
        while self._waiting:
            head, what = self._waiting.popleft()
            if len(self._waiting) == MOST_WAITING:
                self._transport.resume_reading()
            if isinstance(what, bytes):
                assert head is not None
                reply = await self._server.handler(head, what)
            else:
                reply = what
            await self._writable.wait()
            close = self._is_last and not self._waiting
            self._transport.write(encode(reply, to=head, close=close))
        self.answering = None
        self._server.connections.answered(self)
        if self._is_last:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        """Close; not before the rest has come, or a reset would overtake the answer."""
        if self._lingers and not self._transport.is_closing():
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_S, self._transport.close)
        else:
            self._transport.close()

    def _forget_the_rest(self) -> None:
        self._is_last = True
        self._waiting.clear()
        self._received.clear()
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._body_timer:
            self._body_timer.cancel()
            self._body_timer = None
