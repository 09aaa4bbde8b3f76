"""The HTTP server for the function's own SDK: take the bytes, answer 200, read them afterwards.

The function waits for this answer before its own, so nothing here waits, and nothing is parsed. An
SDK repeats what is answered 429 or 5xx, and waits ten seconds where there is no answer; so what
does not fit is accepted, counted and lost. Nothing on this path writes a line.

    path        /v1/traces, /v1/logs, /v1/metrics        else 404
    method      POST                                     else 405
    encoding    protobuf or JSON; gzip, deflate or none  else 415
    size        MAX_BODY_BYTES, before and after gzip    else 413
    content     may be a request                         else 400

Connections are never closed for being idle: after a freeze a closed one costs an SDK a second.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

from extension.http.connections import connection_limit
from extension.http.messages import Head, Reply
from extension.http.server import HttpServer
from extension.telemetry.export.buffer import Signal
from extension.telemetry.receiver.content import (
    MAX_BODY_BYTES,
    Encoding,
    Posted,
    RefusedError,
    check,
    decompress,
    encoding_of,
)
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.replies import TAKEN, refusal, warning

MAX_CONNECTIONS = 64
"""An SDK has one for each signal; on Managed Instances there may be as many processes as cores."""

BACKLOG = 4096

PATHS: Mapping[str, Signal] = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/v1/metrics": "metrics",
}

LOST = "lost: too much waits to be read"


class Door:
    """Hands each request to `take`, which returns whether it could keep it."""

    def __init__(self, *, take: Callable[[Posted], bool], counts: ReceiverCounts) -> None:
        self._take = take
        self._counts = counts
        self._server = HttpServer(
            self._handle,
            max_connections=min(MAX_CONNECTIONS, connection_limit()),
            max_body_bytes=MAX_BODY_BYTES,
        )

    async def open(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to accept."""
        await self._server.start(sockets, backlog=BACKLOG)

    async def close(self) -> None:
        """Stop accepting and close what is open."""
        await self._server.close(patience_s=0)

    async def _handle(self, head: Head, body: bytes) -> Reply:
        encoding = encoding_of(head.headers.get("content-type", ""))
        try:
            return self._accept(head, body, encoding)
        except RefusedError as error:
            self._counts.refused[str(error.status)] += 1
            reply = refusal(error.status, str(error), encoding)
            if error.status == 405:
                return reply._replace(headers={**reply.headers, "Allow": "POST"})
            return reply
        except Exception as error:  # noqa: BLE001  # a bug of ours must not cost the function time
            self._counts.faults[type(error).__name__] += 1
            return TAKEN[encoding or "protobuf"]

    def _accept(self, head: Head, body: bytes, encoding: Encoding | None) -> Reply:
        signal = PATHS.get(_path(head.target))
        if signal is None:
            raise RefusedError(404, "the paths here are /v1/traces, /v1/logs and /v1/metrics")
        if head.method != "POST":
            raise RefusedError(405, "the only method here is POST")
        if encoding is None:
            types = "application/x-protobuf or application/json"
            raise RefusedError(415, f"Content-Type is not {types}")
        if head.length is not None and head.length > MAX_BODY_BYTES:
            raise RefusedError(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        content = decompress(body, head.headers.get("content-encoding", ""))
        check(content, encoding)
        self._counts.requests[signal] += 1
        self._counts.bytes[signal] += len(content)
        if content and not self._take(Posted(signal=signal, encoding=encoding, body=content)):
            self._counts.refused["waiting"] += 1
            return warning(encoding, LOST)
        return TAKEN[encoding]


def _path(target: str) -> str:
    """Return the path of a target, which clients that take us for a proxy send with an origin."""
    if target.startswith("http://"):
        target = "/" + target[len("http://") :].partition("/")[2]
    return target.partition("?")[0].rstrip("/")
