"""The tap on the way to the cache: GETs are noted with their times, and nothing else changes."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest

from simulator.report.cache_tap import CacheGet, CacheTap, Conversation

REQUEST = b"GET /systemsmanager/parameters/get?name=%2Fa&label=x HTTP/1.1\r\nToken: t\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nx-cache: MISS\r\nContent-Length: 6\r\n\r\nsecret"


def test_get_is_noted_when_its_answer_passes() -> None:
    """Name, X-Cache, status and both times, however the bytes are cut."""
    gets: list[CacheGet] = []
    conversation = Conversation(gets)
    conversation.asked(REQUEST[:20], now_ns=1)
    conversation.asked(REQUEST[20:], now_ns=2)
    conversation.answered(ANSWER[:30], now_ns=3)
    assert gets == []
    conversation.answered(ANSWER[30:], now_ns=4)
    conversation.answered(b"the rest of a body", now_ns=5)
    assert gets == [CacheGet(name="/a", result="MISS", status=200, start_ns=1, end_ns=4)]


def test_gets_of_one_connection_are_told_apart() -> None:
    """A connection that is kept alive carries one GET after another."""
    gets: list[CacheGet] = []
    conversation = Conversation(gets)
    for start_ns, name in ((10, b"one"), (20, b"two")):
        conversation.asked(
            b"GET /secretsmanager/get?secretId=%b HTTP/1.1\r\n\r\n" % name, now_ns=start_ns
        )
        conversation.answered(b"HTTP/1.1 400 Bad Request\r\n\r\n", now_ns=start_ns + 1)
    assert gets == [
        CacheGet(name="one", result="", status=400, start_ns=10, end_ns=11),
        CacheGet(name="two", result="", status=400, start_ns=20, end_ns=21),
    ]


@pytest.mark.parametrize("request_", [b"GET /ping HTTP/1.1\r\n\r\n", b"\r\n", b"GET"])
def test_what_names_nothing_is_not_noted(request_: bytes) -> None:
    """Only GETs of a parameter or a secret count."""
    gets: list[CacheGet] = []
    conversation = Conversation(gets)
    conversation.asked(request_, now_ns=1)
    conversation.answered(ANSWER, now_ns=2)
    assert gets == []


async def test_bytes_pass_as_they_are() -> None:
    """The cache gets what the function sends, and the function what the cache answers."""
    heard = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard = await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        writer.close()

    async with CacheTap(port=0) as tap:
        server = await asyncio.start_server(serve, "127.0.0.1", tap.cache_port)
        async with server:
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(REQUEST)
            assert await asyncio.wait_for(reader.read(), 10) == ANSWER
            writer.close()
    assert heard == REQUEST
    assert [(get.name, get.result) for get in tap.gets] == [("/a", "MISS")]


async def test_cache_that_is_down_hangs_up() -> None:
    """A function whose cache is not there sees its connection end."""
    async with CacheTap(port=0) as tap:
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_open_connections_end_with_the_tap() -> None:
    """A function that keeps its connection open does not hold up the end."""

    heard = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heard.set()
        await reader.read()
        writer.close()

    async with AsyncExitStack() as after_the_tap:
        async with CacheTap(port=0) as tap:
            silent = await asyncio.start_server(say_nothing, "127.0.0.1", tap.cache_port)
            # Since Python 3.12 the end of a server waits for its connections, which the tap ends.
            await after_the_tap.enter_async_context(silent)
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(REQUEST)
            await asyncio.wait_for(heard.wait(), 10)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_port_that_is_taken_is_avoided() -> None:
    """When something listens at the wanted port, the function is given another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with CacheTap(port=taken.getsockname()[1]) as tap:
            assert tap.port not in (0, taken.getsockname()[1], tap.cache_port)
