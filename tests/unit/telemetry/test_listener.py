"""The server that the platform posts to: every delivery is acknowledged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable

import pytest

from extension.telemetry.listener import Listener


async def post(port: int, body: bytes) -> bytes:
    """Post a body; return the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line.strip()


async def test_what_is_posted_is_taken_and_acknowledged() -> None:
    """Whatever becomes of it: another answer would bring the same bytes again."""
    taken: list[bytes] = []
    faults: list[Exception] = []

    async def later() -> None:
        raise LookupError

    def take(body: bytes) -> Awaitable[None] | None:
        taken.append(body)
        if body == b"breaks":
            raise KeyError(body)
        return later() if body == b"breaks later" else None

    listening = socket.create_server(("127.0.0.1", 0))
    listener = Listener(listening, take=take, on_fault=faults.append)
    await listener.start()
    bodies = [b"[]", b"", b"breaks", b"breaks later"]
    assert {await post(listener.port, each) for each in bodies} == {b"HTTP/1.1 200 OK"}
    assert taken == [b"[]", b"breaks", b"breaks later"]
    assert [type(each) for each in faults] == [KeyError, LookupError]
    await listener.close()


async def test_closed_it_refuses_connections() -> None:
    """The port is that of the socket that it was given."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    listener = Listener(listening, take=lambda _: None, on_fault=lambda _: None)
    assert listener.port == port
    await listener.start()
    await listener.close()
    with pytest.raises(ConnectionRefusedError):
        await post(port, b"[]")
