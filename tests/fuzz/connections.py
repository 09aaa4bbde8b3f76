"""Connections as scripts: what both ends send, read, end and reset, in one order.

A script runs over any way from one end to the other; what both ends have seen can be compared. An
end reads what was sent to it before it resets or closes, and nothing is sent to it after that: what
becomes of such bytes depends on when they arrive, with and without the pump.
"""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from typing import Literal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Ends = tuple[socket.socket, socket.socket]
"""The runtime's and the Runtime API's."""

Action = Literal["send", "bytes", "bulk", "read", "fin", "close", "reset"]
RESET = struct.pack("ii", 1, 0)
MOST_UNREAD = 60_000
"""Less than the kernel takes from an end whose other end does not read."""

BULK = 1_000_000
"""Several of the pump's buffers."""

HEAD = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\n"
PIECES = (
    b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
    b"POST /2018-06-01/runtime/invocation/1/error HTTP/1.1\r\nContent-Length: 7\r\n\r\n{}",
    b"Trailer: Lambda-Runtime-Function-Error-Type\r\n\r\n5\r\nhello\r\n",
    b"0\r\nLambda-Runtime-Function-Error-Type: E\r\n\r\n",
    HEAD,
    b"Content-Length: 70000\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n1\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
    b"X: " + b"a" * 20_000,
    b"1\r\na\r\n" * 2000,
    b"\r\n\r\n",
    b"\x16\x03\x01\x00",
)


@dataclass
class Step:
    """What one end of one of the connections does; `data` is sent, or tells how much is read."""

    connection: int
    by_runtime: bool
    action: Action
    data: bytes = b""


STEPS = st.lists(
    st.builds(
        Step,
        connection=st.integers(0, 2),
        by_runtime=st.booleans(),
        action=st.sampled_from(
            ["send"] * 6 + ["bytes"] * 2 + ["bulk"] + ["read"] * 4 + ["fin", "close", "reset"]
        ),
        data=st.one_of(st.sampled_from(PIECES), st.binary(min_size=1, max_size=300)),
    ),
    min_size=1,
    max_size=30,
)


@dataclass
class End:
    """One end of a connection: what it has seen, and what it may still do."""

    raw: socket.socket
    seen: bytearray = field(default_factory=bytearray)
    ended: str = ""
    unread: int = 0
    has_sent_all: bool = False
    is_closed: bool = False

    def read(self, count: int) -> None:
        """Read so many bytes of those that were sent to it."""
        left = min(count, self.unread)
        self.unread -= left
        while left:
            part = self.raw.recv(left)
            assert part, "the end came before the bytes"
            self.seen += part
            left -= len(part)

    def read_all(self) -> None:
        """Read until the other end has sent all, or has reset the connection."""
        try:
            while part := self.raw.recv(65_536):
                self.seen += part
        except ConnectionResetError:
            self.ended = "reset"
        else:
            self.ended = "fin"

    def close(self, *, resetting: bool = False) -> None:
        """Close it, after everything that was sent to it was read."""
        self.read(self.unread)
        if resetting:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.raw.close()
        self.is_closed = self.has_sent_all = True


Seen = list[tuple[str, int, str]]
"""Of each end: the digest and the number of the bytes it got, and how they ended."""


def run(steps: list[Step], connect: Callable[[], Ends]) -> Seen:
    """Run a script on three connections and return what the ends have seen."""
    pairs = [tuple(map(End, connect())) for _ in range(3)]
    for step in steps:
        runtime, api = pairs[step.connection]
        one, other = (runtime, api) if step.by_runtime else (api, runtime)
        if not one.is_closed:
            _do(step, one, other)
    for pair in pairs:
        _finish(*pair)
    ends = [end for pair in pairs for end in pair]
    return [(hashlib.sha256(end.seen).hexdigest(), len(end.seen), end.ended) for end in ends]


def _do(step: Step, one: End, other: End) -> None:
    may_send = not (one.has_sent_all or other.is_closed)
    match step.action:
        case "send" | "bytes" if may_send and other.unread + len(step.data) < MOST_UNREAD:
            size = 1 if step.action == "bytes" else len(step.data)
            data = step.data[:50] if step.action == "bytes" else step.data
            for place in range(0, len(data), size):
                one.raw.sendall(data[place : place + size])
            other.unread += len(data)
        case "bulk" if may_send:
            _send_much(one, other, (step.data * (BULK // len(step.data) + 1))[:BULK])
        case "read":
            one.read(len(step.data) * 7)
        case "fin" if may_send:
            one.raw.shutdown(socket.SHUT_WR)
            one.has_sent_all = True
        case "close" | "reset" if not other.is_closed:
            other.read(other.unread)
            one.close(resetting=step.action == "reset")


def _send_much(one: End, other: End, data: bytes) -> None:
    """Send more than all buffers hold, while the other end reads."""
    writer = Thread(target=one.raw.sendall, args=(data,))
    writer.start()
    other.unread += len(data)
    other.read(other.unread)
    writer.join()


def _finish(one: End, other: End) -> None:
    """Let both ends send no more, and read all."""
    for each in (one, other):
        if not each.is_closed and not each.has_sent_all and not (one.is_closed or other.is_closed):
            each.raw.shutdown(socket.SHUT_WR)
    for each in (one, other):
        if not each.is_closed:
            each.read_all()
            each.raw.close()


def scripts() -> SearchStrategy[list[Step]]:
    """Return scripts of any kind."""
    return STEPS
