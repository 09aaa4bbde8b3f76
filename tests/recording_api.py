"""A Runtime API that follows a script, and records the bytes of each connection as they came.

Its answers depend on nothing but the script, so the same runtime sends it the same bytes again.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

ACCEPTED = b'{"status":"OK"}\n'
LIMIT = 6_291_556
"""Bytes that a buffered response may have."""

TRAILERS_END = b"0\r\n"


Phase = Literal["waiting", "half of the event", "half of the response", "response"]
"""A /next waits; half of its answer is sent; half of a large response has come, or all of one."""


@dataclass
class Connection:
    """What one connection of a runtime brought, and how it ended."""

    received: bytearray = field(default_factory=bytearray)
    requests: list[bytes] = field(default_factory=list)
    ended: str = "open"


@dataclass
class RecordingApi:
    """`payloads` are the events, one for each /next; after the last, /next is not answered."""

    payloads: Sequence[bytes]
    server: socket.socket
    is_chunking: bool = False
    """Events are sent in chunks."""
    connections: list[Connection] = field(default_factory=list)
    idle: int = 0
    """How many calls of /next wait for good."""
    answered: int = 0
    restored: threading.Event = field(default_factory=threading.Event)
    during: Callable[[Phase], None] = lambda phase: None
    """Called in each phase of each invocation, which goes on when it returns."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sockets: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.getsockname()[1])

    @property
    def requests(self) -> list[bytes]:
        """All complete requests, sorted: runtimes choose connections and their order freely."""
        return sorted(each for one in self.connections for each in one.requests)

    @property
    def streams(self) -> list[bytes]:
        """What came on each connection."""
        return sorted(bytes(one.received) for one in self.connections)

    def serve(self) -> None:
        """Accept connections until the server is closed."""
        with suppress(OSError):
            while True:
                raw, _ = self.server.accept()
                one = Connection()
                with self._lock:
                    self.connections.append(one)
                    self._sockets.append(raw)
                threading.Thread(target=self._serve, args=(raw, one), daemon=True).start()

    def close(self) -> None:
        """Close everything."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self, raw: socket.socket, one: Connection) -> None:
        try:
            raw.settimeout(None)
            while (request := _read_request(raw, one, half=self._half)) is not None:
                one.requests.append(request)
                self._answer(raw, request)
            one.ended = "FIN"
        except (ConnectionResetError, BrokenPipeError):
            one.ended = "RST"
        except OSError:
            one.ended = "closed"
        finally:
            raw.close()

    def _answer(self, raw: socket.socket, request: bytes) -> None:
        method, path, *_ = request.split(b"\r\n", 1)[0].split(b" ")
        if path.endswith(b"/restore/next"):
            self.restored.set()
            raw.sendall(_answer(b"200 OK", b""))
        elif path.endswith(b"/next"):
            self._invoke(raw)
        elif method == b"POST" and path.endswith(b"/response") and len(request) > LIMIT + 2000:
            raw.sendall(_answer(b"413 Request Entity Too Large", b'{"errorType":"TooLarge"}'))
            self._note_answer()
        elif method == b"POST":
            self.during("response")
            raw.sendall(_answer(b"202 Accepted", ACCEPTED))
            self._note_answer()
        else:
            raw.sendall(_answer(b"404 Not Found", b""))

    def _half(self) -> None:
        self.during("half of the response")

    def _note_answer(self) -> None:
        with self._lock:
            self.answered += 1

    def _invoke(self, raw: socket.socket) -> None:
        with self._lock:
            number = getattr(self, "_number", 0)
            self._number = number + 1
            if number >= len(self.payloads):
                self.idle += 1
        if number >= len(self.payloads):
            threading.Event().wait()
        self.during("waiting")
        answer = _invocation(number, self.payloads[number], is_chunking=self.is_chunking)
        raw.sendall(answer[: len(answer) // 2])
        self.during("half of the event")
        raw.sendall(answer[len(answer) // 2 :])


def _invocation(number: int, payload: bytes, *, is_chunking: bool) -> bytes:
    headers = [
        b"Content-Type: application/json",
        b"Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-%012d" % number,
        b"Lambda-Runtime-Deadline-Ms: 4102444800000",
        b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:f",
        b"Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
    ]
    if is_chunking:
        chunks = b"".join(
            b"%x\r\n%b\r\n" % (len(part), part)
            for part in (payload[at : at + 50_000] for at in range(0, len(payload), 50_000))
        )
        return _answer(b"200 OK", chunks + b"0\r\n\r\n", b"Transfer-Encoding: chunked", *headers)
    return _answer(b"200 OK", payload, b"Content-Length: %d" % len(payload), *headers)


def _answer(status: bytes, body: bytes, *headers: bytes) -> bytes:
    named = headers or (b"Content-Length: %d" % len(body), b"Content-Type: application/json")
    return b"\r\n".join([b"HTTP/1.1 " + status, *named, b"", b""]) + body


def _read_request(raw: socket.socket, one: Connection, *, half: Callable[[], None]) -> bytes | None:
    """Read one request, as a server does; None at the end of the connection."""
    data = bytearray()

    def more() -> None:
        part = raw.recv(1_000_000)
        if not part:
            raise _EndedError
        data.extend(part)
        one.received.extend(part)

    try:
        while b"\r\n\r\n" not in data:
            more()
        head, _, _ = bytes(data).partition(b"\r\n\r\n")
        place = len(head) + 4
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            while not re.search(rb"(?:\r\n|^)0\r\n(?:[^\r\n]+\r\n)*\r\n$", bytes(data[place:])):
                more()
            return bytes(data)
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        length = int(found[1]) if found else 0
        while len(data) < place + length // 2:
            more()
        if len(data) < place + length:
            half()
        while len(data) < place + length:
            more()
    except _EndedError:
        return None
    return bytes(data)


class _EndedError(Exception):
    """The runtime sent FIN."""


@contextmanager
def recording_api(
    payloads: Sequence[bytes] = (), *, port: int = 0, is_chunking: bool = False
) -> Iterator[RecordingApi]:
    """Run a Runtime API."""
    api = RecordingApi(payloads, socket.create_server(("127.0.0.1", port)), is_chunking)
    threading.Thread(target=api.serve, daemon=True).start()
    try:
        yield api
    finally:
        api.close()
