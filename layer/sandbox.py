"""A sandbox for one run of the layer, of the standard library alone: a build has nothing else.

One HTTP server on loopback plays the Extensions API, Parameter Store, Secrets Manager and the
OTLP intake; `simulator` is the faithful one.
"""

from __future__ import annotations

import gzip
import json
import queue
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from layer.errors import LayerError

DEADLINE_S = 20.0
"""Longest wait for anything; generous, because a busy builder is no reason to refuse a layer."""

MOST_INVOCATIONS = 20
"""How many a slow start may take until it has exported; any other does so in the first."""
_PAUSE_S = 0.02

FUNCTION = "tried-out"
SIGNALS = ("traces", "logs", "metrics")
"""All of them, because the encoder of each is imported late."""

GETS = {
    "/systemsmanager/parameters/get?name=%2Ftried%2Fout": "a parameter",
    "/secretsmanager/get?secretId=tried%2Fout": "a secret",
}
"""What the function asks the cache for, and what is in the answer."""

_NOT_READY = "not ready "
"""In the error of a GET that came before the cache was open, or its AWS clients were built."""

_TOKEN = "a-session-token"  # of no account
_AWS: dict[str, dict[str, Any]] = {
    "AmazonSSM.GetParameter": {
        "Parameter": {"Name": "/tried/out", "Type": "String", "Value": "a parameter", "Version": 1}
    },
    "secretsmanager.GetSecretValue": {
        "ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:tried/out-AbCdEf",
        "Name": "tried/out",
        "SecretString": "a secret",
        "CreatedDate": 1,
        "VersionId": "5e0ca5e0-0000-4000-8000-000000000002",
        "VersionStages": ["AWSCURRENT"],
    },
}
_REGISTERED = {"functionName": FUNCTION, "functionVersion": "$LATEST", "handler": "handler.handler"}

Answer = tuple[bytes, dict[str, str]]


class Sandbox:
    """What one run of an extension meets; `exported` is what it sent, by signal."""

    def __init__(self, port: int, *, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.exported: dict[str, list[bytes]] = {signal: [] for signal in SIGNALS}
        self._port = port
        self._cache_port = _free_port()
        self._listener = ""
        self._asked: queue.Queue[None] = queue.Queue()
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()

    def environment(self, *, path: str) -> dict[str, str]:
        """Return the variables of the extension's process."""
        url = f"http://127.0.0.1:{self._port}"
        return {
            "PATH": path,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._port}",
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_SESSION_TOKEN": _TOKEN,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self._cache_port),
            "DISPATCH_POST_URI": url,
            "DISPATCH_SIGNALS": ",".join(SIGNALS),
        }

    def wait_for_next(self) -> None:
        """Wait until the extension asks for its next event; raises queue.Empty if it does not."""
        self._asked.get(timeout=self._deadline_s)

    def has_spans(self) -> bool:
        """Whether the extension exports some, within a share of the deadline."""
        began = time.monotonic()
        while not self.exported["traces"]:
            if time.monotonic() - began > self._deadline_s / MOST_INVOCATIONS:
                return False
            time.sleep(_PAUSE_S)
        return True

    def tell(self, kind: str, **event: str) -> None:
        """Answer the pending or the coming question for the next event."""
        deadline_ms = int((time.time() + self._deadline_s) * 1000)
        self._events.put({"eventType": kind, "deadlineMs": deadline_ms, **event})

    def deliver(self, kind: str, record: object) -> None:
        """Post a batch of one telemetry event to the extension.

        Raises:
            LayerError: it has not subscribed.
        """
        if not self._listener:
            raise LayerError("it did not subscribe to telemetry")
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        body = json.dumps([{"time": now, "type": kind, "record": record}]).encode()
        request = urllib.request.Request(self._listener, data=body, method="POST")
        _open(request, self._deadline_s)

    def get(self, path: str) -> str:
        """Return what the extension's cache answers, at the deadline also that it is not ready.

        A slow machine, or an emulated one, may build the AWS clients for longer than a GET waits.
        """
        headers = {"X-Aws-Parameters-Secrets-Token": _TOKEN, "Accept": "application/json"}
        url = f"http://127.0.0.1:{self._cache_port}{path}"
        began = time.monotonic()
        while True:
            answer = _open(urllib.request.Request(url, headers=headers), self._deadline_s)
            is_late = time.monotonic() - began > self._deadline_s
            if is_late or _NOT_READY not in answer:
                return answer
            time.sleep(_PAUSE_S)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return what platform, AWS or intake answers to a request, and with which headers."""
        if path.endswith("/extension/register"):
            return json.dumps(_REGISTERED).encode(), {"Lambda-Extension-Identifier": "tried-out-1"}
        if path.endswith("/extension/event/next"):
            self._asked.put(None)
            return json.dumps(self._events.get()).encode(), {}
        if path.endswith("/telemetry"):
            destination = urlsplit(json.loads(body)["destination"]["URI"])
            self._listener = f"http://127.0.0.1:{destination.port}{destination.path}"
            return b'"OK"', {}
        if path.startswith("/v1/"):
            packed = headers.get("Content-Encoding") == "gzip"
            signal = path.removeprefix("/v1/")
            self.exported[signal].append(gzip.decompress(body) if packed else body)
            return b"", {"Content-Type": "application/x-protobuf"}
        return json.dumps(_AWS.get(headers.get("X-Amz-Target", ""), {})).encode(), {}


@contextmanager
def open_sandbox(*, deadline_s: float = DEADLINE_S) -> Iterator[Sandbox]:
    """Yield a sandbox whose server runs; it waits so long for anything that the extension does."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer, headers = sandbox.answer(self.path, dict(self.headers.items()), body)
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815  # the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its signature
            """Say nothing: the extension's output is what counts."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        sandbox = Sandbox(server.server_port, deadline_s=deadline_s)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield sandbox
        finally:
            server.shutdown()


def _open(request: urllib.request.Request, deadline_s: float) -> str:
    # No proxy: both ends are this process and its child.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=deadline_s) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refusal:
        return f"status {refusal.code}: {refusal.read().decode()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
