"""An endpoint that answers each POST with whatever bytes it likes, over a plain socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class HostileEndpoint:
    """Where it listens, by a name (cookies have none for addresses), and the heads it got."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL of traces."""
        return f"http://localhost:{self.port}/v1/traces"


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[HostileEndpoint]:
    """Serve until the end of the block."""
    endpoint = HostileEndpoint()
    serving: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    endpoint.heads.append(await reader.readuntil(b"\r\n\r\n"))
                    await reader.readexactly(1)  # the body that the tests post
                    await answer(writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


def once(data: bytes) -> Answer:
    """Answer each post with these bytes."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


def for_ever(first: bytes, again: bytes) -> Answer:
    """Begin an answer and never end it."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()

    return answer


def silent() -> Answer:
    """Take a request and never answer."""

    async def answer(_: asyncio.StreamWriter) -> None:
        await asyncio.Future()

    return answer


def dripping(first: bytes, again: bytes, *, every_s: float = 0.02) -> Answer:
    """Begin an answer and go on byte by byte, without an end."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(every_s)

    return answer
