"""Bad input: a 4xx or a closed connection, never a 500, a traceback or a server that is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tests.fake_aws import FakeAws
from tests.running_cache import GET_PARAMETER, GET_SECRET, TOKEN_HEADER, RunningCache
from tests.waiting import PATIENCE_S

HEAD = "Host: localhost\r\nConnection: close\r\n"


@pytest.fixture
async def attacked(aws: FakeAws, caplog: pytest.LogCaptureFixture) -> AsyncIterator[RunningCache]:
    """A cache that must still answer when the attack is over, with no error or traceback logged."""
    environ = aws.environment | {"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "DEBUG"}
    async with RunningCache(environ) as cache:
        yield cache
        assert (await cache.secret("secretId=n")).status == 200
        assert not [line for line in cache.log.parsed if line["level"] == "ERROR"]
        # What libraries log would go to standard error, with what the client sent.
        assert caplog.get_records("call") == []


def _get(target: str, cache: RunningCache, more: str = "") -> bytes:
    return (f"GET {target} HTTP/1.1\r\n{HEAD}{TOKEN_HEADER}: {cache.token}\r\n{more}\r\n").encode()


@pytest.mark.parametrize(
    "target",
    [
        f"{GET_PARAMETER}?name=" + "x" * 9000,
        f"{GET_PARAMETER}?name=%zz",
        f"{GET_PARAMETER}?name=%",
        f"{GET_PARAMETER}?name=%ff",
        f"{GET_PARAMETER}?name=%c3%28",
        f"{GET_PARAMETER}?%",
        f"{GET_PARAMETER}?name=a b",
        GET_PARAMETER + "?" + "&" * 5000,
        "*",
        "//",
        "http://",
        "http://[::1",
        "?",
        "/\x7f",
    ],
)
async def test_broken_targets(aws: FakeAws, attacked: RunningCache, target: str) -> None:
    """Too long, broken percent-encoding, not a path at all."""
    answer = await attacked.send_raw(_get(target, attacked))
    assert answer[:10] == b"HTTP/1.1 4" or answer[:10] == b"HTTP/1.0 4"
    assert aws.requests == []


async def test_raw_bytes_in_the_target(attacked: RunningCache) -> None:
    """Bytes beyond ASCII are no URL."""
    request = _get(f"{GET_PARAMETER}?name=X", attacked).replace(b"=X", b"=\xff\xfe\xc3\xbc")
    assert b" 4" in (await attacked.send_raw(request))[:10]


@pytest.mark.parametrize(
    "name", ["%00", "%0d%0aX-Evil:1", "%F0%9F%94%91", "a" * 2048, "..%2f..%2fetc%2fpasswd", "%25"]
)
async def test_strange_names_are_for_aws_to_judge(attacked: RunningCache, name: str) -> None:
    """They pass, and AWS's no comes back; nothing of them reaches a header."""
    answer = await attacked.get(f"{GET_PARAMETER}?name={name}")
    assert answer.status in {200, 400}
    assert "X-Evil" not in answer.headers
    attacked.log.lines.clear()


@pytest.mark.parametrize(
    "more",
    [
        "X-Long: " + "x" * 16_384 + "\r\n",
        "".join(f"X-{number}: 1\r\n" for number in range(200)),
        "No colon here\r\n",
        ": no name\r\n",
        "Bad name: 1\r\n",
        "X-Nul: \x00\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: rubbish\r\n",
    ],
)
async def test_broken_headers(attacked: RunningCache, more: str) -> None:
    """Too long, too many, malformed, or an attempt to smuggle."""
    answer = await attacked.send_raw(_get(f"{GET_SECRET}?secretId=n", attacked, more))
    assert answer == b"" or b" 4" in answer[:10]


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"get / http/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        bytes(range(256)) * 40,
        b"A" * 100_000,
    ],
)
async def test_what_is_not_http(attacked: RunningCache, sent: bytes) -> None:
    """TLS, SSH, HTTP/2, rubbish: a 4xx or the end of the connection."""
    reader, writer = await asyncio.open_connection(attacked.host, attacked.port)
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(PATIENCE_S):
        try:
            answer = await reader.read()
        except ConnectionResetError:
            answer = b""
    writer.close()
    assert answer == b"" or b" 4" in answer[:10]


