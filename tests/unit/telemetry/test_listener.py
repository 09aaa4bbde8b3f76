"""The server that the platform posts to: every delivery is acknowledged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable

import pytest

from extension.http.server import HttpServer
from extension.telemetry.listener import Listener
from tests.waiting import until


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


async def test_strangers_do_not_keep_the_platform_out() -> None:
    """Eight connections are open at most; the one that has been idle longest makes way at once."""
    taken: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))
    listener = Listener(listening, take=taken.append, on_fault=lambda _: None)
    await listener.start()
    strangers = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(8)]
    for _, writer in strangers:
        writer.write(b"POST / HTTP/1.1\r\n")
    await until(lambda: len(listener._server.connections) == 8)
    assert await post(listener.port, b"[]") == b"HTTP/1.1 200 OK"
    assert (taken, listener._server.connections._checks) == ([b"[]"], 0)
    assert await strangers[0][0].read() == b""
    assert not strangers[-1][0].at_eof()
    await listener.close()
    for _, writer in strangers:
        writer.close()


@pytest.mark.parametrize(("more", "is_taken"), [(0, True), (1, False)])
async def test_a_delivery_has_four_mebibytes_at_most(more: int, *, is_taken: bool) -> None:
    """The platform's has two; a larger one is acknowledged, and lost."""
    taken: list[int] = []
    lost: list[str] = []
    listening = socket.create_server(("127.0.0.1", 0))
    listener = Listener(
        listening, take=lambda body: taken.append(len(body)), on_fault=lambda _: None,
        on_lost=lambda: lost.append("one"),
    )  # fmt: skip
    await listener.start()
    size = 4_194_304 + more
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
    if is_taken:
        writer.write(bytes(size))
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    assert (taken, lost) == (([size], []) if is_taken else ([], ["one"]))
    writer.close()
    await listener.close()


@pytest.mark.parametrize(
    ("body", "is_lost"), [(b"0\r\n\r\n", False), (b"400001\r\n" + bytes(0x400001), True)]
)
async def test_a_delivery_in_chunks_has_four_mebibytes_too(body: bytes, *, is_lost: bool) -> None:
    """One that is empty is no loss."""
    lost: list[str] = []
    listening = socket.create_server(("127.0.0.1", 0))
    listener = Listener(
        listening, take=lambda _: None, on_fault=lambda _: None, on_lost=lambda: lost.append("one")
    )
    await listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    assert lost == (["one"] if is_lost else [])
    writer.close()
    await listener.close()


async def test_at_the_end_a_delivery_has_a_tenth_of_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To be taken; SHUTDOWN leaves two."""
    patience: list[float] = []

    async def close(_: HttpServer, *, patience_s: float) -> None:
        patience.append(patience_s)

    monkeypatch.setattr(HttpServer, "close", close)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await Listener(listening, take=lambda _: None, on_fault=lambda _: None).close()
    assert patience == [0.1]
