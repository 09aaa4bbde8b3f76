"""Where something runs out, connections through the pump wait; none is reset and none is lost."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.running_pump import PumpProcess, listening, pump_process

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def api() -> Iterator[socket.socket]:
    """The listening socket of a Runtime API."""
    with listening() as server:
        yield server


@pytest.fixture
def pump(api: socket.socket) -> Iterator[PumpProcess]:
    """A pump for it, as a process."""
    with pump_process(api.getsockname()[1]) as running:
        yield running


def ask(pump: PumpProcess) -> socket.socket:
    """Ask for an event on a connection of its own."""
    client = socket.create_connection(("127.0.0.1", pump.port), timeout=60)
    client.sendall(NEXT)
    return client


def asked(api: socket.socket) -> socket.socket:
    """Return the other end of a connection, after the event was asked for."""
    upstream, _ = api.accept()
    upstream.settimeout(60)
    assert upstream.recv(1000) == NEXT
    return upstream


def used(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len([*Path(f"/proc/{pid}/fd").iterdir()])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees the files of the pump")
@pytest.mark.parametrize("spare", [2, 3])
def test_a_connection_waits_for_descriptors(
    pump: PumpProcess, api: socket.socket, spare: int
) -> None:
    """It is served when another one ends, whether none was left for it or one of the two."""
    limit = used(pump.pid) + spare
    resource.prlimit(pump.pid, resource.RLIMIT_NOFILE, (limit, limit))
    first, second = ask(pump), ask(pump)
    with first, second:
        with asked(api):
            pass
        assert first.recv(1) == b""
        first.close()
        with asked(api) as upstream:
            upstream.sendall(b"HTTP/1.1 202 Accepted\r\n")
            assert second.recv(8) == b"HTTP/1.1"


def fill(client: socket.socket) -> None:
    """Send until nothing is taken, or the connection is reset."""
    client.setblocking(False)
    try:
        while True:
            client.send(b"POST / HTTP/1.1\r\nContent-Length: 90000000\r\n\r\n" + bytes(65_536))
    except (BlockingIOError, ConnectionError):
        return


@pytest.mark.parametrize("spare", [0, 50_000, 200_000])
def test_an_open_connection_outlives_a_lack_of_memory(
    pump: PumpProcess, api: socket.socket, spare: int
) -> None:
    """Where the pump cannot keep what waits, that connection is reset; the others go on."""
    with ask(pump) as client, asked(api) as upstream:
        pages = int(Path(f"/proc/{pump.pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + spare
        resource.prlimit(pump.pid, resource.RLIMIT_AS, (limit, limit))
        others = [
            (socket.create_connection(("127.0.0.1", pump.port)), api.accept()[0]) for _ in range(60)
        ]
        for greedy, _ in others:
            fill(greedy)
        for each in chain(*others):
            each.close()
        for _ in range(100):
            upstream.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            assert client.recv(8) == b"HTTP/1.1"
            client.recv(100)
            client.sendall(NEXT)
            assert upstream.recv(1000) == NEXT


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """Processes that are started have few, and may have more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft // 2, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_descriptors")
def test_all_descriptors_that_may_be_had_are_used(api: socket.socket) -> None:
    """Runtimes such as those of Go and Java raise their own limit, too."""
    with pump_process(api.getsockname()[1]) as pump, ask(pump), asked(api):
        limits = Path(f"/proc/{pump.pid}/limits").read_text().splitlines()
    soft, hard = next(line for line in limits if "open files" in line).split()[3:5]
    assert soft == hard
