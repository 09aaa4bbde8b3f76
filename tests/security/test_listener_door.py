"""The listener for telemetry, which every process in the sandbox can reach without a token.

Its port is random, bound to all addresses, for the platform delivers from outside of loopback.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable

import pytest

from extension.telemetry.listener import MAX_DELIVERY_BYTES
from tests.security.attacked_listener import HEAD, AttackedListener
from tests.waiting import PATIENCE_S

UNPACKED_BYTES = 4 * MAX_DELIVERY_BYTES


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
async def test_bomb_stays_packed(
    listener: AttackedListener, pack: Callable[[bytes], bytes]
) -> None:
    """The platform never compresses: what says that it is compressed is taken as it came."""
    bomb = pack(bytes(UNPACKED_BYTES))
    encoding = b"gzip" if pack is gzip.compress else b"deflate"
    await listener.post(bomb, headers=b"Content-Encoding: " + encoding + b"\r\n")
    assert listener.received == [bomb]


async def test_connections_are_bounded(listener: AttackedListener) -> None:
    """Who opens many loses those that were idle longest; descriptors are left for the others."""
    connections = [await listener.connect() for _ in range(100)]
    first, _ = connections[0]
    async with asyncio.timeout(PATIENCE_S):
        assert await first.read() == b""
    assert (await listener.post(b"[]"))[9:12] == b"200"


async def test_half_sent_bodies_have_a_bound_together(listener: AttackedListener) -> None:
    """Bodies that never end are not all kept: their senders lose the connection."""
    body = bytes(MAX_DELIVERY_BYTES - 1)
    readers = []
    for _ in range(16):
        reader, writer = await listener.connect()
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % MAX_DELIVERY_BYTES + body)
        readers.append(reader)
    waiting = [asyncio.create_task(reader.read()) for reader in readers]
    ended, running = await asyncio.wait(
        waiting, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
    )
    for task in running:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert ended


async def test_too_large_a_body_is_acknowledged_and_thrown_away(listener: AttackedListener) -> None:
    """Anything but 200 would bring it again."""
    assert (await listener.post(bytes(MAX_DELIVERY_BYTES + 1)))[9:12] == b"200"
    assert listener.received == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00" * 100_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=["no HTTP", "headers", "length", "two lengths", "chunk", "not gzip", "upgrade"],
)
async def test_rubbish_leaves_it_running(listener: AttackedListener, sent: bytes) -> None:
    """Whatever a stranger sends, the platform's next delivery is taken."""
    reader, writer = await listener.connect()
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(PATIENCE_S):
        await reader.read()
    assert (await listener.post(b"[1]"))[9:12] == b"200"
    assert listener.received[-1] == b"[1]"
    assert listener.faults == []


@pytest.mark.parametrize("end", ["politely", "by a reset"])
async def test_a_sender_that_vanishes_is_no_fault_of_ours(
    listener: AttackedListener, end: str
) -> None:
    """A fault that is reported at SHUTDOWN is a bug; half a delivery is its sender's."""
    _, writer = await listener.connect()
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nab")
    await writer.drain()
    await listener.post(b"[1]")  # by now the half is being waited for
    if end == "politely":
        writer.close()
    else:
        writer.transport.abort()
    await listener.post(b"[2]")
    assert listener.faults == []
    assert listener.received == [b"[1]", b"[2]"]


async def test_flood_of_small_deliveries_is_taken(listener: AttackedListener) -> None:
    """Pipelined posts are all acknowledged, one after the other."""
    reader, writer = await listener.connect()
    writer.write((HEAD + b"Content-Length: 2\r\n\r\n[]") * 2000)
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(2000):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head[9:12] == b"200"
    assert len(listener.received) == 2000
