"""OTLP/HTTP as SDKs speak it, over plain sockets: nothing is refused that may be taken."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import sys
import zlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from extension.telemetry.receiver.content import MAX_BODY_BYTES
from tests.posted_requests import as_json, points, records, spans
from tests.running_receiver import Connection, RunningReceiver, request
from tests.waiting import PATIENCE_S

SPANS = spans("a", "b")
BODY = SPANS.SerializeToString()
JSON = as_json(SPANS)
PROTOBUF_TYPE, JSON_TYPE = "application/x-protobuf", "application/json"


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[RunningReceiver]:
    """A receiver that takes everything."""
    async with RunningReceiver() as running:
        yield running


@pytest.mark.parametrize(
    ("path", "name", "body"),
    [
        ("/v1/traces", "traces", BODY),
        ("/v1/logs", "logs", records("a").SerializeToString()),
        ("/v1/metrics", "metrics", points("a").SerializeToString()),
        ("/v1/traces/", "traces", BODY),
        ("/v1/traces?x=1", "traces", BODY),
        ("http://localhost:4318/v1/traces", "traces", BODY),
    ],
)
async def test_each_signal(receiver: RunningReceiver, path: str, name: str, body: bytes) -> None:
    """Its bytes are kept, and the answer is an empty message of protobuf."""
    assert await receiver.post(body, path=path) == (
        200,
        {"content-type": PROTOBUF_TYPE, "content-length": "0"},
        b"",
    )
    (posted,) = receiver.taken
    assert (posted.signal, posted.encoding, posted.body) == (name, "protobuf", body)
    counts = receiver.receiver.counts
    assert (counts.requests, counts.bytes) == ({name: 1}, {name: len(body)})


@pytest.mark.parametrize("content_type", [JSON_TYPE, "Application/JSON; charset=utf-8"])
async def test_json(receiver: RunningReceiver, content_type: str) -> None:
    """The answer is an empty object, in JSON."""
    response = await receiver.post(JSON, content_type=content_type)
    assert (response.status, response.headers["content-type"]) == (200, JSON_TYPE)
    assert response.body == b"{}"
    assert [posted.encoding for posted in receiver.taken] == ["json"]


@pytest.mark.parametrize(("content_type", "answer"), [(PROTOBUF_TYPE, b""), (JSON_TYPE, b"{}")])
async def test_an_empty_request(
    receiver: RunningReceiver, content_type: str, answer: bytes
) -> None:
    """It succeeds, and there is nothing to read."""
    assert (await receiver.post(content_type=content_type))[::2] == (200, answer)
    assert receiver.taken == []


@pytest.mark.parametrize(
    ("coding", "compressed"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("GZIP", gzip.compress(BODY, mtime=0)),
        ("gzip", gzip.compress(BODY[:20], mtime=0) + gzip.compress(BODY[20:], mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
        ("none", BODY),
    ],
)
async def test_compression(receiver: RunningReceiver, coding: str, compressed: bytes) -> None:
    """What is kept is what was compressed."""
    assert (await receiver.post(compressed, Content_Encoding=coding)).status == 200
    assert [posted.body for posted in receiver.taken] == [BODY]


async def test_chunks(receiver: RunningReceiver) -> None:
    """As Node.js and Java's agent send them, in pieces as small as they may be."""
    connection = await receiver.connect()
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost:4318\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/x-protobuf\r\n\r\n"
    )
    chunks = b"".join(b"5\r\n%b\r\n" % BODY[at : at + 5] for at in range(0, 100, 5))
    rest = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY) - 100, BODY[100:])
    whole = head + chunks + rest
    await connection.send(*(whole[at : at + 1] for at in range(len(whole))))
    assert (await connection.response()).status == 200
    assert [posted.body for posted in receiver.taken] == [BODY]


async def test_headers_of_the_caller_are_not_kept(receiver: RunningReceiver) -> None:
    """SDKs send the keys of their vendor to whatever endpoint they have."""
    response = await receiver.post(BODY, Authorization="Bearer key-of-a-vendor", X_Api_Key="key2")
    assert b"key" not in response.body
    assert "key" not in repr((receiver.taken, response.headers, receiver.lines))


async def test_a_kept_connection(receiver: RunningReceiver) -> None:
    """Many requests one after the other, and several at once without waiting."""
    connection = await receiver.connect()
    for _ in range(3):
        await connection.send(request(BODY))
        assert (await connection.response()).status == 200
    await connection.send(request(BODY) * 3)
    assert [(await connection.response()).status for _ in range(3)] == [200, 200, 200]
    assert len(receiver.taken) == 6


