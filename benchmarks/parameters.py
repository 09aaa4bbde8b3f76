"""How fast a cached GET is, beside the least that asyncio itself needs for an answer.

The servers are processes of their own, held to one core; the load generator stays on another.
`python -m benchmarks.parameters` prints the figures; `… serve cache` and `… serve limit` are the
two servers.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.asking import Load, ask, ask_at_once, ask_each, ask_in_turn
from benchmarks.process import cpu_ms
from benchmarks.rows import Row, bounded, compare, take_turns
from extension.aws.call import Call
from extension.parameters.parameters import Parameters
from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.settings.config import read_config

SECONDS = 2.0
"""Length of a round: tens of thousands of requests."""

TURNS = 3
UNKEPT = 2_000
LEAST_CALLERS = 500
"""Callers of a round of those that come at once: fewer are too short to measure."""

ENTRIES = 1000
VALUE_BYTES = 1024
TOKEN = "t" * 1000  # about as long as a real one
LIMIT = "bare asyncio protocol, a constant answer"
ANSWER_BYTES = 1100
"""Body of the constant answer: that of a parameter of 1 KB."""


class ConstantSource:
    """Answers every parameter at once with one kilobyte."""

    region = "eu-central-1"

    def call(self, call: Call) -> Mapping[str, Any]:
        """Return a parameter of the name that was asked for."""
        name = str(call.arguments["Name"])
        value = (name * VALUE_BYTES)[:VALUE_BYTES]
        return {"Parameter": {"Name": name, "Type": "String", "Value": value, "Version": 1}}

    def session_tokens(self) -> tuple[str, ...]:
        """Return nothing: these credentials cannot be renewed."""
        return ()


class _Limit(asyncio.Protocol):
    """The least that an asyncio server can do: take what comes, write a constant."""

    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ANSWER_BYTES + b"x" * ANSWER_BYTES

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        del data
        self._transport.write(self.answer)


def request(name: str) -> bytes:
    """Return a GET as a client with a connection pool sends it."""
    return (
        f"GET /systemsmanager/parameters/get?name={name} HTTP/1.1\r\n"
        "Host: localhost:2773\r\nUser-Agent: python-urllib3/2.5.0\r\nAccept-Encoding: identity\r\n"
        f"X-Aws-Parameters-Secrets-Token: {TOKEN}\r\n\r\n"
    ).encode()


HIT = request("/app/database/password")


class ServerProcess:
    """A server of this file, running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._pid = process.pid
        self._folder = Path("/proc") / str(process.pid)
        self.port = int(process.stdout.readline())

    def round(self, connections: int) -> tuple[Load, float]:
        """Return one round of load, and the server's CPU for each request of it, in µs."""
        before_ms = cpu_ms(self._pid)
        load = asyncio.run(ask(self.port, HIT, connections=connections, seconds=SECONDS))
        return load, (cpu_ms(self._pid) - before_ms) / load.requests * 1e3

    def unkept_per_s(self) -> float:
        """Return how many GETs a second are answered, each over a connection of its own."""
        return asyncio.run(ask_in_turn(self.port, HIT, callers=UNKEPT))

    def at_once_ms(self, callers: int) -> float:
        """Return the server's CPU for callers that come at once, each over its own connection."""
        rounds = max(1, LEAST_CALLERS // callers)
        before_ms = cpu_ms(self._pid)
        for _ in range(rounds):
            asyncio.run(ask_at_once(self.port, HIT, callers=callers))
        return (cpu_ms(self._pid) - before_ms) / rounds

    def resident_mb(self) -> float:
        """Return its resident memory."""
        pages = int((self._folder / "statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6


@contextmanager
def serving(what: str) -> Iterator[ServerProcess]:
    """Start a server of this file, `cache` or `limit`."""
    command = [sys.executable, "-m", "benchmarks.parameters", "serve", what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield ServerProcess(process)
        finally:
            process.kill()


def rows() -> Iterator[Row]:
    """Yield the figures of a cached GET, each held against the limit in the same turns."""
    _hold_to_core(1)
    with serving("cache") as cache, serving("limit") as limit:
        yield _memory(cache)
        eight = take_turns(
            {"ours": lambda: cache.round(8), "limit": lambda: limit.round(8)}, turns=TURNS
        )
        one = take_turns(
            {"ours": lambda: cache.round(1), "limit": lambda: limit.round(1)}, turns=TURNS
        )
        unkept = take_turns({"ours": cache.unkept_per_s, "limit": limit.unkept_per_s}, turns=TURNS)
    ours, theirs = eight["ours"], eight["limit"]
    yield bounded(
        "cached GET on one core, 8 connections",
        [load.per_s for load, _ in ours],
        [load.per_s for load, _ in theirs],
        unit="/s",
        reference=LIMIT,
        at_least=15_000,
    )
    yield bounded(
        "cached GET, 8 connections, p99",
        [load.p99_ms for load, _ in ours],
        [load.p99_ms for load, _ in theirs],
        unit="ms",
        reference=LIMIT,
        at_most=2,
    )
    yield compare(
        "CPU of a hit",
        [cpu_us for _, cpu_us in ours],
        [cpu_us for _, cpu_us in theirs],
        unit="µs",
        reference=LIMIT,
    )
    yield compare(
        "cached GET, 1 connection",
        [load.per_s for load, _ in one["ours"]],
        [load.per_s for load, _ in one["limit"]],
        unit="/s",
        reference=LIMIT,
    )
    yield compare(
        "cached GET, a connection each",
        unkept["ours"],
        unkept["limit"],
        unit="/s",
        reference=LIMIT,
    )
    yield bounded(
        "cached GET, 1 connection, p50",
        [load.p50_ms for load, _ in one["ours"]],
        [load.p50_ms for load, _ in one["limit"]],
        unit="ms",
        reference=LIMIT,
        at_most=0.25,
    )


def _memory(cache: ServerProcess) -> Row:
    """Fill the cache, after it has answered enough to have made everything else it makes."""
    asyncio.run(ask_each(cache.port, [HIT] * ENTRIES))
    before_mb = cache.resident_mb()
    names = [f"/app/service/parameter/{number}" for number in range(ENTRIES)]
    asyncio.run(ask_each(cache.port, [request(name) for name in names]))
    return bounded(
        f"memory of {ENTRIES} entries of {VALUE_BYTES} bytes",
        [cache.resident_mb() - before_mb],
        [ENTRIES * VALUE_BYTES / 1e6],
        unit="MB",
        reference="the values alone",
        at_most=5,
    )


async def _serve(what: str) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    if what == "limit":
        await asyncio.get_running_loop().create_server(_Limit, sock=sock)
    else:
        environ = {"AWS_SESSION_TOKEN": TOKEN}
        config, _ = read_config(environ)
        clock = SystemClock()
        log = Log(clock=clock)
        cache = Parameters(
            config.parameters,
            sandbox=config.sandbox,
            environ=environ,
            clock=clock,
            log=log,
            sockets=[sock],
            open_source=ConstantSource,
        )
        await cache.start()
        await cache.open()
    print(sock.getsockname()[1], flush=True)
    await asyncio.Event().wait()


def _hold_to_core(number: int) -> None:
    """Stay on one core, if there are more."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) > 1:
        os.sched_setaffinity(0, {available[number % len(available)]})


def main() -> None:
    """Print the figures, or be a server."""
    if sys.argv[1:2] == ["serve"]:
        _hold_to_core(0)
        asyncio.run(_serve(sys.argv[2]))
        return
    for row in rows():
        kept = {True: "kept", False: "NOT KEPT", None: ""}[row.kept]
        print(
            f"{row.what:<40} {row.ours:>10.3f} {row.unit:<4} {row.promise:<14} {kept:<9}"
            f" {row.reference}: {row.theirs:.3f} (ratio {row.ratio:.2f})"
        )


if __name__ == "__main__":
    main()
