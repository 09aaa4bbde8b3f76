"""An Extensions API of a few lines for tests of the launcher: it may refuse, break and vanish."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REGISTER, NEXT = "/2020-01-01/extension/register", "/2020-01-01/extension/event/next"
REFUSED = (403, b'{"errorMessage":"no","errorType":"Extension.TooManyExtensions"}\n')


@dataclass
class ExtensionsApi:
    """What an extension asked for, and how it is answered.

    Attributes:
        address: What AWS_LAMBDA_RUNTIME_API says.
        registrations: Name and body of each POST /register.
        asked: Identifier of each GET /next.
        refusals: How many registrations are refused before one succeeds.
        vanishes: Hang up on every /next instead of answering it.
        broken_events: How many events are answered with 500 before the next one is SHUTDOWN.
    """

    address: str
    registrations: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refusals: int = 0
    broken_events: int = 0
    vanishes: bool = False
    waiting: threading.Event = field(default_factory=threading.Event)
    ending: threading.Event = field(default_factory=threading.Event)

    def answer(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and further headers."""
        if path.endswith(REGISTER):
            self.registrations.append((headers["lambda-extension-name"], body.decode()))
            if len(self.registrations) <= self.refusals:
                return (*REFUSED, {})
            return 200, b'{"functionName":"f"}\n', {"Lambda-Extension-Identifier": "an-id-1"}
        if path.endswith(NEXT):
            self.asked.append(headers["lambda-extension-identifier"])
            if len(self.asked) <= self.broken_events:
                return 500, b"", {}
            self.waiting.set()
            if self.vanishes:
                raise ConnectionAbortedError
            self.ending.wait(15)
            return 200, b'{"eventType":"SHUTDOWN","shutdownReason":"spindown"}', {}
        return 404, b"", {}

    def shut_down(self) -> None:
        """Answer the pending /next with SHUTDOWN, once it is there."""
        assert self.waiting.wait(15)
        self.ending.set()


@contextmanager
def serving(*, family: socket.AddressFamily = socket.AF_INET) -> Iterator[ExtensionsApi]:
    """Run one on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                status, answer, further = api.answer(self.path, headers, body)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {**further, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _serve  # noqa: N815  # the base class's names

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    class Server(ThreadingHTTPServer):
        address_family = family
        daemon_threads = True

    host = "::1" if family is socket.AF_INET6 else "127.0.0.1"
    with Server((host, 0), Handler) as server:
        port = server.server_address[1]
        api = ExtensionsApi(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield api
        finally:
            api.ending.set()
            server.shutdown()
