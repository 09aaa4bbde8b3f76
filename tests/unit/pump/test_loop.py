"""When the pump waits and for how long, what it survives, and when it ends."""

from __future__ import annotations

import _socket
import errno
import os
import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from extension.pump import marker
from extension.pump import pump as module
from extension.pump.connection import Connection, Side
from extension.pump.marker import Marker
from extension.pump.pump import Pump, accepts, connect
from tests.running_pump import listening, pump_in_thread

POSTED = b"POST /r HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
RESET = struct.pack("ii", 1, 0)
NOWHERE = ("255.255.255.255", 9)
"""No connection can be begun to it."""

Poll = tuple[float, int, int]
"""How long it may wait, how many events it takes, and how many there were."""


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> list[Poll]:
    """Each wait of the pumps that the test starts."""
    polls: list[Poll] = []

    class Recorded:
        def __init__(self) -> None:
            self._epoll = select.epoll()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._epoll, name)

        def poll(self, timeout_s: float, most: int) -> list[tuple[int, int]]:
            polls.append((timeout_s, most, -1))
            events = self._epoll.poll(timeout_s, most)
            assert len(events) <= most
            polls[-1] = timeout_s, most, len(events)
            return events

    monkeypatch.setattr(module, "select", SimpleNamespace(epoll=Recorded, EPOLLIN=select.EPOLLIN))
    return polls


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The /tmp of the sandbox."""
    monkeypatch.setattr(marker, "FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture
def still() -> Iterator[Pump]:
    """A pump that does not run."""
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with listening() as listener, listening() as server, reading, writing:
        made = Pump(
            listener=listener,
            upstream=(socket.AF_INET, socket.SOCK_STREAM, 0, server.getsockname()),
            channel=writing,
            marker=Marker("nowhere:1"),
        )
        yield made
        made.forget()


def exchange(client: socket.socket, upstream: socket.socket) -> None:
    """Send a request, which arrives."""
    client.sendall(POSTED)
    assert upstream.recv(1000) == POSTED


def is_reset(client: socket.socket) -> bool:
    """Tell whether a connection is reset when it sends something."""
    try:
        client.sendall(POSTED)
        return client.recv(1) != b""
    except (ConnectionResetError, BrokenPipeError):
        return True


def test_it_waits_without_an_end_while_there_is_an_extension(polls: list[Poll]) -> None:
    """Once that is gone it looks each second whether the runtime is; open connections go on."""
    with pump_in_thread() as pump:
        client, upstream = pump.connect()
        exchange(client, upstream)
        assert {(timeout_s, most) for timeout_s, most, _ in polls} == {(-1.0, 32)}
        pump.channel.close()
        for _ in range(2):
            exchange(client, upstream)
        assert (1.0, 32) in {(timeout_s, most) for timeout_s, most, _ in polls}
        client.close()
        upstream.close()


def test_what_the_extension_sends_means_nothing() -> None:
    """The channel has one direction; only its end does."""
    with pump_in_thread() as pump:
        pump.channel.send(b"x")
        client, upstream = pump.connect()
        exchange(client, upstream)
        exchange(client, upstream)
        assert [copy.copied.head for copy in pump.copies(2)] == [POSTED] * 2
        client.close()
        upstream.close()


def test_without_the_extension_it_lives_until_its_runtime_api_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function may run on for long; then nothing is left of the pump."""
    monkeypatch.setattr(module, "TICK_S", 0.01)
    own = Marker("api:1")
    own.write("127.0.0.1:1", pid=os.getpid())
    with pump_in_thread(marker=own) as pump:
        pump.channel.close()
        for _ in range(2):
            looked, _ = pump.server.accept()
            assert looked.recv(1) == b""
            looked.close()
        client = socket.create_connection(("127.0.0.1", pump.port))
        client.sendall(POSTED)
        received = b""
        while not received:
            upstream, _ = pump.server.accept()
            received = upstream.recv(1000)
            upstream.close()
        assert received == POSTED
        client.close()
        assert list(folder.iterdir())
        pump.server.close()
    assert not list(folder.iterdir())


def test_whatever_fails_the_pump_goes_on_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end would be the runtime's; without a pause it would take all of the CPU."""
    pauses: list[float] = []
    step = Pump._step

    def fails_at_first(self: Pump) -> None:
        if len(pauses) < 2:
            raise MemoryError
        step(self)

    monkeypatch.setattr(Pump, "_step", fails_at_first)
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=pauses.append, time_ns=lambda: 0))
    with pump_in_thread() as pump:
        client, upstream = pump.connect()
        exchange(client, upstream)
        client.close()
        upstream.close()
    assert pauses == [0.05, 0.05]


