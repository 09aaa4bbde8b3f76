"""One HTTP connection: its requests are answered one after the other.

Its states say which requests are read:

    OPEN ──── the caller has sent EOF ────────▶ HALF_CLOSED   those that it sent before
      │                                              │
      ├──── `Connection: close`, or callers wait ────┴──▶ LAST   none: close after this response
      │                                                    ▲
      └──── a request that is refused ──▶ LINGERING ── EOF ┘
                                          as LAST, but first discard the rest of the request

and from each of them to LOST, when the caller has gone or the connection is closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING

from extension.http.messages import Head, Reply, encode
from extension.http.requests import Request, RequestReader

if TYPE_CHECKING:
    from extension.http.server import HttpServer

MAX_AHEAD_BYTES = 65_536
"""May wait after the request in progress; with more, the connection is not read any further."""

LINGER_S = 1.0
"""How long the rest of a refused request is discarded. Closing at once would reset the connection,
and a reset can overtake the response."""

BAD_REQUEST = Reply(400, {}, b"")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Handler = Callable[[Head, bytes], Reply | Awaitable[Reply]]
"""From the head and the body of a request to its reply; if it raises, the connection ends.

A reply that is known at once is sent without a task, which takes as long as many an answer."""


class State(Enum):
    """See the diagram above."""

    OPEN = auto()
    HALF_CLOSED = auto()
    LAST = auto()
    LINGERING = auto()
    LOST = auto()


READING = (State.OPEN, State.HALF_CLOSED)


class Connection(asyncio.Protocol):
    """One accepted connection, as long as it counts."""

    def __init__(
        self, server: HttpServer, accepted: socket.socket, *, handler: Handler, max_body_bytes: int
    ) -> None:
        # Shared by the connections of a server
        self._server = server
        self._handler = handler

        # Per connection
        self._socket = accepted
        self._transport: asyncio.Transport | None = None
        """asyncio creates it a moment after the connection is accepted."""
        self._state = State.OPEN
        self._reader = RequestReader(max_body_bytes=max_body_bytes)
        self._writable = asyncio.Event()
        """Not set while the caller does not read its responses."""
        self._writable.set()
        self._was_answered = False
        """At least one request was."""

        # Per request, or several that wait in a row
        self.answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._state is State.LOST:  # closed before it had a transport
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Begin with the first request that is complete; those after it wait."""
        if self._state not in READING:
            return
        if self.answering is None:
            self._begin(data)
            return
        self._reader.received += data
        if len(self._reader.received) > MAX_AHEAD_BYTES:
            self._opened.pause_reading()

    def eof_received(self) -> bool:
        """Return True to keep the connection open for the responses still to be sent."""
        if self._state is State.OPEN:
            self._state = State.HALF_CLOSED
        elif self._state is State.LINGERING:
            self._state = State.LAST  # nothing is left to discard
        return self.answering is not None

    def pause_writing(self) -> None:
        """Write no more responses: the caller does not read those it has."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection, unless a handler still works for it."""
        self._lose()
        self._writable.set()  # the handler's response goes nowhere, without waiting
        if self.answering is None:
            self._leave()

    @property
    def is_settled(self) -> bool:
        """Whether it has had at least one request, and all were answered."""
        if not self._was_answered or self.answering or self.is_stalled:
            return False
        return self._opened.get_write_buffer_size() == 0

    @property
    def is_stalled(self) -> bool:
        """Whether an incomplete request has arrived, or a response is not being read."""
        if self.answering:
            return not self._writable.is_set()
        return self._reader.has_incomplete

    def has_unread_bytes(self) -> bool:
        """Return whether bytes have arrived that the event loop has not delivered yet."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def close(self) -> None:
        """End it at once."""
        self._lose()
        if self._transport is not None:
            self._transport.abort()

    @property
    def _opened(self) -> asyncio.Transport:
        """The transport; nothing that uses it is called before `connection_made`."""
        assert self._transport is not None
        return self._transport

    def _begin(self, received: bytes) -> None:
        """Answer what can be answered at once; a task answers what is left."""
        request = self._next_request(received)
        if request is None:
            return
        while request is not None:
            reply = self._handle(request)
            if not isinstance(reply, Reply) or not self._writable.is_set():
                self._server.connections.answering(self)
                self.answering = asyncio.get_running_loop().create_task(
                    self._answer(request, reply), name="answer HTTP requests"
                )
                return
            self._send(reply, request)
            request = self._next_request()
        self._end_of_turn()

    def _handle(self, request: Request) -> Reply | Awaitable[Reply]:
        return self._handler(request.head, request.body) if request.head else BAD_REQUEST

    async def _answer(self, request: Request | None, reply: Reply | Awaitable[Reply]) -> None:
        """Answer a request and all that wait after it."""
        try:
            while request is not None:
                await self._reply(request, reply)
                request = self._next_request()
                if request is not None:
                    reply = self._handle(request)
        except BaseException:  # a bug of ours; left open, its caller would wait without end
            self.close()
            raise
        finally:
            self.answering = None
            if self._state is State.LOST:
                self._leave()
        self._opened.resume_reading()
        self._end_of_turn()

    def _end_of_turn(self) -> None:
        """Wait for the caller, or end with it."""
        self._become_idle()
        if self._state is State.OPEN:
            self._server.resume_accepting()
        else:
            self._finish()

    async def _reply(self, request: Request, reply: Reply | Awaitable[Reply]) -> None:
        if not isinstance(reply, Reply):
            reply = await reply
        if not self._writable.is_set():  # a caller that does not read its responses counts as idle
            self._become_idle()
            await self._writable.wait()
            self._server.connections.answering(self)
        self._send(reply, request)

    def _send(self, reply: Reply, request: Request) -> None:
        if self._server.callers_wait and self._state in READING and not self._has_more():
            self._state = State.LAST  # its place is needed
        closes = self._state not in READING
        date = self._server.date() if request.head else ""
        self._opened.write(encode(reply, to=request.head, close=closes, date=date))
        self._was_answered = True

    def _next_request(self, received: bytes = b"") -> Request | None:
        """Return the next request; None if it is incomplete, or no more are read."""
        if self._state not in READING or self._opened.is_closing():
            return None
        request = self._reader.next_request(received)
        if self._reader.expects_continue:
            self._opened.write(CONTINUE)
        if request is None:
            return None
        if request.is_refused and self._state is State.OPEN:
            self._state = State.LINGERING
        elif request.is_refused or (request.head and not request.head.keeps_alive):
            self._state = State.LAST  # by the caller's wish, or nothing is left to discard
        return request

    def _has_more(self) -> bool:
        """Return whether the caller has sent more than the request in progress."""
        return bool(self._reader.received) or self.has_unread_bytes()

    def _lose(self) -> None:
        """Read no more requests; the handler in progress runs to its end."""
        self._state = State.LOST
        self._reader.received.clear()

    def _finish(self) -> None:
        """Close the connection; if LINGERING, after the rest of the request, or a moment."""
        transport = self._opened
        if self._state is State.LINGERING:
            with suppress(OSError):  # the caller may have reset the connection
                transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_S, transport.close)
        else:
            transport.close()

    def _become_idle(self) -> None:
        """Count as idle: it is the caller's turn."""
        self._server.connections.answered(self, now=asyncio.get_running_loop().time())

    def _leave(self) -> None:
        """Stop counting, so that another connection can be accepted."""
        self._server.connections.forget(self)
        self._server.resume_accepting()
