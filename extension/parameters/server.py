"""The cache on localhost: the HTTP server around an answer, with what a caller may cost us."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence

from extension.http.connections import connection_limit
from extension.http.messages import Head, Reply
from extension.http.server import HttpServer
from extension.aws.errors import UpstreamError
from extension.parameters.response import failure
from extension.process.clock import Clock, http_date
from extension.process.log import Log

BACKLOG = 4096
"""Callers that may wait in the kernel's queue; the kernel caps it at net.core.somaxconn."""

STOP_S = 0.2
"""How long stopping waits for requests under way: Lambda leaves two seconds for everything."""

Answer = Callable[[str, str, Mapping[str, str]], Awaitable[Reply]]
"""From method, request target and headers (names in lower case) to the reply."""


class Server:
    """Serves `answer` on sockets."""

    def __init__(
        self, answer: Answer, *, sockets: Sequence[socket.socket], clock: Clock, log: Log
    ) -> None:
        self._answer = answer
        self._sockets = sockets
        self._clock = clock
        self._log = log
        self._server = HttpServer(
            self._handle, max_connections=connection_limit(), max_body_bytes=0
        )

    async def start(self) -> None:
        """Accept connections; they are kept, for the function's are still good after a thaw."""
        await self._server.start(self._sockets, backlog=BACKLOG)

    async def settled(self, *, within_s: float) -> None:
        """Wait until the requests under way are answered."""
        await self._server.settled(within_s=within_s)

    async def close(self) -> None:
        """Stop; requests under way get a moment, then their connections are closed."""
        await self._server.close(patience_s=STOP_S)

    async def _handle(self, head: Head, body: bytes) -> Reply:
        del body  # there is none
        headers = head.headers
        if not head.minor:
            # HTTP/1.0 requires no Host, and no browser speaks it, so none can be rebound.
            headers = {"host": "localhost", **headers}
        try:
            reply = await self._answer(head.method, head.target, headers)
        except Exception as error:  # noqa: BLE001  # a fault of ours must not become a traceback
            self._log.error("request failed", error=type(error).__name__)
            reply = failure(UpstreamError("InternalFailure"))
        sent = {**reply.headers, "Date": http_date(self._clock.now())}
        return Reply(reply.status, sent, reply.body)
