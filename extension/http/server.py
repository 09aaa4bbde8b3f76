"""HTTP/1.1 for the cache and the telemetry listener, over sockets that are bound already.

Not aiohttp's server: with it a parameters-only function would wait a quarter longer for the first
/next, and a cached GET would take twice the CPU. `http_messages` judges what HTTP is; this room
bounds what a caller can make us keep, and answers the requests of a connection one after the other.
While callers wait in the queue, answers carry `Connection: close`, so that connections end without
being cut.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from extension.http.acceptor import LOOK_S, Acceptor
from extension.http.connections import Connections
from extension.http.messages import (
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
    one, and is the last of its connection. Half a request may wait as long as it likes, because a
    freeze can tear any request in two; its connection is closed only while callers wait.

    A request whose caller has gone counts as a connection until its handler ends.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        max_connections: int,
        max_body_bytes: int,
        patience: bool = True,
        look_s: float = LOOK_S,
    ) -> None:
        self.handler = handler
        self.max_body_bytes = max_body_bytes
        self.connections: Connections[_Connection] = Connections(
            at_most=max_connections, patience=patience
        )
        self._look_s = look_s
        self._acceptor: Acceptor | None = None
        self._opening: set[asyncio.Task[None]] = set()

    async def start(self, sockets: Sequence[socket.socket], *, backlog: int) -> None:
        """Accept connections; the kernel keeps up to `backlog` more of them waiting."""
        for each in sockets:
            each.settimeout(0)
            each.listen(backlog)
        self._acceptor = Acceptor(
            sockets,
            has_place=lambda: not self.connections.is_full,
            make_place=self._make_place,
            take=self._take,
            look=self.connections.look,
            look_s=self._look_s,
        )

    @property
    def has_waiting(self) -> bool:
        """Whether callers wait because there are too many connections."""
        if self._acceptor is None or not self.connections.is_full:
            return False
        return self._acceptor.callers_wait

    def place_is_free(self) -> None:
        """Learn that a connection ended, or may be closed now."""
        if self._acceptor is not None:
            self._acceptor.resume()

    async def close(self, *, patience_s: float) -> None:
        """Stop; requests under way get a moment, then their connections are closed."""
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
        for idle in self.connections.idle:
            idle.close()
        await self.settled(within_s=patience_s)
        for each in (*self.connections.idle, *self.connections.busy):
            each.close()

    async def settled(self, *, within_s: float) -> None:
        """Wait until the requests under way are answered."""
        under_way = [each.answering for each in self.connections.busy if each.answering]
        if under_way:
            await asyncio.wait(under_way, timeout=within_s)

    def _make_place(self) -> bool:
        return self.connections.make_room(now=asyncio.get_running_loop().time())

    def _take(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection = _Connection(self, accepted)
        self.connections.admit(connection, now=loop.time())
        opening = loop.create_task(self._open(connection, accepted))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _open(self, connection: _Connection, accepted: socket.socket) -> None:
        try:
            accepted.settimeout(0)
            # asyncio does it only for sockets that were made with the protocol's number.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, accepted)
        except OSError:  # its caller has gone already
            accepted.close()
            self.connections.forget(connection)
            self.place_is_free()


class _Connection(asyncio.Protocol):
    """One connection: bytes to requests, one after the other, each to a reply."""

    def __init__(self, server: HttpServer, accepted: socket.socket) -> None:
        self.answering: asyncio.Task[None] | None = None
        self._server = server
        self._socket = accepted
        self._is_open = False
        """It has a transport; asyncio makes it a moment after the connection is accepted."""
        self._was_answered = False
        """At least one request was."""
        self._is_lost = False
        """Its caller has gone, or was cut off."""
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
        self._is_open = True
        if self._is_lost:  # cut off before it was open
            transport.abort()

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
        self._is_lost = True
        self._forget_the_rest()
        self._writable.set()
        if self.answering is None:  # else it counts until its handler ends
            self._leave()

    @property
    def is_settled(self) -> bool:
        """Whether it has had at least one request, and all were answered."""
        if not self._was_answered or self.answering or self.is_torn:
            return False
        return self._transport.get_write_buffer_size() == 0

    @property
    def is_torn(self) -> bool:
        """Whether half a request has arrived, or an answer is not being read."""
        if self.answering:
            return not self._writable.is_set()
        return bool(self._received or self._head)

    def has_sent_more(self) -> bool:
        """Whether bytes have arrived that were not read yet."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def close(self) -> None:
        """End it at once."""
        self._is_lost = True
        self._forget_the_rest()
        if self._is_open:
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
            if self._is_lost:
                self._leave()
        self._transport.resume_reading()
        self._rest()
        if self._is_last or self._has_ended:
            self._say_goodbye()
        elif not self._is_lost:
            self._server.place_is_free()

    async def _reply(self, head: Head | None, body: bytes) -> None:
        reply = BAD_REQUEST if head is None else await self._server.handler(head, body)
        if not self._writable.is_set():  # who does not read what it asked for counts as idle
            self._rest()
            await self._writable.wait()
            self._server.connections.answering(self)
        if self._server.has_waiting and not self._received and not self.has_sent_more():
            self._is_last = True
        self._transport.write(encode(reply, to=head, close=self._is_last))
        self._was_answered = True

    def _rest(self) -> None:
        """Count as waiting for the caller from now on."""
        self._server.connections.answered(self, now=asyncio.get_running_loop().time())

    def _leave(self) -> None:
        """Stop counting, so that another connection can be accepted."""
        self._server.connections.forget(self)
        self._server.place_is_free()

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
