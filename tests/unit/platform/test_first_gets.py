"""GETs that the cache cannot serve yet are answered before the function times out."""

from __future__ import annotations

import _socket
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from extension.parameters.response import NOT_READY
from extension.platform import first_gets
from extension.platform.first_gets import refuse_waiting
from extension.process.clock import SystemClock
from tests.waiting import PATIENCE_S

GET = b"GET /systemsmanager/parameters/get?name=x HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def listening() -> Iterator[_socket.socket]:
    """The port of the cache, as the bootstrap has bound it."""
    raw = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    raw.bind(("127.0.0.1", 0))
    raw.listen(64)
    yield raw
    raw.close()


def waiting(listening: _socket.socket, sent: bytes = GET) -> socket.socket:
    """Return the client of a request that waits."""
    client = socket.create_connection(listening.getsockname(), timeout=PATIENCE_S)
    client.sendall(sent)
    return client


def answer_to(client: socket.socket) -> bytes:
    """Return all that a client receives."""
    return b"".join(iter(lambda: client.recv(65_536), b""))


def test_every_request_that_waits_gets_the_answer_of_aws_s_extension(
    listening: _socket.socket,
) -> None:
    """Status 400 and a text, over a connection that is closed in order."""
    with closing(waiting(listening)) as first, closing(waiting(listening)) as second:
        refuse_waiting([listening])
        for client in (first, second):
            head, _, body = answer_to(client).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert b"\r\nContent-Length: %d\r\n" % len(body) in head
            assert body.decode() == NOT_READY.text


def test_where_nothing_waits_nothing_is_waited_for(listening: _socket.socket) -> None:
    """And the port goes on listening: the cache takes it over."""
    refuse_waiting([listening])
    assert listening.gettimeout() == 0
    with closing(waiting(listening)) as client:
        refuse_waiting([listening])
        assert answer_to(client)


def test_one_client_costs_the_others_nothing(
    listening: _socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that sends nothing, or has gone, is left after a moment; so is a port that is closed."""
    monkeypatch.setattr(first_gets, "READ_S", 0.001)
    closed = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    closed.close()
    with closing(waiting(listening, b"")) as silent:
        waiting(listening).close()
        with closing(waiting(listening)) as client:
            refuse_waiting([closed, listening])
            assert answer_to(client).startswith(b"HTTP/1.1 400 ")
            assert answer_to(silent) == b""


def test_clients_that_send_nothing_are_waited_for_together(
    listening: _socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, the sandbox is held up no longer than for one of them."""
    monkeypatch.setattr(first_gets, "READ_S", 0.3)
    clock, took_s = SystemClock(), []
    for count in (1, 32):
        silent = [waiting(listening, b"") for _ in range(count)]
        with closing(waiting(listening)) as client:
            began = clock.now()
            refuse_waiting([listening])
            took_s.append(clock.now().since(began))
            assert answer_to(client).startswith(b"HTTP/1.1 400 ")
        for each in silent:
            each.close()
    assert took_s[1] < 8 * took_s[0]
