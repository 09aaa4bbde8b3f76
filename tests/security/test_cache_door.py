"""The door of the cache: names that are not this machine's, requests inside of requests.

What is merely broken is in `tests/contract/test_cache_hostile.py`; here the token is a good one.
"""

from __future__ import annotations

import asyncio

import pytest

from extension.parameters import access
from tests.running_cache import GET_SECRET, TOKEN_HEADER, RunningCache
from tests.security.conftest import TOKEN, VALUE

TARGET = f"{GET_SECRET}?secretId=n"


def get(target: str = TARGET, *, host: str = "localhost", more: str = "", last: str = "") -> bytes:
    """Return a GET with a good token."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", f"{TOKEN_HEADER}: {TOKEN}"]
    return (
        "\r\n".join(lines) + f"\r\n{more}" + (last or "Connection: close\r\n") + "\r\n"
    ).encode()


async def test_plain_get_is_answered(cache: RunningCache) -> None:
    """Otherwise nothing below would show anything."""
    assert VALUE.encode() in await cache.send_raw(get())


@pytest.mark.parametrize(
    "host",
    [
        "localhost.evil.com", "localhost.", "localhost:2773.", "user@localhost",
        "evil.com#localhost",
        "localhost@evil.com", "127.0.0.1.nip.io", "[::1%25lo]", "[::1%lo]", "::1", "127.1",
        "0x7f.1",
        "2130706433", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "localhost evil.com", "",
        "localhost,evil.com", "localhost\\evil.com", "sandbox.localdomain", "169.254.169.254",
    ],
)  # fmt: skip
async def test_other_spellings_of_this_machine_are_foreign(cache: RunningCache, host: str) -> None:
    """Exactly three names are taken; whatever else resolves to loopback is not one of them."""
    answer = await cache.send_raw(get(host=host))
    assert answer[9:12] == b"400"
    assert VALUE.encode() not in answer


@pytest.mark.parametrize(
    "target", ["http://evil.com", "http://localhost@evil.com", "HTTPS://evil.com:443"]
)
async def test_absolute_target_names_the_host(cache: RunningCache, target: str) -> None:
    """RFC 9112, 3.2.2: the target's authority counts, whatever Host says."""
    assert VALUE.encode() not in await cache.send_raw(get(target + TARGET))


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded: for=192.0.2.1",
        "Via: 1.1 proxy",
        "X-Forwarded-Host: evil.com",
        "X-Forwarded-Proto: https",
        "x-forwarded-server: proxy",
        "X-Real-IP: 192.0.2.1",
    ],
)
async def test_every_mark_of_a_proxy_is_refused(cache: RunningCache, header: str) -> None:
    """Whatever a proxy says of itself, it has no business here."""
    assert VALUE.encode() not in await cache.send_raw(get(more=header + "\r\n"))


@pytest.mark.parametrize(
    "more",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0, 0\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 1_0\r\n",
        "Content-Length: " + "9" * 40 + "\r\n",
        "Content-Length : 5\r\n",
        "X: 1\r\n Host: localhost\r\n",
        "X: 1\n\r\n",
        "X: a\rb\r\n",
        "Host: evil.com\r\n",
    ],
)
async def test_request_of_two_readings_has_no_answer(cache: RunningCache, more: str) -> None:
    """What two readers could cut in two ways is refused, and the connection closed."""
    inner = get()
    answer = await cache.send_raw(get(more=more, last="X: x\r\n") + b"0\r\n\r\n" + inner)
    assert VALUE.encode() not in answer
    assert answer.count(b"HTTP/1.") <= 1


async def test_body_is_never_a_request(cache: RunningCache) -> None:
    """A GET may have a body; what stands in it is not answered."""
    inner = get()
    answer = await cache.send_raw(get(more=f"Content-Length: {len(inner)}\r\n") + inner)
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "target",
    [
        "/%73ecretsmanager/get?secretId=n", "/./secretsmanager/get?secretId=n",
        "/x/../secretsmanager/get?secretId=n", "/secretsmanager/get%3fsecretId=n",
        "/secretsmanager\\get?secretId=n", "/secretsmanager/get;x?secretId=n",
        "/secretsmanager/get?secretId=%u006e", "/secretsmanager/get?x=1;secretId=n",
    ],
)  # fmt: skip
async def test_one_path_has_one_spelling(cache: RunningCache, target: str) -> None:
    """No second decoding, no dot segments, no other separators."""
    answer = await cache.send_raw(get(target))
    assert answer[9:10] == b"4"
    assert VALUE.encode() not in answer


@pytest.mark.parametrize("newline", [b"\n", b"\r"])
async def test_lines_end_in_one_way(cache: RunningCache, newline: bytes) -> None:
    """Bare line feeds and bare carriage returns end nothing."""
    reader, writer = await asyncio.open_connection(cache.host, cache.port)
    writer.write(get().replace(b"\r\n", newline))
    writer.write_eof()
    assert VALUE.encode() not in await reader.read()
    writer.close()


async def test_http_0_9_is_not_spoken(cache: RunningCache) -> None:
    """A request line without a version gets no bare body."""
    reader, writer = await asyncio.open_connection(cache.host, cache.port)
    writer.write(f"GET {TARGET}\r\n".encode())
    writer.write_eof()
    assert VALUE.encode() not in await reader.read()
    writer.close()


async def test_pipelined_flood_without_a_reader_stops_being_read(cache: RunningCache) -> None:
    """Who does not read his answers is not read any more: the rest stays with him."""
    reader, writer = await asyncio.open_connection(cache.host, cache.port)
    one = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    flood_bytes = 64 * 1_048_576
    writer.write(one * (flood_bytes // len(one)))
    assert (await cache.get("/ping")).status == 200
    assert (await cache.secret("secretId=n")).status == 200
    assert writer.transport.get_write_buffer_size() > flood_bytes // 2
    writer.transport.abort()
    del reader


def test_every_token_is_compared_and_none_ends_the_comparison() -> None:
    """`hmac.compare_digest` for each of them: neither length of the match nor its place shows."""
    asked: list[bytes] = []

    class Watched(bytes):
        def __bool__(self) -> bool:
            asked.append(bytes(self))
            return True

    tokens = [Watched(b"first"), Watched(b"second"), Watched(b"third")]
    assert access.is_accepted(b"first", accepted=tokens)
    assert asked == [b"first", b"second", b"third"]
