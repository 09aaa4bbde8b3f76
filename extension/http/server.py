"""The HTTP/1.1 server of the cache and of the telemetry listener, over sockets bound already.

Not aiohttp's server: with it the first /next of a parameters-only function would come a quarter
later, and a cached GET would take twice the CPU. `messages` parses, `connection` answers the
requests of one connection, `connections` decides which connection may be closed for another.

Connections are accepted up to a bound; callers beyond it wait in the kernel's queue. asyncio's own
server accepts every connection at once, so that excess ones could only be reset. A caller in the
queue is connected and can send its request: all it notices is the wait. While callers wait,
responses say `Connection: close`, so that connections end without being cut.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable, Sequence

from extension.http.connection import Connection, Handler
from extension.http.connections import Connections

AT_ONCE = 64
"""Connections accepted in one go, before those that are open get their turn."""

CHECK_S = 0.5
"""Seconds between two checks for a connection to close, while callers wait."""


class HttpServer:
    """Serves a handler.

    A body longer than `max_body_bytes` is not waited for: its request is handled without a body,
    and is the last one of its connection. An incomplete request may wait without limit, because a
    freeze can interrupt any request; its connection is closed only while callers wait.

    A request whose caller has gone counts as a connection until its handler ends.

    `date` returns what responses have as their `Date`: with an empty one they have none.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        max_connections: int,
        max_body_bytes: int,
        patience: bool = True,
        check_s: float = CHECK_S,
        date: Callable[[], str] = str,
    ) -> None:
        self.connections: Connections[Connection] = Connections(
            at_most=max_connections, patience=patience
        )
        self._handler = handler
        self._max_body_bytes = max_body_bytes
        self._check_s = check_s
        self.date = date
        self._sockets: Sequence[socket.socket] = ()
        self._queues = select.poll()
        self._is_paused = False
        """Nothing is accepted: there are too many connections, or no descriptor is left."""
        self._check: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()

    async def start(self, sockets: Sequence[socket.socket], *, backlog: int) -> None:
        """Accept connections; the kernel keeps up to `backlog` more of them waiting."""
        for each in sockets:
            each.settimeout(0)
            each.listen(backlog)
            self._queues.register(each, select.POLLIN)
        self._sockets = sockets
        self._listen()

    @property
    def callers_wait(self) -> bool:
        """Whether callers wait because there are too many connections."""
        return bool(self._sockets) and self.connections.are_full and bool(self._queues.poll(0))

    def resume_accepting(self) -> None:
        """Accept again, because a connection has ended or may be closed now."""
        if self._is_paused:
            self._is_paused = False
            self._listen()

    async def settled(self, *, within_s: float) -> None:
        """Wait until the requests in progress are answered."""
        in_progress = [each.answering for each in self.connections.busy if each.answering]
        if in_progress:
            await asyncio.wait(in_progress, timeout=within_s)

    async def close(self, *, patience_s: float) -> None:
        """Stop; requests in progress may take `patience_s`, then their connections are closed."""
        self._ignore()
        self._is_paused = False
        if self._check is not None:
            self._check.cancel()
        for each in self._sockets:
            each.close()
        self._sockets = ()
        for idle in self.connections.idle:
            idle.close()
        await self.settled(within_s=patience_s)
        for connection in (*self.connections.idle, *self.connections.busy):
            connection.close()

    def _listen(self) -> None:
        for each in self._sockets:
            if each.fileno() >= 0:
                asyncio.get_running_loop().add_reader(each, self._accept, each)

    def _ignore(self) -> None:
        for each in self._sockets:
            if each.fileno() >= 0:
                asyncio.get_running_loop().remove_reader(each)

    def _accept(self, listening: socket.socket) -> None:
        """Accept connections; the event loop calls this only when at least one is in the queue."""
        now = asyncio.get_running_loop().time()
        if self.connections.are_full and not self.connections.close_one(now=now):
            return self._pause()
        for _ in range(AT_ONCE):
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return None
            except OSError:  # no file descriptor is left, or the socket was shut down
                return self._pause()
            self._open(accepted)
            if self.connections.are_full:
                return None
        return None

    def _pause(self) -> None:
        self._is_paused = True
        self._ignore()
        if self._check is None:
            self._check = asyncio.get_running_loop().call_later(self._check_s, self._end_pause)

    def _end_pause(self) -> None:
        self._check = None
        self.connections.count_check()
        self.resume_accepting()

    def _open(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection = Connection(
            self, accepted, handler=self._handler, max_body_bytes=self._max_body_bytes
        )
        self.connections.admit(connection, now=loop.time())
        opening = loop.create_task(
            self._connect(connection, accepted), name="open an HTTP connection"
        )
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _connect(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            # asyncio sets it only on sockets that were created with the protocol's number.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, accepted)
        except OSError:  # its caller has gone already
            accepted.close()
            self.connections.forget(connection)
            self.resume_accepting()
