"""The listener for telemetry as strangers in the sandbox reach it: over plain sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

from extension.telemetry.listener import Listener
from tests.waiting import PATIENCE_S

HEAD = b"POST / HTTP/1.1\r\nHost: sandbox.localdomain:1\r\n"


class AttackedListener:
    """A listener that runs, what it handed over, and the connections that strangers opened."""

    def __init__(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        self.received: list[bytes] = []
        self.faults: list[Exception] = []
        self._listener = Listener(listening, take=self._take, on_fault=self.faults.append)
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await self._listener.close()

    def _take(self, body: bytes) -> None:
        self.received.append(body)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open one connection; it is closed in the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._listener.port)
        self._writers.append(writer)
        return reader, writer

    async def post(
        self, body: bytes, *, headers: bytes = b"", deadline_s: float = PATIENCE_S
    ) -> bytes:
        """Post one delivery over a connection of its own; return the status line."""
        reader, writer = await self.connect()
        writer.write(HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await reader.readline()
        finally:
            writer.transport.abort()
