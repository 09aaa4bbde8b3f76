"""The pump: accepts the runtime's connections, and opens one to the Runtime API for each.

It sends no request of its own, repeats none and has no timeout. Copies of messages are packets on a
Unix socket to the extension; when that takes none, they are dropped and counted.

The pump lives until the runtime is gone, whatever happens to the extension. It ends when the
extension has ended, no connection is open, and either the Runtime API accepts none or a later start
of the extension in this sandbox has its own pump. In Lambda the end of the sandbox comes first.
Built-in modules only.
"""

from __future__ import annotations

import _socket
import os
import select
import time

from extension.pump.connection import Connection, Side

TYPE_CHECKING = False
if TYPE_CHECKING:
    from extension.pump.framing import Copy
    from extension.pump.marker import Marker

    SocketAddress = tuple[int, int, int, tuple[object, ...]]

BUFFER_BYTES = 262_144
"""What is read at once; one buffer serves all connections."""

TICK_S = 1.0
"""How often it looks whether the runtime is gone, once the extension is."""

PATIENCE_S = 0.5
"""How long it waits to be refused, or accepted, when it looks."""

PAUSE_S = 0.05
"""Until the next attempt, where descriptors or memory ran out."""

MOST_EVENTS = 32
"""Handled in one step: a list that is so short is made even where memory has run out."""


