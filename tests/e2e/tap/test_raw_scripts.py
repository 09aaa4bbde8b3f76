"""What a runtime sends and gets is the same without the tap, and whatever becomes of its reader."""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from typing import NamedTuple

import pytest

from tests.recording_api import recording_api
from tests.running_pump import pump_process
from tests.waiting import until

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n"
PATH = b"/2018-06-01/runtime/invocation/00000000-0000-4000-8000-000000000000"
STREAM = (
    b"POST %b/response HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    b"Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    b"Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
    % PATH
)
CHUNKS = b"".join(b"10000\r\n%b\r\n" % (b"x" * 65_536) for _ in range(60))
RESET = struct.pack("ii", 1, 0)


def read_answer(client: socket.socket) -> bytes:
    """Read one answer with a Content-Length, or what comes until the end."""
    data = b""
    while True:
        head, separator, body = data.partition(b"\r\n\r\n")
        if separator and len(body) >= int(
            head.lower().split(b"content-length: ")[1].split(b"\r")[0]
        ):
            return data
        part = client.recv(65_536)
        if not part:
            return data
        data += part


def post(client: socket.socket, call: bytes, body: bytes = b"{}") -> bytes:
    """Post to one of the calls for the invocation."""
    head = b"POST %b/%b HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (PATH, call, len(body))
    client.sendall(head + body)
    return read_answer(client)


def ask(client: socket.socket) -> bytes:
    """Ask for an event."""
    client.sendall(NEXT)
    return read_answer(client)


def buffered(client: socket.socket) -> bytes:
    """Answer, and report an error, on one connection."""
    return ask(client) + post(client, b"response") + post(client, b"error")


def streamed(client: socket.socket) -> bytes:
    """Stream, with empty trailers."""
    seen = ask(client)
    client.sendall(STREAM + CHUNKS + b"0\r\n\r\n")
    return seen + read_answer(client)


def failed_on_the_way(client: socket.socket) -> bytes:
    """Stream, and report an error in the trailers, byte by byte."""
    seen = ask(client)
    client.sendall(STREAM + CHUNKS)
    for byte in b"0\r\nLambda-Runtime-Function-Error-Type: E\r\n\r\n":
        client.sendall(bytes([byte]))
    return seen + read_answer(client)


def abandoned(client: socket.socket) -> bytes:
    """Close in the middle of a chunk."""
    seen = ask(client)
    client.sendall(STREAM + CHUNKS + b"ffff\r\nhalf")
    client.shutdown(socket.SHUT_WR)
    return seen + client.recv(1)


def aborted(client: socket.socket) -> bytes:
    """Reset in the middle of a chunk."""
    seen = ask(client)
    client.sendall(STREAM + b"ffff\r\nhalf")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return seen


def half_closed(client: socket.socket) -> bytes:
    """Send no more, and still read the answer."""
    client.sendall(NEXT)
    client.shutdown(socket.SHUT_WR)
    return read_answer(client) + client.recv(1)


def twice_at_once(client: socket.socket) -> bytes:
    """Send two requests in one piece."""
    body = b"POST %b/response HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}" % PATH
    client.sendall(body)
    return read_answer(client) + ask(client)


def too_large(client: socket.socket) -> bytes:
    """Get a 413."""
    return ask(client) + post(client, b"response", b"x" * 6_300_000)


def unknown(client: socket.socket) -> bytes:
    """Call what the pump has never heard of."""
    client.sendall(b"BREW /tea HTTP/1.1\r\n\r\n")
    return read_answer(client) + ask(client)


def with_a_long_header(client: socket.socket) -> bytes:
    """Report an error as X-Ray wants it."""
    head = b"POST %b/error HTTP/1.1\r\nX-Cause: %b\r\nContent-Length: 2\r\n\r\n{}"
    client.sendall(head % (PATH, b"x" * 1_000_000))
    return read_answer(client) + ask(client)


SCRIPTS: dict[str, Callable[[socket.socket], bytes]] = {
    each.__name__: each
    for each in (
        buffered, streamed, failed_on_the_way, abandoned, aborted, half_closed, twice_at_once,
        too_large, unknown, with_a_long_header,
    )
}  # fmt: skip


class Seen(NamedTuple):
    """What both ends of the connection have seen."""

    by_runtime: bytes
    by_api: bytes
    end: str


@contextmanager
def reader_in(state: str, upstream: int) -> Iterator[int]:
    """Yield the port of a pump whose reader reads, is stopped, or is killed."""
    with pump_process(upstream) as pump:
        if state == "stopped":
            pump.holder.send_signal(signal.SIGSTOP)
        if state == "killed":
            os.kill(pump.holder.pid, signal.SIGKILL)
            pump.holder.wait()
        assert pump.is_alive
        yield pump.port


async def play(script: Callable[[socket.socket], bytes], *, reader: str = "") -> Seen:
    """Run a script, directly or through a pump."""
    with recording_api([b'{"a": 1}'] * 5) as api:
        with reader_in(reader, api.port) if reader else nullcontext(api.port) as port:
            by_runtime = talk(script, port)
            await until(lambda: all(each.ended != "open" for each in api.connections))
        # Without the extension, the pump looks from time to time whether there still is an API.
        [one] = [each for each in api.connections if each.received]
        return Seen(by_runtime, bytes(one.received), one.ended)


def talk(script: Callable[[socket.socket], bytes], port: int) -> bytes:
    """Run a script on a connection of its own."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    with closing(client), suppress(ConnectionResetError):
        return script(client)
    return b"reset"


@pytest.mark.parametrize("reader", ["reading", "stopped", "killed"])
@pytest.mark.parametrize("name", SCRIPTS)
async def test_the_same_as_without_the_tap(name: str, reader: str) -> None:
    """Byte for byte, up to the kind of the end."""
    direct = await play(SCRIPTS[name])
    assert direct == await play(SCRIPTS[name], reader=reader)
    assert direct.by_runtime


async def test_a_reader_that_is_stopped_for_long_loses_copies_and_nothing_else() -> None:
    """Hundreds of large messages later the traffic is still the same."""

    def often(client: socket.socket) -> bytes:
        return b"".join(post(client, b"response", b"x" * 200_000) for _ in range(100))

    assert await play(often) == await play(often, reader="stopped")
