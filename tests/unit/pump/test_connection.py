"""One connection of the pump, event by event: what the threads of other tests leave to chance."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT

import pytest

from extension.pump.connection import Connection
from extension.pump.framing import Copy
from tests.running_pump import PATIENCE_S, listening

RESET = struct.pack("ii", 1, 0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def joined(
    *, report: Callable[[Copy, bool], None] = lambda *_: None
) -> tuple[Connection, socket.socket, socket.socket]:
    """Return a connection that does not know yet that it is one, and both ends."""
    with listening() as clients, listening() as servers:
        runtime = socket.create_connection(clients.getsockname(), timeout=PATIENCE_S)
        client, _ = clients.accept()
        upstream = socket.socket()
        for each in (client, upstream):
            each.settimeout(0)
        with pytest.raises(BlockingIOError):
            upstream.connect(servers.getsockname())
        api, _ = servers.accept()
    connection = Connection(
        client=client,
        upstream=upstream,
        buffer=memoryview(bytearray(65_536)),
        clock=lambda: 0,
        report=report,
    )
    return connection, runtime, api


def handle_all(connection: Connection) -> None:
    """Handle events of the Runtime API's side until the connection is closed."""
    upstream = connection.upstream
    while not connection.is_closed:
        poll = select.poll()
        poll.register(upstream.descriptor, select.POLLIN | select.POLLOUT)
        [(_, events)] = poll.poll(PATIENCE_S * 1000)
        connection.handle(upstream, events)


@pytest.mark.parametrize("sends_fin", [True, False])
@pytest.mark.parametrize("sent", [ANSWER, b""])
def test_what_is_sent_before_the_pump_knows_that_it_is_connected(
    sent: bytes, *, sends_fin: bool
) -> None:
    """It arrives, with its end, although a reset follows it."""
    connection, runtime, api = joined()
    api.sendall(sent)
    if sends_fin:
        api.shutdown(socket.SHUT_WR)
    api.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    api.close()
    handle_all(connection)
    with runtime:
        assert runtime.recv(len(sent)) == sent
        if sends_fin:
            assert runtime.recv(1) == b""
        else:
            with pytest.raises(ConnectionResetError):
                runtime.recv(1)


def wanted(connection: Connection) -> tuple[int | None, int | None]:
    """Return what the runtime's side is watched for, and the Runtime API's."""
    return connection.wanted(connection.client), connection.wanted(connection.upstream)


def fill(connection: Connection, runtime: socket.socket) -> int:
    """Send until something waits in the pump for the Runtime API; return how many bytes."""
    runtime.settimeout(0)
    sent = 0
    while connection.wanted(connection.client):
        try:
            sent += runtime.send(b"x" * 65_536)
        except BlockingIOError:
            connection.handle(connection.client, EPOLLIN)
    runtime.settimeout(PATIENCE_S)
    return sent


def drained(connection: Connection, api: socket.socket, count: int) -> bytes:
    """Read so many bytes, which the pump writes when there is room for them."""
    received = bytearray()
    api.settimeout(0)
    while len(received) < count:
        try:
            received += api.recv(count - len(received))
        except BlockingIOError:
            is_waiting = connection.wanted(connection.upstream) != EPOLLIN
            connection.handle(
                *((connection.upstream, EPOLLOUT) if is_waiting else (connection.client, EPOLLIN))
            )
    api.settimeout(PATIENCE_S)
    return bytes(received)


def test_a_side_is_watched_for_what_can_go_on() -> None:
    """Nothing is read while its bytes cannot be written, and an end that waits is not told again.

    epoll would report what is there over and over.
    """
    connection, runtime, api = joined()
    assert wanted(connection) == (None, EPOLLOUT)
    connection.handle(connection.upstream, EPOLLOUT)
    assert wanted(connection) == (EPOLLIN, EPOLLIN)
    sent = fill(connection, runtime)
    assert wanted(connection) == (0, EPOLLIN | EPOLLOUT)
    connection.handle(connection.client, EPOLLHUP)
    assert wanted(connection) == (None, EPOLLIN | EPOLLOUT)
    connection._buffer[:] = bytes(len(connection._buffer))  # as other connections do
    assert drained(connection, api, sent) == b"x" * sent
    assert wanted(connection) == (EPOLLIN, EPOLLIN)
    runtime.shutdown(socket.SHUT_WR)
    connection.handle(connection.client, EPOLLIN)
    assert wanted(connection) == (None, EPOLLIN)
    connection.close()
    for each in (runtime, api):
        each.close()


def test_a_side_that_has_sent_all_is_watched_for_its_reset() -> None:
    """Both sides are closed then: none of them can get anything through."""
    connection, runtime, api = joined()
    connection.handle(connection.upstream, EPOLLOUT)
    runtime.shutdown(socket.SHUT_WR)
    connection.handle(connection.client, EPOLLIN)
    assert wanted(connection) == (0, EPOLLIN)
    was_closed = connection.is_closed
    connection.handle(connection.client, EPOLLERR | EPOLLHUP)
    assert (was_closed, connection.is_closed) == (False, True)
    assert [each.raw.fileno() for each in connection.sides] == [-1, -1]
    assert api.recv(1) == b""  # what was sent before the reset
    for each in (runtime, api):
        each.close()


def test_an_answer_that_ends_with_the_connection_is_copied_when_it_ends() -> None:
    """The other direction may stay open for as long as the runtime lives."""
    copies: list[tuple[Copy, bool]] = []
    connection, runtime, api = joined(report=lambda *given: copies.append(given))
    connection.handle(connection.upstream, EPOLLOUT)
    answer = b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
    api.sendall(answer)
    connection.handle(connection.upstream, EPOLLIN)
    assert copies == []
    api.shutdown(socket.SHUT_WR)
    connection.handle(connection.upstream, EPOLLIN)
    [(copy, is_answer)] = copies
    assert (bytes(copy.head), copy.is_complete, is_answer) == (answer, True, True)
    connection.close()
    assert len(copies) == 1
    for each in (runtime, api):
        each.close()


def test_what_cannot_be_written_any_more_is_a_reset() -> None:
    """The pump may learn of it while it writes, sooner than from epoll."""
    connection, runtime, api = joined()
    connection.handle(connection.upstream, EPOLLOUT)
    runtime.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    runtime.close()
    api.sendall(ANSWER)
    connection.handle(connection.upstream, EPOLLIN)
    assert wanted(connection) == (EPOLLIN, 0)
    connection.handle(connection.client, EPOLLIN | EPOLLHUP)
    assert connection.is_closed
    with pytest.raises(ConnectionResetError):
        api.recv(1)
    api.close()
