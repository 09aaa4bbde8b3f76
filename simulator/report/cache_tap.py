"""A tap between the function and the cache: bytes pass as they are, and each GET is noted.

Rule of the module: of a request only the name it asks for is kept, of an answer only its status
and X-Cache. Tokens and values pass through and are gone. A GET takes about 0.4 ms longer for it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import parse_headers
from io import BytesIO
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from types import TracebackType

PORT_VARIABLE = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
CACHE_PORT = 2773
_HOST = "127.0.0.1"
_CHUNK_BYTES = 64 * 1024
_HEAD_LIMIT_BYTES = 16 * 1024
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheGet:
    """One GET: the parameter or secret, X-Cache (empty in a refusal), HTTP status, Unix times."""

    name: str
    result: str
    status: int
    start_ns: int
    end_ns: int


class CacheTap:
    """`async with CacheTap() as tap`: the function uses `port`, the extension `cache_port`.

    `gets` grows by each GET as its answer passes. When something listens at the wanted port
    already, `port` is a free one.
    """

    def __init__(self, *, port: int = CACHE_PORT) -> None:
        self.gets: list[CacheGet] = []
        self.port = port
        self.cache_port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._accept, _HOST, self.port)
        except OSError:
            self._server = await asyncio.start_server(self._accept, _HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        with socket.create_server((_HOST, 0)) as free:
            self.cache_port = free.getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        # Python 3.11 reports a handler that it has started itself as failed when it is cancelled.
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            # A cache that is down looks like one that hangs up; the function learns no more.
            with suppress(OSError):
                await self._forward(reader, writer)
        finally:
            writer.close()

    async def _forward(self, reader: StreamReader, writer: StreamWriter) -> None:
        cache_reader, cache_writer = await asyncio.open_connection(_HOST, self.cache_port)
        conversation = Conversation(self.gets)
        try:
            async with asyncio.TaskGroup() as both_ways:
                both_ways.create_task(_pump(reader, cache_writer, note=conversation.asked))
                both_ways.create_task(_pump(cache_reader, writer, note=conversation.answered))
        finally:
            cache_writer.close()


class Conversation:
    """One connection's GETs, separated by who sends: HTTP/1.1 takes turns."""

    def __init__(self, gets: list[CacheGet]) -> None:
        self._gets = gets
        self._request = b""
        self._answer = b""
        self._started_ns = 0

    def asked(self, data: bytes, *, now_ns: int) -> None:
        """Take bytes of the function."""
        if not self._request:
            self._started_ns = now_ns
        self._request = (self._request + data)[:_HEAD_LIMIT_BYTES]

    def answered(self, data: bytes, *, now_ns: int) -> None:
        """Take bytes of the cache; a GET is noted as soon as the head of its answer is there."""
        if not self._request:
            return  # the rest of a body
        self._answer = (self._answer + data)[:_HEAD_LIMIT_BYTES]
        head, end, _ = self._answer.partition(_HEAD_END)
        if end:
            self._note(head + end, ended_ns=now_ns)
            self._request = self._answer = b""

    def _note(self, answer: bytes, *, ended_ns: int) -> None:
        name = _name_in(self._request)
        if not name:
            return
        head = BytesIO(answer)
        status = int(head.readline().split()[1])
        self._gets.append(
            CacheGet(
                name=name,
                result=parse_headers(head).get("X-Cache", ""),
                status=status,
                start_ns=self._started_ns,
                end_ns=ended_ns,
            )
        )


class _Note(Protocol):
    def __call__(self, data: bytes, *, now_ns: int) -> None: ...


async def _pump(reader: StreamReader, writer: StreamWriter, *, note: _Note) -> None:
    """Pass on bytes until their sender ends, then end in turn; a reset connection is an end."""
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK_BYTES):
            note(data, now_ns=time.time_ns())
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()


def _name_in(request: bytes) -> str:
    """The parameter or secret that a request names; empty if none."""
    target = request.partition(b"\r\n")[0].split(b" ")[1:2]
    query = parse_qs(urlsplit(target[0].decode("latin-1")).query) if target else {}
    return next((query[field][0] for field in ("name", "secretId") if field in query), "")