async def test_expect(receiver: RunningReceiver) -> None:
    """A client that asks first may go on."""
    connection = await receiver.connect()
    whole = request(BODY, Expect="100-continue")
    await connection.send(whole[: -len(BODY)])
    assert (await connection.response()).status == 100
    await connection.send(BODY)
    assert (await connection.response()).status == 200


async def test_http_1_0(receiver: RunningReceiver) -> None:
    """It is answered, and the connection ended as it was asked for."""
    connection = await receiver.connect()
    await connection.send(request(BODY, version="1.0"))
    assert (await connection.response()).status == 200
    assert await connection.ended()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_other_methods(receiver: RunningReceiver, method: str) -> None:
    """There is one."""
    response = await receiver.post(method=method)
    assert (response.status, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/trace", "/v1/traces/x", "/V1/traces", "*"])
async def test_other_paths(receiver: RunningReceiver, path: str) -> None:
    """There are three."""
    assert (await receiver.post(BODY, path=path)).status == 404


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/grpc", "application/xml"])
async def test_other_content_types(receiver: RunningReceiver, content_type: str) -> None:
    """Which is why is said in text, for the encoding is not known."""
    response = await receiver.post(BODY, content_type=content_type)
    assert (response.status, response.headers["content-type"]) == (415, "text/plain")
    assert b"application/x-protobuf" in response.body


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "chunked"])
async def test_other_compressions(receiver: RunningReceiver, coding: str) -> None:
    """What could not be undone is not kept."""
    assert (await receiver.post(BODY, Content_Encoding=coding)).status == 415
    assert receiver.taken == []


BAD = [
    (b"{}", PROTOBUF_TYPE, ""),
    (b"<html></html>", PROTOBUF_TYPE, ""),
    (BODY[:-1], PROTOBUF_TYPE, ""),
    (b"not gzip", PROTOBUF_TYPE, "gzip"),
    (gzip.compress(BODY, mtime=0)[:-9], PROTOBUF_TYPE, "gzip"),
    (gzip.compress(BODY, mtime=0) + b"x", PROTOBUF_TYPE, "gzip"),
    (zlib.compress(BODY)[:-2], PROTOBUF_TYPE, "deflate"),
    (b"[]", JSON_TYPE, ""),
    (b"x}", JSON_TYPE, ""),
    (JSON[:-1], JSON_TYPE, ""),
    (BODY, JSON_TYPE, ""),
    (b"\x1f\x8b", JSON_TYPE, "gzip"),
]


@pytest.mark.parametrize(("body", "content_type", "coding"), BAD)
async def test_a_bad_body(
    receiver: RunningReceiver, body: bytes, content_type: str, coding: str
) -> None:
    """400 with a google.rpc.Status in the encoding of the request; nothing is kept."""
    response = await receiver.post(body, content_type=content_type, Content_Encoding=coding)
    assert (response.status, response.headers["content-type"]) == (400, content_type)
    if content_type == JSON_TYPE:
        assert json.loads(response.body)["message"]
    else:  # Status has its message in the same field
        assert ExportTracePartialSuccess.FromString(response.body).error_message
    assert receiver.taken == []
    assert receiver.receiver.counts.refused == {"400": 1}


async def test_a_body_that_is_too_large(receiver: RunningReceiver) -> None:
    """It is refused by what it announces, before it comes."""
    connection = await receiver.connect()
    head = request(Content_Length=str(MAX_BODY_BYTES + 1))
    await connection.send(head)
    response = await connection.response()
    assert (response.status, response.headers["content-type"]) == (413, PROTOBUF_TYPE)
    assert receiver.taken == []


async def test_chunks_that_are_too_many(receiver: RunningReceiver) -> None:
    """It is refused when more has come than may be."""
    connection = await receiver.connect()
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost:4318\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n"
    )
    chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    sending = asyncio.create_task(connection.send(head, *[chunk] * (MAX_BODY_BYTES >> 20), chunk))
    response = await connection.response()
    assert (response.status, response.headers["content-type"]) == (413, JSON_TYPE)
    sending.cancel()
    assert receiver.taken == []


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb(receiver: RunningReceiver, coding: str) -> None:
    """What is too large only when it is decompressed is not decompressed to its end."""
    huge = bytes(64 * MAX_BODY_BYTES)
    bomb = gzip.compress(huge) if coding == "gzip" else zlib.compress(huge)
    assert len(bomb) < MAX_BODY_BYTES
    assert (await receiver.post(bomb, Content_Encoding=coding)).status == 413
    assert receiver.taken == []


