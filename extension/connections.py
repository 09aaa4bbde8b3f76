"""A bound on the connections of aiohttp's server: the one that was idle longest makes room.

Both servers, the cache and the telemetry listener, can be reached by whoever runs in the sandbox.
aiohttp has no timeout on a half-sent request head. With a bound, whoever opens connections and
stalls loses them as soon as the room is needed, and nobody can use up the file descriptors.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import StreamResponse
from aiohttp.web_server import Server

MAX_CONNECTIONS = 512
"""Connections at once, where the process may have 1024 file descriptors, as in Lambda."""

Handler = Callable[[BaseRequest], Awaitable[StreamResponse]]


def room_for_connections(*, descriptors: int | None = None) -> int:
    """Return how many connections fit: half of the file descriptors, for others need some too."""
    if descriptors is None:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, descriptors // 2))


class BoundedServer(Server):
    """Knows which of its connections are being answered and since when the others are idle."""

    def __init__(self, handler: Handler, *, max_connections: int, **options: Any) -> None:
        super().__init__(self._answer, **options)
        self._handler = handler
        self._max_connections = max_connections
        self._busy: set[RequestHandler] = set()
        self._idle: dict[RequestHandler, None] = {}  # idle longest first

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._idle) + len(self._busy)

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection; asyncio calls this after accepting one."""
        if self.open >= self._max_connections and not self._make_room():
            # None idle: the newcomer is closed as soon as it is connected.
            return cast("RequestHandler", _Refused())
        connection = super().__call__()
        self._idle[connection] = None
        return connection

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        self._forget(handler)
        super().connection_lost(handler, exc)

    async def _answer(self, request: BaseRequest) -> StreamResponse:
        connection = request.protocol
        self._idle.pop(connection, None)
        self._busy.add(connection)
        try:
            return await self._handler(request)
        finally:
            self._busy.discard(connection)
            if connection.transport is not None:
                self._idle[connection] = None

    def _make_room(self) -> bool:
        longest = next((each for each in self._idle if each.transport is not None), None)
        if longest is None:
            return False
        self._forget(longest)
        longest.force_close()
        return True

    def _forget(self, connection: RequestHandler) -> None:
        self._idle.pop(connection, None)
        self._busy.discard(connection)


class _Refused(asyncio.Protocol):
    """A connection for which there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()
