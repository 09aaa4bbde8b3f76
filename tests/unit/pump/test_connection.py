"""One connection of the pump, event by event: what the threads of other tests leave to chance."""

from __future__ import annotations

import select
import socket
import struct

import pytest

from extension.pump.connection import Connection
from tests.running_pump import PATIENCE_S, listening

RESET = struct.pack("ii", 1, 0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def joined() -> tuple[Connection, socket.socket, socket.socket]:
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
        report=lambda *_: None,
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
