"""Both HTTP servers live through any bytes, answer nothing but HTTP, and give no value away."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.doubles import DictSource
from tests.fuzz.budget import fuzz
from tests.fuzz.requests import TOKEN, VALUE, requests
from tests.running_cache import RunningCache
from tests.security.attacked_listener import AttackedListener
from tests.waiting import PATIENCE_S

STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that lives through many examples; what its tasks leave behind fails the test."""
    unhandled: list[dict[str, Any]] = []
    own = asyncio.new_event_loop()
    own.set_exception_handler(lambda _, context: unhandled.append(context))
    yield own
    own.close()
    assert unhandled == []


async def exchange(address: tuple[str, int], sent: bytes) -> bytes:
    """Send bytes and the end; return all that came back."""
    reader, writer = await asyncio.open_connection(*address)
    came = b""
    with suppress(ConnectionError):
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            came = await reader.read()
    writer.transport.abort()
    return came


@pytest.mark.parametrize("with_token", [True, False], ids=["token", "no token"])
def test_cache(loop: asyncio.AbstractEventLoop, with_token: bool) -> None:
    """4xx or an answer, never 5xx; without a token no value and no call to AWS."""
    source = DictSource(values={"n": VALUE})
    cache = RunningCache({"AWS_SESSION_TOKEN": TOKEN}, open_source=lambda: source)

    def run(step: Coroutine[Any, Any, Any]) -> Any:
        return loop.run_until_complete(step)

    def check(sent: bytes) -> None:
        answer = run(exchange((cache.host, cache.port), sent))
        statuses = [int(status) for status in STATUS.findall(answer)]
        assert answer == b"" or statuses
        assert all(status < 500 for status in statuses)
        assert run(cache.get("/ping")).status == 200
        if not with_token:
            assert VALUE.encode() not in answer
            assert source.calls == []

    run(cache.__aenter__())
    try:
        assert fuzz(check, requests(with_token=with_token))
        assert [line for line in cache.log.parsed if line["message"] == "request failed"] == []
    finally:
        run(cache.__aexit__())


def test_listener(loop: asyncio.AbstractEventLoop) -> None:
    """The next delivery is always taken, whatever came before, and no fault is counted."""

    async def start() -> AttackedListener:
        listener = AttackedListener(socket.create_server(("127.0.0.1", 0)))
        return await listener.__aenter__()

    listener = loop.run_until_complete(start())

    async def send(sent: bytes) -> None:
        reader, writer = await listener.connect()
        with suppress(ConnectionError):
            writer.write(sent)
            writer.write_eof()
            async with asyncio.timeout(PATIENCE_S):
                await reader.read()
        writer.transport.abort()

    def check(sent: bytes) -> None:
        listener.faults.clear()
        loop.run_until_complete(send(sent))
        assert loop.run_until_complete(listener.post(b"[1]"))[9:12] == b"200"
        assert listener.received[-1] == b"[1]"
        assert listener.faults == []

    try:
        assert fuzz(check, st.one_of(requests(with_token=False), st.binary(max_size=200)))
    finally:
        loop.run_until_complete(listener.__aexit__())
