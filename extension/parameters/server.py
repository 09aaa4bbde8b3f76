"""The HTTP server on localhost: aiohttp's low-level server over sockets that are already bound.

Not the application router, which is half as fast. aiohttp's own log lines repeat what a client
sent, so none of them is written: `_Quiet` turns each into one fixed line.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response

from extension.connections import BoundedServer, room_for_connections
from extension.log import Log
from extension.parameters.errors import UpstreamError
from extension.parameters.response import Reply, failure

BACKLOG_SHARE = 4
"""A quarter of the room may wait in the kernel: asyncio accepts all of it before any is bounded."""

KEEP_ALIVE_S = 86_400.0
"""Longer than any freeze, so that the function's pooled connection is still good after a thaw."""

LINGER_S = 1.0
"""How long the body of a refused request is read and thrown away so that the answer arrives."""

STOP_S = 0.2
"""How long stopping waits for requests under way: Lambda leaves two seconds for everything."""

Answer = Callable[[str, str, Mapping[str, str]], Awaitable[Reply]]
"""From method, request target and headers to the reply."""


class Server:
    """Serves `answer` on sockets."""

    def __init__(self, answer: Answer, *, sockets: Sequence[socket.socket], log: Log) -> None:
        self._answer = answer
        self._sockets = sockets
        self._log = log
        self._server: BoundedServer | None = None
        self._accepting: list[asyncio.Server] = []

    async def start(self) -> None:
        """Accept connections."""
        room = room_for_connections()
        self._server = BoundedServer(
            self._handle,
            max_connections=room,
            access_log=None,
            logger=_Quiet(self._log),
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
        )
        backlog = max(1, room // BACKLOG_SHARE)
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            serving = await loop.create_server(self._server, sock=each, backlog=backlog)
            self._accepting.append(serving)

    async def close(self) -> None:
        """Stop; requests under way get a moment, then their connections are closed."""
        for each in self._accepting:
            each.close()
        if self._server is None:
            return
        self._server.pre_shutdown()
        try:
            async with asyncio.timeout(3 * STOP_S):
                await self._server.shutdown(STOP_S)
        except TimeoutError:
            self._log.warning("server did not stop in time")

    async def _handle(self, request: BaseRequest) -> Response:
        try:
            reply = await self._answer(request.method, request.raw_path, request.headers)
        except Exception as error:  # noqa: BLE001  # a fault of ours must not become a traceback
            self._log.error("request failed", error=type(error).__name__)
            reply = failure(UpstreamError("InternalFailure"))
        return Response(body=reply.body, status=reply.status, headers=reply.headers)


class _Quiet:
    """Stands in for aiohttp's logger and repeats nothing of what it is told but a type's name."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def debug(self, message: object, *_: object, **details: object) -> None:
        """Take a message nobody needs."""

    def warning(self, message: object, *_: object, **details: object) -> None:
        """Take a message about the server."""
        self._log.debug("HTTP server", error=type(details.get("exc_info")).__name__)

    def exception(self, message: object, *_: object, **details: object) -> None:
        """Take an error: mostly a request that is not HTTP, which is its sender's fault."""
        self._log.debug("request was not HTTP", error=type(details.get("exc_info")).__name__)

    error = exception