async def test_upgrade_is_declined(attacked: RunningCache) -> None:
    """No websocket, no HTTP/2: the GET is answered as it is."""
    more = "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
    request = _get(f"{GET_SECRET}?secretId=n", attacked, more)
    request = request.replace(b"Connection: close", b"Connection: Upgrade, close")
    assert b" 200 " in (await attacked.send_raw(request))[:14]


async def test_half_sent_requests_do_not_stop_others(attacked: RunningCache) -> None:
    """A head that never ends holds a connection, nothing else."""
    halves = [await asyncio.open_connection(attacked.host, attacked.port) for _ in range(20)]
    for _, writer in halves:
        writer.write(b"GET /secretsmanager/get?secretId=n HTTP/1.1\r\nHost: loc")
    assert (await attacked.secret("secretId=n")).status == 200
    for _, writer in halves:
        writer.close()


async def test_half_sent_body_of_a_refused_request(attacked: RunningCache) -> None:
    """The refusal comes at once, and the connection is closed soon."""
    request = _get(GET_SECRET, attacked, "Content-Length: 100000\r\n").replace(b"GET", b"POST", 1)
    answer = await attacked.send_raw(request + b"x" * 10)
    assert b" 405 " in answer[:14]


async def test_compressed_bodies_are_not_unpacked(attacked: RunningCache) -> None:
    """A bomb in a body that is not read does nothing."""
    more = "Content-Length: 20\r\nContent-Encoding: gzip\r\n"
    request = _get(GET_SECRET, attacked, more).replace(b"GET", b"POST", 1) + b"\x1f\x8b" + bytes(18)
    assert b" 4" in (await attacked.send_raw(request))[:10]


async def test_pipelined_requests_are_answered_in_order(attacked: RunningCache) -> None:
    """A thousand requests in one write."""
    one = _get(f"{GET_SECRET}?secretId=n", attacked).replace(b"Connection: close\r\n", b"")
    last = _get("/nope", attacked)
    answer = await attacked.send_raw(one * 999 + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 999
    assert answer.count(b"HTTP/1.1 404") == 1


async def test_five_hundred_connections_at_once(attacked: RunningCache) -> None:
    """All are answered; none stops the server."""
    request = _get(f"{GET_SECRET}?secretId=n", attacked)
    answers = await asyncio.gather(*(attacked.send_raw(request) for _ in range(500)))
    assert sum(b" 200 " in answer[:14] for answer in answers) == 500


async def test_a_thousand_idle_connections_make_room(attacked: RunningCache) -> None:
    """A client that stalls loses its connection when others need it; a request is always served."""
    stalled = []
    for _ in range(700):
        reader, writer = await asyncio.open_connection(attacked.host, attacked.port)
        writer.write(b"GET ")
        stalled.append((reader, writer))
        if len(stalled) % 100 == 0:
            assert (await attacked.secret("secretId=n")).status == 200
    closed = sum(reader.at_eof() or writer.is_closing() for reader, writer in stalled)
    assert closed > 0
    assert (await attacked.get("/ping")).status == 200
    for _, writer in stalled:
        writer.close()


async def test_connections_reset_in_the_middle(attacked: RunningCache) -> None:
    """Callers that vanish after asking."""
    for _ in range(50):
        sock = socket.create_connection((attacked.host, attacked.port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        sock.sendall(_get(f"{GET_SECRET}?secretId=n", attacked))
        sock.close()
    assert (await attacked.get("/ping")).status == 200


async def test_many_tokens_and_hosts_in_one_request(attacked: RunningCache) -> None:
    """The first of a repeated header counts; a good one does not make up for a wrong one."""
    more = f"{TOKEN_HEADER}: second\r\nHost: evil.com\r\n"
    request = _get(f"{GET_SECRET}?secretId=n", attacked, more)
    assert (await attacked.send_raw(request))[9:12] in {b"200", b"400"}
    wrong_first = request.replace(
        f"{TOKEN_HEADER}: {attacked.token}".encode(), f"{TOKEN_HEADER}: wrong".encode()
    )
    assert (await attacked.send_raw(wrong_first))[9:12] in {b"400", b"401"}


async def test_errors_of_the_parser_say_nothing_in_the_log(attacked: RunningCache) -> None:
    """What a client sent is not repeated, not even at DEBUG."""
    await attacked.send_raw(
        b"GET /secretsmanager/get?secretId=hunter2 HTTP/1.1\r\nbad hunter2\r\n\r\n"
    )
    assert "hunter2" not in "".join(attacked.log.lines)
