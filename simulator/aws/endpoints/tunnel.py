"""A proxy for HTTPS on loopback that leads every name of AWS to the local endpoints.

It answers CONNECT and copies bytes; TLS ends at the endpoints. Names that are not simulated are
refused: nothing leaves this machine.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from simulator.aws.endpoints.hosts import place_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_HEAD_END = b"\r\n\r\n"
_CHUNK_BYTES = 65_536


@asynccontextmanager
async def tunnel(port: int) -> AsyncIterator[str]:
    """Lead to the TLS port of the endpoints; yields the proxy's URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _lead(reader, writer, port)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    head = await reader.readuntil(_HEAD_END)
    method, target, *_ = [*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), ""]
    host, _, number = target.rpartition(":")
    if method != "CONNECT" or number != "443" or place_of(host) is None:
        writer.write(_refusal(method, target))
        await writer.drain()
        return
    there, back = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
    finally:
        back.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    finally:
        # Each side closes the other: a connection that was cut is cut for both.
        with suppress(OSError, RuntimeError):
            writer.close()


def _refusal(method: str, target: str) -> bytes:
    body = f"{method} {target}: the simulator has only names of AWS, on port 443\n".encode()
    return (
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