async def test_many_members_are_no_way_around(receiver: RunningReceiver) -> None:
    """The bound is for all of them together."""
    bomb = gzip.compress(bytes(MAX_BODY_BYTES // 2)) * 3
    assert (await receiver.post(bomb, Content_Encoding="gzip")).status == 413


async def test_members_without_end(receiver: RunningReceiver) -> None:
    """Each costs a copy of what follows it, so there may be a few only."""
    bomb = gzip.compress(b"") * 200_000
    assert len(bomb) < MAX_BODY_BYTES
    assert (await receiver.post(bomb, Content_Encoding="gzip")).status == 413


async def test_the_largest_body(receiver: RunningReceiver) -> None:
    """As many bytes as may be are taken."""
    body = bytes([0x0A, 0xFB, 0xFF, 0xFF, 0x03]) + bytes(MAX_BODY_BYTES - 5)
    assert len(body) == MAX_BODY_BYTES
    assert (await receiver.post(gzip.compress(body), Content_Encoding="gzip")).status == 200
    assert (await receiver.post(body)).status == 200


@pytest.mark.parametrize("content_type", [PROTOBUF_TYPE, JSON_TYPE])
async def test_what_there_is_no_room_for(receiver: RunningReceiver, content_type: str) -> None:
    """It is a success that says what is lost: a 429 or 503 would be repeated for seconds."""
    receiver.is_full = True
    body = JSON if content_type == JSON_TYPE else BODY
    response = await receiver.post(body, content_type=content_type)
    assert (response.status, response.headers["content-type"]) == (200, content_type)
    if content_type == JSON_TYPE:
        message = json.loads(response.body)["partialSuccess"]["errorMessage"]
    else:
        answer = ExportTraceServiceResponse.FromString(response.body)
        message = answer.partial_success.error_message
    assert message == "lost: too much waits to be read"
    assert receiver.receiver.counts.refused == {"waiting": 1}


async def test_a_torn_body(receiver: RunningReceiver) -> None:
    """A caller that goes away in the middle of a request leaves nothing."""
    connection = await receiver.connect()
    await connection.send(request(BODY)[:-5])
    connection.writer.close()
    assert (await receiver.post(BODY)).status == 200
    assert len(receiver.taken) == 1


async def test_something_else_than_http(receiver: RunningReceiver) -> None:
    """Such as gRPC, or TLS: the connection ends, and others are served."""
    for beginning in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"):
        connection = await receiver.connect()
        await connection.send(beginning)
        assert (await connection.response()).status == 400
    assert (await receiver.post(BODY)).status == 200


async def test_a_freeze() -> None:
    """A connection that was idle, and one with half a body, go on after it; nothing is closed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.running_receiver", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            port = int(await process.stdout.readline())
            idle = Connection(*await asyncio.open_connection("127.0.0.1", port))
            torn = Connection(*await asyncio.open_connection("127.0.0.1", port))
            await idle.send(request(BODY))
            assert (await idle.response()).status == 200
            await torn.send(request(BODY)[:-10])
            process.send_signal(signal.SIGSTOP)
            await torn.send(BODY[-10:-5])
            late = Connection(*await asyncio.open_connection("127.0.0.1", port))
            await late.send(request(BODY))
            process.send_signal(signal.SIGCONT)
            await torn.send(BODY[-5:])
            assert (await torn.response()).status == 200
            assert (await late.response()).status == 200
            taken = [await process.stdout.readline() for _ in range(3)]
            assert taken == [BODY.hex().encode() + b"\n"] * 3
            await idle.send(request(BODY))
            assert (await idle.response()).status == 200
            for each in (idle, torn, late):
                each.writer.close()
    finally:
        process.kill()
        await process.wait()


async def test_before_telemetry_is_open() -> None:
    """What comes is kept in its order, as much as there is room for, and handed over."""
    running = RunningReceiver()
    await running.open()
    try:
        assert (await running.post(BODY)).status == 200
        assert (await running.post(JSON, content_type=JSON_TYPE)).status == 200
        running.take()
        assert [posted.encoding for posted in running.taken] == ["protobuf", "json"]
    finally:
        await running.close()


async def test_where_telemetry_is_off(receiver: RunningReceiver) -> None:
    """Everything is accepted, counted and thrown away; one line says so in the end."""
    receiver.receiver.given_up()
    assert (await receiver.post(BODY)).status == 200
    assert (await receiver.post(BODY, path="/v1/logs")).status == 200
    assert receiver.taken == []
    assert receiver.receiver.counts.not_forwarded == {"traces": 1, "logs": 1}
