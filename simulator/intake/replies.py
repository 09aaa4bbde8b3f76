"""How the intake answers a post: as asked, late, never, cut off, or in no language HTTP knows."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

# With this linger, closing a socket resets the connection instead of ending it politely.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole HTTP response, after `delay_s` seconds.

    The default is success: the empty Export…ServiceResponse of every signal is zero bytes long.
    """

    status: int = 200
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"Content-Type": "application/x-protobuf"}
    )
    body: bytes = b""
    delay_s: float = 0.0

    @property
    def accepts(self) -> bool:
        """Whether the sender may forget the batch."""
        return self.status // 100 == 2

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer the request."""
        await asyncio.sleep(self.delay_s)
        return web.Response(status=self.status, headers=self.headers, body=self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """No answer until `released` is set; then the reply."""

    released: asyncio.Event = field(default_factory=asyncio.Event)
    then: Reply = field(default_factory=Reply)

    @property
    def accepts(self) -> bool:
        """As the reply would: a sender that gave up waiting has lost the acknowledgement."""
        return self.then.accepts

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Wait, then answer the request."""
        await self.released.wait()
        return await self.then.send(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Bytes that bypass HTTP, and the end of the connection, polite or by reset.

    `accepts=True` keeps the batch all the same: the acknowledgement was lost.
    """

    data: bytes = b""
    reset: bool = False
    accepts: bool = False

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Write the bytes and close the connection."""
        transport = request.transport
        if transport is not None:
            transport.write(self.data)
            if self.reset:
                connection = transport.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                transport.abort()
            else:
                transport.close()
        # aiohttp wants a response; on the closed connection it is not seen.
        return web.Response()


Answer = Reply | Hang | Raw

RESET = Raw(reset=True)
RESET_IN_BODY = Raw(data=b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n\x0a", reset=True)
GARBAGE = Raw(data=b"\x16\x03\x01 this is not HTTP\r\n\r\n")
