"""The pump is a process that listens when its start returns, or nothing is left of it."""

from __future__ import annotations

import _socket
import ctypes
import errno
import fcntl
import gc
import json
import operator
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from extension.pump import marker, pump, start
from extension.pump.marker import Marker, start_time
from extension.pump.pump import Pump, accepts
from extension.pump.start import start_pump
from tests.blackholes import full_backlog
from tests.running_pump import PATIENCE_S, is_alive, listening, pump_in_thread
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
    """The marker says which one; it is any that is free, and never fails."""
    with listening() as taken:
        port = taken.getsockname()[1]
        with closing(start._listen(port)) as other, closing(start._listen(port)) as another:
            ports = {each.getsockname()[1] for each in (taken, other, another)}
            assert {each.getsockname()[0] for each in (other, another)} == {"127.0.0.1"}
    assert len(ports) == 3


def test_connections_of_the_last_pump_do_not_keep_the_port() -> None:
    """After a reset they linger in the kernel, and the wrapper has its address already."""
    port = free_port()
    with (
        closing(start._listen(port)) as before,
        socket.socket(fileno=before.detach()) as listener,
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client,
    ):
        listener.accept()[0].close()
        assert client.recv(1) == b""
    with closing(start._listen(port)) as after:
        assert after.getsockname()[1] == port
        assert accepts(address_of(port))


class BecameError(Exception):
    """A process has become the pump."""


def became(pump: Pump) -> None:
    """Become the pump."""
    raise BecameError(pump)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_process_that_is_new_becomes_the_pump(
    server: socket.socket, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes no marker: that is done when its process id is known."""
    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(start, "_become", became)
    with pytest.raises(BecameError):
        start_pump(api_of(server), addresses=[address_of(server.getsockname()[1])], port=0)
    assert list(folder.iterdir()) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_where_no_process_can_be_started_nothing_is_left(
    server: socket.socket, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the marker of an earlier start: its pump would be taken for ours."""

    def refused() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    Marker(api_of(server)).write("127.0.0.1:1", pid=os.getpid())
    port = free_port()
    with pytest.raises(BlockingIOError):
        start_pump(api_of(server), addresses=[address_of(server.getsockname()[1])], port=port)
    assert list(folder.iterdir()) == []
    assert not accepts(address_of(port))


class Witness:
    """In the pump's place: writes down what its process is like."""

    def __init__(self, writing: int) -> None:
        self.descriptors = {writing}
        self._writing = writing

    def run(self) -> None:
        """Write it down, then fail as a pump never does."""
        prctl = ctypes.CDLL(None).prctl
        seen = {
            "files": {each.name: f"{each.readlink()}" for each in _open_files()},
            "folder": str(Path.cwd()),
            "name": Path("/proc/self/comm").read_text(),
            "signals": [signal.getsignal(each) is signal.SIG_IGN for each in GROUP_SIGNALS],
            "core": resource.getrlimit(resource.RLIMIT_CORE),
            "is_dumpable": prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
            "spare_files": operator.sub(*resource.getrlimit(resource.RLIMIT_NOFILE)),
            "collects": gc.isenabled(),
            "shares": gc.get_freeze_count() > 0,
        }
        os.write(self._writing, json.dumps(seen).encode())
        raise LookupError


GROUP_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
PR_GET_DUMPABLE = 3
HIGH = 100
"""A descriptor that nothing else has."""


def _open_files() -> list[Path]:
    """Return the descriptors that are open, without that of the list itself."""
    return [each for each in [*Path("/proc/self/fd").iterdir()] if os.path.lexists(each)]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_the_process_of_the_pump_holds_nothing_of_the_extension(tmp_path: Path) -> None:
    """Nor is it reached by what is meant for others, nor can another process read what passes.

    It never returns, whatever happens in it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            kept = fcntl.fcntl(writing, fcntl.F_DUPFD, HIGH)
            file = os.open(tmp_path / "theirs", os.O_RDWR | os.O_CREAT)
            for descriptor in range(4):
                os.dup2(file, descriptor)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(HIGH * 2, hard), hard))
            gc.disable()
            gc.unfreeze()
            witness: Any = Witness(kept)
            start._become(witness)
        finally:
            os._exit(99)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        seen = json.loads(pipe.read())
    assert os.waitpid(child, 0) == (child, 0)
    files = seen.pop("files")
    assert [files.pop(each) for each in "012"] == ["/dev/null"] * 3
    assert list(files) == [f"{HIGH}"]
    assert seen == {
        "folder": "/", "name": "dispatch-tap\n", "signals": [True] * 3, "core": [0, 0],
        "is_dumpable": 0, "spare_files": 0, "collects": True, "shares": True,
    }  # fmt: skip


def test_of_several_addresses_one_is_used_that_accepts_connections(server: socket.socket) -> None:
    """Where none does, the first: the Runtime API may not listen yet."""
    closed, other = address_of(free_port()), address_of(free_port())
    open_ = address_of(server.getsockname()[1])
    assert start._upstream([closed, open_, other]) == open_
    assert start._upstream([closed, other]) == closed


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


@pytest.mark.parametrize("api", ["", "a b", "a/b", "größe", "a" * 101])
def test_a_marker_has_a_plain_name(api: str) -> None:
    """Nothing else can be part of a file's name."""
    Marker("a" * 100)
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


def test_the_start_of_a_process_is_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 22nd field of its stat; 0 where there are fewer."""
    assert start_time(os.getpid()) == int(Path("/proc/self/stat").read_text().split()[21])
    fields = " ".join(map(str, range(3, 22)))
    stat = f"7 (a b) c) {fields}".encode()
    monkeypatch.setattr(marker, "_read", lambda _: stat)
    assert start_time(7) == 0
    stat += b" 4711"
    assert start_time(7) == 4711


def test_a_link_is_no_marker(folder: Path) -> None:
    """Another user could have laid it, to a file of ours."""
    found = Marker("api:1")
    found.write("127.0.0.1:1", pid=os.getpid())
    [file] = folder.iterdir()
    file.rename(folder / "elsewhere")
    file.symlink_to(folder / "elsewhere")
    assert not found.names(os.getpid())


def test_a_marker_keeps_no_file_open() -> None:
    """A pump that looks for it each second would run out of descriptors."""
    found, before = Marker("api:1"), _open_files()
    found.write("127.0.0.1:1", pid=os.getpid())
    assert found.names(os.getpid())
    assert _open_files() == before
