"""A load generator for HTTP: a bare protocol that sends prepared bytes and waits for the answer.

It does less for a request than any server can, so that it is never what is measured.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial

LENGTH = b"Content-Length: "
END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One round of requests."""

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float


async def ask(port: int, request: bytes, *, connections: int, seconds: float) -> Load:
    """Ask the same over some connections, each again as soon as it was answered."""
    loop = asyncio.get_running_loop()
    began_ns = time.perf_counter_ns()
    until_ns = began_ns + round(seconds * 1e9)
    askers = [_Asker(request, until_ns) for _ in range(connections)]
    for asker in askers:
        await loop.create_connection(partial(_itself, asker), "127.0.0.1", port)
    await asyncio.gather(*(asker.done for asker in askers))
    passed_s = (time.perf_counter_ns() - began_ns) / 1e9
    taken_ns = sorted(each for asker in askers for each in asker.taken_ns)
    return Load(
        requests=len(taken_ns),
        per_s=len(taken_ns) / passed_s,
        p50_ms=taken_ns[len(taken_ns) // 2] / 1e6,
        p99_ms=taken_ns[len(taken_ns) * 99 // 100] / 1e6,
    )


async def ask_at_once(port: int, request: bytes, *, callers: int) -> None:
    """Let callers ask the same once, all at once, each over a connection of its own."""
    loop = asyncio.get_running_loop()
    askers = [_Asker(request, until_ns=0) for _ in range(callers)]
    await asyncio.gather(
        *(loop.create_connection(partial(_itself, each), "127.0.0.1", port) for each in askers)
    )
    await asyncio.gather(*(each.done for each in askers))


async def ask_in_turn(port: int, request: bytes, *, callers: int) -> float:
    """Let callers ask one after the other, each over a new connection; return GETs a second."""
    began_ns = time.perf_counter_ns()
    for _ in range(callers):
        await ask_at_once(port, request, callers=1)
    return callers / (time.perf_counter_ns() - began_ns) * 1e9


async def ask_each(port: int, requests: list[bytes]) -> None:
    """Send every request once, one after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(END_OF_HEAD)
        await reader.readexactly(_length(head) - len(head))
    writer.close()
    await writer.wait_closed()


def _itself(asker: _Asker) -> _Asker:
    return asker


class _Asker(asyncio.Protocol):
    def __init__(self, request: bytes, until_ns: int) -> None:
        self._request = request
        self._until_ns = until_ns
        self._missing = 0
        self.taken_ns: list[int] = []
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._missing = _length(data)
        self._missing -= len(data)
        if self._missing:
            return
        now_ns = time.perf_counter_ns()
        self.taken_ns.append(now_ns - self._asked_ns)
        if now_ns < self._until_ns:
            self._ask()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("closed by the server"))

    def _ask(self) -> None:
        self._asked_ns = time.perf_counter_ns()
        self._transport.write(self._request)


def _length(answer: bytes) -> int:
    """Return how long a whole answer is, from its head; raises RuntimeError unless it is a 200."""
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not a 200: {answer[:80]!r}")
    start = answer.index(LENGTH) + len(LENGTH)
    length = int(answer[start : answer.index(b"\r", start)])
    return answer.index(END_OF_HEAD) + len(END_OF_HEAD) + length
