"""The Extensions and Telemetry API, and the OTLP endpoint, reduced to stamping the time.

It runs in threads of the measuring process, which waits meanwhile; a request is stamped when its
first line is here. The driver answers each /next, so an extension does nothing unasked.
"""

from __future__ import annotations

import json
import socketserver
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from queue import SimpleQueue
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

DEADLINE_S = 60.0
"""No step of a measurement takes longer, throttled ones included; then it has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request: when its first line was here, what for, and its body."""

    at_ns: int
    path: str
    body: bytes


class Api:
    """A server on a free port of loopback; one extension at a time."""

    def __init__(self) -> None:
        self.registered: SimpleQueue[Seen] = SimpleQueue()
        self.asked: SimpleQueue[Seen] = SimpleQueue()
        self.exported: SimpleQueue[Seen] = SimpleQueue()
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self._listener = ""
        self._delivery: HTTPConnection | None = None
        self._server = _Server(self)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Api:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, request_id: str, *, timeout_s: float = DEADLINE_S) -> None:
        """Answer the /next that waits with an invocation."""
        deadline_ms = round((time.time() + timeout_s) * 1000)
        self._answer(eventType="INVOKE", requestId=request_id, deadlineMs=deadline_ms)

    def shut_down(self) -> None:
        """Answer the /next that waits with SHUTDOWN."""
        deadline_ms = round((time.time() + 2) * 1000)
        self._answer(eventType="SHUTDOWN", shutdownReason="spindown", deadlineMs=deadline_ms)

    def deliver(self, batch: bytes) -> None:
        """Post telemetry to the last subscriber, if there is one."""
        if not self._listener:
            return
        if self._delivery is None:
            port = urlsplit(self._listener).port
            self._delivery = HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        self._delivery.request("POST", "/", batch, {"Content-Type": "application/json"})
        answer = self._delivery.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the extension answered a delivery with {answer.status}")

    def forget_exports(self) -> None:
        """Forget what was exported so far, so that the next one that is seen is a new one."""
        self.exported = SimpleQueue()

    def forget(self) -> None:
        """Forget the subscriber and the /next that waits: their process has ended."""
        self._listener, self._delivery = "", None
        self._answers.put(b"")  # for the one that waits, which must not take the next process's
        self._answers = SimpleQueue()

    def answer(self, seen: Seen) -> tuple[bytes, bytes]:
        """Return further headers and the body for one request."""
        match seen.path.split("/"):
            case [*_, "register"]:
                self.registered.put(seen)
                context = {
                    "functionName": "function",
                    "functionVersion": "$LATEST",
                    "handler": "h.h",
                }
                return b"Lambda-Extension-Identifier: 1\r\n", json.dumps(context).encode()
            case [*_, "telemetry"]:
                self._listener = json.loads(seen.body)["destination"]["URI"]
                return b"", b'"OK"'
            case [*_, "next"]:
                self.asked.put(seen)
                return b"", self._answers.get()
            case _:
                self.exported.put(seen)
                return b"", b""

    def _answer(self, **event: Any) -> None:
        self._answers.put(json.dumps(event).encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, api: Api) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a process that is stopped breaks its connections."""


class _Connection(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while line := self.rfile.readline():
            at_ns = time.perf_counter_ns()
            headers = _read_headers(self.rfile)
            body = self.rfile.read(int(headers.get(b"content-length", 0)))
            seen = Seen(at_ns=at_ns, path=line.split(b" ")[1].decode(), body=body)
            more, content = self.server.api.answer(seen)
            length = b"Content-Length: %d\r\n\r\n" % len(content)
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + more + length + content)
            if headers.get(b"connection") == b"close":
                return


def _read_headers(rfile: Any) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    while line := rfile.readline().strip():
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    return headers
