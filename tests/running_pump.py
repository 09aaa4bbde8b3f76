"""The pump between a client and a server of a test: in a thread, or as the process it is.

`Sockets` are plain and blocking: what is tested is what goes over the wire.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from extension.pump.marker import FOLDER, NAME, Marker
from extension.pump.pump import Pump
from extension.telemetry.tap.copy_reader import LARGEST_PACKET, TappedMessage, read_packet

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60.0
"""Longer than any machine stalls: it ends a test that hangs, and judges no speed."""


def marker_of(port: int) -> Path:
    """Return where the marker of the pump for a Runtime API on this port lies."""
    return Path(FOLDER) / f"{NAME}127.0.0.1:{port}"


@dataclass
class PumpInThread:
    """A pump that serves in a thread; `server` is the Runtime API's listening socket."""

    port: int
    server: socket.socket
    channel: socket.socket

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Return the two ends of a connection: the runtime's and the Runtime API's."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        upstream, _ = self.server.accept()
        upstream.settimeout(PATIENCE_S)
        return client, upstream

    def copies(self, count: int) -> list[TappedMessage]:
        """Return the next messages that were copied."""
        return [read_packet(self.channel.recv(LARGEST_PACKET)) for _ in range(count)]


def listening() -> socket.socket:
    """Return a socket that listens on a free port."""
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    server.settimeout(PATIENCE_S)
    return server


@contextmanager
def pump_in_thread(
    *, marker: Marker | None = None, api: tuple[object, ...] = ()
) -> Iterator[PumpInThread]:
    """Run a pump until the end of the test; all connections must be closed by then.

    `marker`: the pump lives for as long as it names this process. `api`: another socket address
    than the server's.
    """
    server, listener = listening(), listening()
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading.settimeout(PATIENCE_S)
    port = listener.getsockname()[1]
    pump = Pump(
        listener=listener,
        upstream=(socket.AF_INET, socket.SOCK_STREAM, 0, api or server.getsockname()),
        channel=writing,
        marker=marker or Marker("nowhere:1"),
    )
    thread = threading.Thread(target=pump.run, daemon=True)
    thread.start()
    try:
        yield PumpInThread(port=port, server=server, channel=reading)
    finally:
        reading.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the pump has not ended: a connection is open"
        for each in (server, listener):
            each.close()


HOLDER = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from extension.pump.start import start_pump
import _socket
host, port, own = "127.0.0.1", int(sys.argv[1]), int(sys.argv[2])
addresses = [(_socket.AF_INET, _socket.SOCK_STREAM, 0, (host, port))]
channel = start_pump(f"{{host}}:{{port}}", addresses=addresses, port=own)
print("started", flush=True)
while True:
    packet = channel.recv({LARGEST_PACKET})
    sys.stdout.write(packet.hex() + "\\n")
    sys.stdout.flush()
"""


@dataclass
class PumpProcess:
    """A pump as a process, and the process in the extension's place that has started it."""

    address: str
    pid: int
    holder: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    @property
    def is_alive(self) -> bool:
        """Whether the process of the pump runs."""
        return is_alive(self.pid)

    def copies(self) -> Iterator[TappedMessage]:
        """Yield what was copied, as it comes."""
        assert self.holder.stdout is not None
        for line in self.holder.stdout:
            yield read_packet(bytes.fromhex(line.decode()))


@contextmanager
def pump_process(upstream: int, *, port: int = 0) -> Iterator[PumpProcess]:
    """Start a pump for the Runtime API on the port `upstream`."""
    command = [sys.executable, "-I", "-S", "-c", HOLDER, str(upstream), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"started\n"
            address, pid, _ = marker_of(upstream).read_text().split()
            yield PumpProcess(address=address, pid=int(pid), holder=holder)
        finally:
            os.killpg(holder.pid, 9)
            marker_of(upstream).unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
