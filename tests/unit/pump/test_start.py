"""The pump is a process that listens when its start returns, or nothing is left of it."""

from __future__ import annotations

import _socket
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from extension.pump import marker, pump, start
from extension.pump.marker import LONGEST_NAME, Marker, start_time
from extension.pump.pump import Pump, accepts
from extension.pump.start import start_pump
from tests.blackholes import full_backlog
from tests.running_pump import is_alive, listening, pump_in_thread
from tests.sandbox import free_port


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The /tmp of the sandbox."""
    monkeypatch.setattr(marker, "FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """The Runtime API."""
    with listening() as found:
        yield found


def address_of(port: int) -> tuple[int, int, int, tuple[object, ...]]:
    """Return an address as the resolver does."""
    return socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", port)


def api_of(server: socket.socket) -> str:
    """Return the variable of a Runtime API."""
    return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What the fork becomes: a process that does nothing."""
    command = [sys.executable, "-I", "-S", "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        monkeypatch.setattr(os, "fork", lambda: child.pid)
        yield child.pid


def test_the_marker_names_where_the_pump_listens_and_its_process(
    server: socket.socket, folder: Path, process: int
) -> None:
    """The extension keeps the channel alone, and a marker from before is gone."""
    Marker(api_of(server)).write("127.0.0.1:1", pid=os.getpid())
    port = free_port()
    addresses = [address_of(server.getsockname()[1])]
    with closing(start_pump(api_of(server), addresses=addresses, port=port)) as channel:
        [line] = [each.read_text() for each in folder.iterdir()]
        assert line == f"127.0.0.1:{port} {process} {start_time(process)}\n"
        assert start_time(process) > 0
        assert channel.recv(1) == b""
    assert not accepts(address_of(port))
    assert is_alive(process)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_a_marker_there_is_no_pump(
    server: socket.socket, folder: Path, process: int
) -> None:
    """The wrapper would not find it."""
    addresses = [address_of(server.getsockname()[1])]
    marker_of_a_start = folder / f"{marker.NAME}{api_of(server)}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Marker, "remove", lambda _: (marker_of_a_start / "in the way").mkdir(parents=True)
        )
        with pytest.raises(OSError, match="directory"):
            start_pump(api_of(server), addresses=addresses, port=0)
    assert not Path(f"/proc/{process}").exists()


def test_a_port_that_is_taken_is_replaced_by_another() -> None:
    """The marker says which one."""
    with listening() as taken, closing(start._listen(taken.getsockname()[1])) as other:
        assert other.getsockname()[0] == "127.0.0.1"
        assert other.getsockname()[1] != taken.getsockname()[1]


def test_of_several_addresses_one_is_used_that_accepts_connections(server: socket.socket) -> None:
    """Where none does, the first: the Runtime API may not listen yet."""
    closed, open_ = address_of(free_port()), address_of(server.getsockname()[1])
    assert start._upstream([closed, open_]) == open_
    assert start._upstream([closed, closed]) == closed


def test_of_one_address_nothing_is_asked(server: socket.socket) -> None:
    """A connection would cost each start, and say nothing."""
    only = address_of(server.getsockname()[1])
    assert start._upstream([only]) == only
    server.settimeout(0)
    with pytest.raises(BlockingIOError):
        server.accept()


def test_an_api_that_is_too_busy_to_tell_is_there(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one that refuses connections is gone."""
    monkeypatch.setattr(pump, "PATIENCE_S", 0.05)
    assert accepts(address_of(server.getsockname()[1]))
    assert not accepts(address_of(free_port()))
    with full_backlog() as port:
        assert accepts(address_of(port))


def test_where_descriptors_ran_out_it_accepts_a_little_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Meanwhile the connection waits in the kernel, and nothing runs in circles."""
    was_accepting: list[bool] = []
    accept = Pump._accept

    def recorded(self: Pump) -> None:
        was_accepting.append(self._is_accepting)
        accept(self)

    def limited(*arguments: int, **named: int) -> _socket.socket:
        if len(was_accepting) <= 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return _socket.socket(*arguments, **named)

    monkeypatch.setattr(Pump, "_accept", recorded)
    monkeypatch.setattr(pump, "_socket", SimpleNamespace(**{**vars(_socket), "socket": limited}))
    with pump_in_thread() as running:
        for _ in range(2):
            client, upstream = running.connect()
            client.close()
            upstream.close()
    assert was_accepting == [True, False, False, True]


def test_a_pump_is_over_with_its_runtime_api_or_where_a_later_one_is_announced(
    server: socket.socket, folder: Path
) -> None:
    """While the extension is gone and no connection is open; its marker goes with it."""
    found = Marker(api_of(server))
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with reading, writing, listening() as listener:
        running = Pump(
            listener=listener,
            upstream=address_of(server.getsockname()[1]),
            channel=writing,
            marker=found,
        )
        assert running._is_over()
        found.write("127.0.0.1:1", pid=os.getpid())
        assert not running._is_over()
        server.close()
        assert running._is_over()
        assert not list(folder.iterdir())
        running.forget()


@pytest.mark.parametrize("api", ["", "a b", "a/b", "größe", "a" * (LONGEST_NAME + 1)])
def test_a_marker_has_a_plain_name(api: str) -> None:
    """Nothing else can be part of a file's name."""
    Marker("a" * LONGEST_NAME)
    with pytest.raises(ValueError, match="not host:port"):
        Marker(api)


def test_a_marker_names_one_process(folder: Path) -> None:
    """Until it is removed, which may be done twice; only our user can read it."""
    found = Marker("api:1")
    assert not found.names(os.getpid())
    found.write("127.0.0.1:1", pid=os.getpid())
    assert [each.stat().st_mode & 0o777 for each in folder.iterdir()] == [0o600]
    assert found.names(os.getpid())
    assert not found.names(os.getpid() * 10)
    assert not Marker("api:2").names(os.getpid())
    found.remove()
    found.remove()
    assert not found.names(os.getpid())
