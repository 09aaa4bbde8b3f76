"""The receiver of OTLP, which every process in the sandbox can reach without a token."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from extension.telemetry.receiver.content import MAX_BODY_BYTES
from tests.posted_requests import as_json, spans
from tests.running_receiver import Connection, RunningReceiver, request
from tests.waiting import PATIENCE_S, until

BODY = spans("a", key="v").SerializeToString()
JSON = as_json(spans("a", key="v"))
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MANY = 600
"""Connections that are opened at once: ten times as many as there may be."""


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[RunningReceiver]:
    """A receiver that runs."""
    async with RunningReceiver() as running:
        yield running


async def test_it_listens_to_this_machine_alone(receiver: RunningReceiver) -> None:
    """What a stranger outside of the sandbox sends never reaches it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    assert writer.get_extra_info("peername")[0] == "127.0.0.1"
    writer.close()
    assert not reader.at_eof()


async def test_many_connections(receiver: RunningReceiver) -> None:
    """The SDK's request is answered though hundreds of strangers are connected, and stay so."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert before > 2 * MANY, "the test itself needs descriptors"
    strangers = await asyncio.gather(*(receiver.connect() for _ in range(MANY)))
    assert (await receiver.post(BODY)).status == 200
    for each in strangers:
        each.writer.transport.abort()
    assert (await receiver.post(BODY)).status == 200


async def test_callers_that_send_one_byte_and_wait(receiver: RunningReceiver) -> None:
    """Heads and bodies that never end make way for the SDK's, when it has to wait."""
    for sent in (b"P", HEAD, HEAD + b"Content-Length: 100\r\n\r\n\x0a", CHUNKED + b"5\r\nab"):
        for _ in range(20):
            connection = await receiver.connect()
            await connection.send(sent)
    assert (await receiver.post(BODY)).status == 200


async def test_a_body_byte_by_byte(receiver: RunningReceiver) -> None:
    """A slow sender is served, and others beside it."""
    slow = await receiver.connect()
    for byte in request(BODY)[:-1]:
        await slow.send(bytes([byte]))
    assert (await receiver.post(JSON, content_type="application/json")).status == 200
    await slow.send(BODY[-1:])
    assert (await slow.response()).status == 200
    assert [posted.encoding for posted in receiver.taken] == ["json", "protobuf"]


async def test_the_smallest_chunks(receiver: RunningReceiver) -> None:
    """A body in chunks of one byte each is read in time that grows with its length alone."""
    connection = await receiver.connect()
    body = spans(*map(str, range(500)), key="v" * 100).SerializeToString()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    await connection.send(CHUNKED, chunks, b"0\r\n\r\n")
    assert (await connection.response()).status == 200
    assert receiver.taken[0].body == body


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\n", b"-1\r\n", b"5\r\nabcdefg\r\n", b"ffffffffffffffffff\r\n", b"0x5\r\nabcde\r\n",
     b"5;" + b"x" * 100_000, b"\r\n", b"5\nabcde\r\n"],
)  # fmt: skip
async def test_chunks_that_are_none(receiver: RunningReceiver, chunks: bytes) -> None:
    """The connection ends, nothing is taken, and others are served."""
    connection = await receiver.connect()
    await connection.send(CHUNKED + chunks)
    response = await connection.response()
    assert response.status in (400, 413, 431)
    assert await connection.ended()
    assert receiver.taken == []
    assert (await receiver.post(BODY)).status == 200


async def test_two_lengths(receiver: RunningReceiver) -> None:
    """A request that can be read in two ways is refused."""
    connection = await receiver.connect()
    await connection.send(
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"0\r\n\r\n"
    )
    assert (await connection.response()).status == 400
    assert await connection.ended()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (JSON, "application/x-protobuf"),
        (BODY, "application/json"),
        (b"\x1f\x8b", "application/json"),
    ],
)
async def test_a_content_type_that_is_not_true(
    receiver: RunningReceiver, body: bytes, content_type: str
) -> None:
    """It is seen by the first bytes; the answer is in the encoding that was claimed."""
    response = await receiver.post(body, content_type=content_type)
    assert (response.status, response.headers["content-type"]) == (400, content_type)
    assert receiver.taken == []


async def test_bodies_that_do_not_end_do_not_stop_an_sdk(receiver: RunningReceiver) -> None:
    """Each announces as much as may be, and stops in its middle."""
    announced = HEAD + b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES
    half: list[Connection] = []
    for _ in range(16):
        half.append(await receiver.connect())
        await half[-1].send(announced + bytes(1000))
    assert (await receiver.post(BODY)).status == 200
    assert len(receiver.taken) == 1


async def test_answers_that_are_not_read(receiver: RunningReceiver) -> None:
    """A caller that pipelines and never reads is not served without end, and others are."""
    connection = await receiver.connect()
    connection.writer.write(request(b"", method="GET") * 20_000)
    async with asyncio.timeout(PATIENCE_S):
        assert (await receiver.post(BODY)).status == 200
    await until(lambda: len(receiver.taken) == 1)
