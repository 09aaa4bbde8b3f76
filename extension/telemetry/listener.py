"""The HTTP server that the platform posts telemetry to: take the bytes, answer 200, nothing more.

Any other answer makes the platform send the same batch again, so even what cannot be used is
acknowledged. Nothing on this path logs or exports: a line written here would come back as an
event. It waits only where so much is unread that the platform had better keep the rest. The path
of a request does not matter; some platforms drop the one subscribed to.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

from extension.http.messages import Head, Reply
from extension.http.server import HttpServer

MAX_DELIVERY_BYTES = 4 * 1_048_576
"""Above twice `maxBytes` of the subscription, as documented; only a stranger posts more."""

MAX_CONNECTIONS = 8
"""The platform uses one; others in the sandbox can reach the port, and get no more than these."""

CLOSE_S = 0.1
TAKEN = Reply(200, {}, b"")


class Listener:
    """Hands each delivery's bytes to `take`; what that raises goes to `on_fault` instead.

    `take` returns None, or what has to be awaited before the platform may send more. `on_lost` is
    called for each delivery that is too large.
    """

    def __init__(
        self,
        listening: socket.socket,
        *,
        take: Callable[[bytes], Awaitable[None] | None],
        on_fault: Callable[[Exception], None],
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._socket = listening
        self._take = take
        self._on_fault = on_fault
        self._on_lost = on_lost
        self._server = HttpServer(
            self._handle,
            max_connections=MAX_CONNECTIONS,
            max_body_bytes=MAX_DELIVERY_BYTES,
            patience=False,  # strangers must not keep the platform out
        )

    @property
    def port(self) -> int:
        """The port to subscribe with."""
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Begin to accept."""
        await self._server.start([self._socket], backlog=MAX_CONNECTIONS)

    async def close(self) -> None:
        """Stop accepting and close what is open."""
        await self._server.close(patience_s=CLOSE_S)

    def _handle(self, head: Head, body: bytes) -> Reply | Awaitable[Reply]:
        if not body and (head.length or 0) > MAX_DELIVERY_BYTES:
            self._on_lost()
        try:
            waiting = self._take(body) if body else None
        except Exception as error:  # noqa: BLE001  # any other answer would bring the batch again
            self._on_fault(error)
            return TAKEN
        return TAKEN if waiting is None else self._taken_later(waiting)

    async def _taken_later(self, waiting: Awaitable[None]) -> Reply:
        try:
            await waiting
        except Exception as error:  # noqa: BLE001  # likewise
            self._on_fault(error)
        return TAKEN