def test_a_connection_that_fails_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reset, so that the runtime knows at once."""
    broken: list[Connection] = []
    handle = Connection.handle

    def fails_for_the_first(self: Connection, side: Side, events: int) -> None:
        broken[:] = broken or [self]
        if self in broken and side is self.client:
            raise MemoryError
        handle(self, side, events)

    monkeypatch.setattr(Connection, "handle", fails_for_the_first)
    with pump_in_thread() as pump:
        client, upstream = pump.connect()
        assert is_reset(client)
        other, other_upstream = pump.connect()
        exchange(other, other_upstream)
        for each in (client, upstream, other, other_upstream):
            each.close()


def test_where_no_connection_can_be_begun_the_runtime_s_is_reset() -> None:
    """Each of them, and the pump goes on."""
    with pump_in_thread(api=NOWHERE) as pump:
        for _ in range(2):
            try:
                client = socket.create_connection(("127.0.0.1", pump.port))
            except ConnectionResetError:
                continue  # so soon
            with client:
                assert is_reset(client)


def test_where_descriptors_ran_out_nothing_runs_in_circles(
    polls: list[Poll], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener is not watched meanwhile; a connection that waits is tried after a pause."""
    refused: list[OSError] = []

    def limited(*arguments: int, **named: int) -> _socket.socket:
        if len(refused) < 2:
            refused.append(OSError(errno.EMFILE, "Too many open files"))
            raise refused[-1]
        return _socket.socket(*arguments, **named)

    monkeypatch.setattr(module, "_socket", SimpleNamespace(**{**vars(_socket), "socket": limited}))
    with pump_in_thread() as pump:
        client, upstream = pump.connect()
        exchange(client, upstream)
        client.close()
        upstream.close()
    pauses = [(timeout_s, events) for timeout_s, _, events in polls if timeout_s == 0.05]
    assert pauses == [(0.05, 0), (0.05, 0)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_connection_that_has_gone_is_not_waited_for(still: Pump) -> None:
    """The pump accepts what comes next, also where descriptors had run out before."""
    still._accept()
    assert still._is_accepting
    still._set_accepting(on=False)
    still._accept()
    assert still._is_accepting


def test_the_channel_is_closed_with_the_extension(still: Pump) -> None:
    """What is copied from then on goes nowhere."""
    still._lose_extension()
    assert still._channel.fileno() == -1


def test_both_sides_send_small_messages_at_once(still: Pump) -> None:
    """As runtimes do; and the pump waits for neither."""
    client, upstream = socket.socket(), socket.socket()
    connection = Connection(
        client=client,
        upstream=upstream,
        buffer=memoryview(bytearray(1)),
        clock=lambda: 0,
        report=lambda *_: None,
    )
    connect(connection, still._upstream[-1])
    for each in (client, upstream):
        assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert each.gettimeout() == 0
    connection.close()


def test_a_runtime_api_has_half_a_second_to_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile nothing passes; the connection says nothing, and is closed."""
    limits: list[float | None] = []

    class Recorded(_socket.socket):
        def settimeout(self, value: float | None, /) -> None:
            limits.append(value)
            super().settimeout(value)

    monkeypatch.setattr(module, "_socket", SimpleNamespace(**{**vars(_socket), "socket": Recorded}))
    with listening() as server:
        assert accepts((socket.AF_INET, socket.SOCK_STREAM, 0, server.getsockname()))
        accepted, _ = server.accept()
        with accepted:
            assert accepted.recv(1) == b""
    assert limits == [0.5]


def test_while_descriptors_are_missing_traffic_hastens_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each attempt costs the function CPU; one that fails is repeated after the pause."""
    refused: list[OSError] = []
    is_limited = False

    def limited(*arguments: int, **named: int) -> _socket.socket:
        if is_limited:
            refused.append(OSError(errno.EMFILE, "Too many open files"))
            raise refused[-1]
        return _socket.socket(*arguments, **named)

    monkeypatch.setattr(module, "_socket", SimpleNamespace(**{**vars(_socket), "socket": limited}))
    monkeypatch.setattr(module, "PAUSE_S", 600.0)
    with pump_in_thread() as pump:
        client, upstream = pump.connect()
        exchange(client, upstream)
        is_limited = True
        waiting = socket.create_connection(("127.0.0.1", pump.port))
        for _ in range(5):
            exchange(client, upstream)
        assert len(refused) <= 1
        is_limited = False
        monkeypatch.setattr(module, "PAUSE_S", 0.01)
        exchange(client, upstream)
        accepted, _ = pump.server.accept()
        exchange(waiting, accepted)
        for each in (client, upstream, waiting, accepted):
            each.close()


def test_an_end_that_cannot_be_passed_on_yet_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pump waits for the side that takes nothing, and does not run in circles meanwhile."""
    ends: list[int] = []
    handle = Connection.handle

    def recorded(self: Connection, side: Side, events: int) -> None:
        if events & select.EPOLLHUP:
            ends.append(side.descriptor)
        handle(self, side, events)

    monkeypatch.setattr(Connection, "handle", recorded)
    with pump_in_thread() as pump:
        client, upstream = pump.connect()
        upstream.settimeout(0)
        sent = 0
        while sent < 20_000_000:
            try:
                sent += upstream.send(bytes(65_536))
            except BlockingIOError:
                if select.select([], [upstream], [], 0.2) == ([], [], []):
                    break
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        upstream.close()
        other, other_upstream = pump.connect()
        for _ in range(5):
            exchange(other, other_upstream)
        assert len(ends) <= 1
        for each in (client, other, other_upstream):
            each.close()
