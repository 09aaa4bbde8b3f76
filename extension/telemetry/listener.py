"""The HTTP server that the platform posts telemetry to: take the bytes, answer 200, nothing more.

Any other answer makes the platform send the same batch again, so even what cannot be used is
acknowledged. Nothing on this path logs, waits or exports: a line written here would come back
as an event. The path of a request does not matter; some platforms drop the one subscribed to.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from aiohttp.web_exceptions import HTTPRequestEntityTooLarge
from aiohttp.web_protocol import RequestPayloadError
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response

from extension.connections import BoundedServer
from extension.log import silent_logger

MAX_DELIVERY_BYTES = 2 * 1_048_576
"""Above twice `maxBytes` of the subscription, as documented; only a stranger posts more."""

MAX_CONNECTIONS = 8
"""The platform uses one; others in the sandbox can reach the port, and get no more than these."""

READ_S = 1.0
"""Longest wait for a body that has begun, else half-sent ones would lock the platform out."""

KEEPALIVE_S = 7 * 24 * 3600.0
"""Longer than any freeze: the platform reuses its connection after the thaw."""

CLOSE_S = 0.1


class Listener:
    """Hands each delivery's bytes to `receive`; what that raises goes to `on_fault` instead."""

    def __init__(
        self,
        listening: socket.socket,
        *,
        receive: Callable[[bytes], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._socket = listening
        self._receive = receive
        self._on_fault = on_fault
        self._server = BoundedServer(
            self._handle,
            max_connections=MAX_CONNECTIONS,
            request_factory=_request,
            auto_decompress=False,  # the platform never compresses; a stranger's bomb stays small
            lingering_time=0.0,
            access_log=None,
            logger=silent_logger(),
            keepalive_timeout=KEEPALIVE_S,
        )
        self._accepting: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port to subscribe with."""
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        self._accepting = await loop.create_server(self._server, sock=self._socket)

    async def close(self) -> None:
        """Stop accepting and close what is open."""
        if self._accepting:
            self._accepting.close()
        await self._server.shutdown(CLOSE_S)

    async def _handle(self, request: BaseRequest) -> Response:
        try:
            async with asyncio.timeout(READ_S):
                body = await request.read()
            self._receive(body)
        except TimeoutError:
            return Response(status=408)  # the platform sends again
        except (HTTPRequestEntityTooLarge, RequestPayloadError, ConnectionError):
            return Response()  # a stranger, or a sender that has gone: nobody's fault here
        except Exception as error:  # noqa: BLE001  # any other answer would bring the batch again
            self._on_fault(error)
        return Response()


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> BaseRequest:
    """Build a request that takes a body beyond aiohttp's one mebibyte, which a batch may be."""
    loop = asyncio.get_running_loop()
    limit = MAX_DELIVERY_BYTES
    return BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=limit)