class Pump:
    """Carries bytes between a listening socket and the Runtime API."""

    def __init__(
        self,
        *,
        listener: _socket.socket,
        upstream: SocketAddress,
        channel: _socket.socket,
        marker: Marker,
    ) -> None:
        """Prepare all that can fail; raises OSError."""
        self._listener, self._upstream, self._channel, self._marker = (
            listener,
            upstream,
            channel,
            marker,
        )
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._sides: dict[int, tuple[Connection, Side]] = {}
        self._accepted = self._lost = 0
        self._has_extension = True
        self._is_accepting = True
        listener.settimeout(0)
        channel.settimeout(0)
        self._epoll = select.epoll()
        self._epoll.register(listener.fileno(), select.EPOLLIN)
        self._epoll.register(channel.fileno(), 0)  # its end is always reported

    def forget(self) -> None:
        """Close what belongs to the pump, in the process that does not become it."""
        for each in (self._epoll, self._listener, self._channel):
            each.close()

    @property
    def descriptors(self) -> set[int]:
        """What the process of the pump keeps open."""
        return {each.fileno() for each in (self._epoll, self._listener, self._channel)}

    def run(self) -> None:
        """Carry bytes until the runtime is gone."""
        is_needed = True
        while is_needed:
            try:
                self._step()
                is_needed = self._has_extension or bool(self._sides) or not self._is_over()
            except Exception:  # noqa: BLE001  # its end would be the runtime's
                time.sleep(PAUSE_S)  # noqa: TID251  # a process of its own, without a loop

    def _step(self) -> None:
        """Wait for events and handle them."""
        timeout_s = -1.0 if self._has_extension else TICK_S
        if not self._is_accepting:
            timeout_s = PAUSE_S
        events = self._epoll.poll(timeout_s, MOST_EVENTS)
        may_accept = not events and not self._is_accepting
        for descriptor, flags in events:
            if descriptor in self._sides:
                self._handle(*self._sides[descriptor], flags)
            elif descriptor == self._listener.fileno():
                may_accept = True  # last: it reuses the descriptors of what was closed
            elif descriptor == self._channel.fileno():
                self._lose_extension()
        if may_accept:
            self._accept()

    def _handle(self, connection: Connection, side: Side, flags: int) -> None:
        try:
            connection.handle(side, flags)
            if not connection.is_closed:
                self._watch(connection)
        except Exception:  # noqa: BLE001  # whatever it is, the other connections go on
            connection.close(resetting=connection.client)
        if connection.is_closed:
            self._forget_sides(connection)

    def _forget_sides(self, connection: Connection) -> None:
        for each in connection.sides:
            self._sides.pop(each.descriptor, None)

    def _watch(self, connection: Connection) -> None:
        for side in connection.sides:
            wanted = connection.wanted(side)
            if wanted == side.watched:
                continue
            if wanted is None:
                self._epoll.unregister(side.descriptor)
            elif side.watched is None:
                self._epoll.register(side.descriptor, wanted)
            else:
                self._epoll.modify(side.descriptor, wanted)
            side.watched = wanted

    def _accept(self) -> None:
        """Accept one connection; where descriptors ran out, try again in a while."""
        family, kind, protocol, _ = self._upstream
        try:
            # First, because a connection that was accepted can no longer wait for a descriptor.
            upstream = _socket.socket(family, kind, protocol)
            client = self._accepted_socket()
        except (BlockingIOError, InterruptedError, ConnectionError):
            self._set_accepting(on=True)  # it has gone
            return
        except OSError:
            self._set_accepting(on=False)
            return
        self._set_accepting(on=True)
        self._join(client, upstream)

    def _accepted_socket(self) -> _socket.socket:
        descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # as `socket` does
        return _socket.socket(fileno=descriptor)

    def _set_accepting(self, *, on: bool) -> None:
        if on != self._is_accepting:
            self._epoll.modify(self._listener.fileno(), select.EPOLLIN if on else 0)
            self._is_accepting = on

    def _join(self, client: _socket.socket, upstream: _socket.socket) -> None:
        """Connect to the Runtime API for a connection of the runtime."""
        self._accepted += 1
        number = self._accepted
        connection = Connection(
            client=client,
            upstream=upstream,
            buffer=self._buffer,
            clock=time.time_ns,  # noqa: TID251  # `clock` imports more
            report=lambda copy, is_answer: self._send(copy, number, is_answer=is_answer),
        )
        for side in connection.sides:
            self._sides[side.descriptor] = connection, side
        try:
            connect(connection, self._upstream[-1])
            self._watch(connection)
        except OSError:
            connection.close(resetting=connection.client)
            self._forget_sides(connection)

    def _send(self, copy: Copy, connection: int, *, is_answer: bool) -> None:
        """Hand a copy over, unless it holds nothing new, or the socket would block."""
        if not tells_something(copy, is_answer=is_answer):
            return
        line = (
            f"{is_answer:d} {connection} {copy.first_ns} {copy.last_ns} {copy.size} "
            f"{copy.is_complete:d} {self._lost} {len(copy.head)}\n"
        )
        try:
            self._channel.sendmsg([line.encode(), copy.head, copy.tail])
        except OSError:
            self._lost += 1

    def _lose_extension(self) -> None:
        self._epoll.unregister(self._channel.fileno())
        self._channel.close()
        self._has_extension = False

    def _is_over(self) -> bool:
        """Return whether no runtime will come: there is no API, or a later start has its pump."""
        if not self._marker.names(os.getpid()):
            return True
        if not accepts(self._upstream):
            self._marker.remove()
            return True
        return False


def tells_something(copy: Copy, *, is_answer: bool) -> bool:
    """Return whether it is an event or what became of it; to read a copy costs the function CPU."""
    return copy.head[9:12] == b"200" if is_answer else not copy.head.startswith(b"GET ")


def connect(connection: Connection, address: tuple[object, ...]) -> None:
    """Begin to connect a new connection's socket to the Runtime API; raises OSError."""
    for side in connection.sides:
        side.raw.settimeout(0)
        side.raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    try:
        connection.upstream.raw.connect(address)
    except BlockingIOError:
        return


def accepts(where: SocketAddress) -> bool:
    """Return whether something accepts connections there, or is too busy to answer."""
    family, kind, protocol, address = where
    connection = _socket.socket(family, kind, protocol)
    try:
        connection.settimeout(PATIENCE_S)
        connection.connect(address)
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        connection.close()
    return True
