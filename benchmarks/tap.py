"""What the tap costs: a runtime's round trip through the pump, the pump's start, and its memory.

A round trip is one GET of /next and one POST of the response, both of the given size, with a
Runtime API and a runtime that do nothing else. At 1/14 of a core, runtime and pump share it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import share
from benchmarks.api import Api
from benchmarks.contenders import FLAGS, ROOT, TELEMETRY, modes
from benchmarks.process import live
from benchmarks.rows import Row, bounded, compare, skip, take_turns
from benchmarks.share import Share, share_of

TURNS = 9
MEMORY_MB = 128
KB, MB = 1024, 1_048_576
TRIPS = {KB: 400, MB: 40}
HELD_TRIPS = {KB: 60, MB: 12}
AT_MOST_MS = {KB: 0.2, MB: 1.5}
BURN_MS = 3
"""What a handler computes: one that is idle leaves its share of the CPU to the pump."""

START_MS = 40
PSS_MIB = 6
DIRECT = "without the pump"

RUNTIME = """
import socket, statistics, sys, time
port, size, count, burn_ms = map(int, sys.argv[1:])
next = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
path = b"/2018-06-01/runtime/invocation/1/response"
response = b"POST %b HTTP/1.1\\r\\nContent-Length: %d\\r\\n\\r\\n" % (path, size) + b"x" * size
api = socket.create_connection(("127.0.0.1", port))
api.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
buffer = memoryview(bytearray(1 << 18))

def read():
    got = api.recv_into(buffer)
    head, _, body = bytes(buffer[:got]).partition(b"\\r\\n\\r\\n")
    left = int(head.rpartition(b" ")[2]) - len(body)
    while left > 0:
        left -= api.recv_into(buffer)

taken = []
for _ in range(count):
    began = time.perf_counter_ns()
    api.sendall(next)
    read()
    end = time.process_time_ns() + burn_ms * 1_000_000
    while time.process_time_ns() < end:
        pass
    api.sendall(response)
    read()
    taken.append((time.perf_counter_ns() - began) / 1e6)
print(statistics.median(taken))
"""

STARTER = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import _socket, time
from extension.platform import bootstrap, plain_http
began = time.perf_counter_ns()
from extension.pump.start import start_pump
name = "127.0.0.1:" + sys.argv[1]
channel = start_pump(name, addresses=plain_http.Address(name).resolve(), port=0)
print((time.perf_counter_ns() - began) / 1e6, flush=True)
while channel.recv(200_000):
    pass
"""


def rows() -> Iterator[Row]:
    """Measure the way of the bytes, then the start and the memory."""
    with serving() as api:
        for size in (KB, MB):
            yield from _round_trips(api, size)
    yield from _starts()
    yield from _memory()


def _round_trips(api: int, size: int) -> Iterator[Row]:
    name = f"tap: round trip of {'1 KB' if size == KB else '1 MB'}"
    with pumping(api) as (pump, _, _):
        turns = take_turns(
            {
                "tapped": partial(_trip_ms, pump, size, TRIPS[size]),
                DIRECT: partial(_trip_ms, api, size, TRIPS[size]),
            },
            turns=TURNS,
        )
    yield compare(name, turns["tapped"], turns[DIRECT], unit="ms", reference=DIRECT)
    added = [
        max(ours - its, 1e-6) for ours, its in zip(turns["tapped"], turns[DIRECT], strict=True)
    ]
    yield bounded(
        f"{name}, added", added, turns[DIRECT], unit="ms", reference=DIRECT,
        at_most=AT_MOST_MS[size],
    )  # fmt: skip
    if reason := share.why_not():
        yield skip(f"{name}, {MEMORY_MB} MB share", reason)
        return
    with Share(share_of(MEMORY_MB)) as held, pumping(api) as (pump, pid, _):
        held.hold(pid)
        turns = take_turns(
            {
                name: partial(
                    _trip_ms, port, size, HELD_TRIPS[size], burn_ms=BURN_MS, started=held.hold
                )
                for name, port in (("tapped", pump), (DIRECT, api))
            },
            turns=TURNS // 2,
        )
    yield compare(
        f"{name}, {MEMORY_MB} MB share, handler of {BURN_MS} ms CPU",
        turns["tapped"],
        turns[DIRECT],
        unit="ms",
        reference=DIRECT,
    )


def _starts() -> Iterator[Row]:
    with serving() as api:
        starts = [_start_ms(api) for _ in range(TURNS)]
    yield bounded(
        "tap: start of the pump, before /register", starts, starts, unit="ms", reference="itself",
        at_most=START_MS,
    )  # fmt: skip


def _memory() -> Iterator[Row]:
    """Compare an extension with and without the pump, in one sandbox after the other."""
    found: list[float] = []
    with Api() as api:
        off = modes(api)[TELEMETRY]
        on = type(off)(
            command=off.command, environ={**off.environ, "DISPATCH_TAP": "true"},
            exports=off.exports, port=off.port,
        )  # fmt: skip
        lives = take_turns(
            {
                "tapped": partial(
                    live, on, api, initialized=lambda pid: found.append(_pss_mib(pid))
                ),
                DIRECT: partial(live, off, api),
            },
            turns=TURNS // 2,
        )
    yield bounded(
        "tap: PSS of the pump, beside an initialized extension", found, found, unit="MiB",
        reference="itself", at_most=PSS_MIB,
    )  # fmt: skip
    for what, name, unit in (
        ("wall to /register", "register_ms", "ms"),
        ("wall to the first /next", "next_ms", "ms"),
    ):
        yield compare(
            f"tap, {TELEMETRY}: {what}",
            [getattr(life, name) for life in lives["tapped"]],
            [getattr(life, name) for life in lives[DIRECT]],
            unit=unit,
            reference=DIRECT,
        )


def _pss_mib(extension: int) -> float:
    """Return the proportional share of the memory of the extension's child, which is the pump."""
    [pump] = Path(f"/proc/{extension}/task/{extension}/children").read_text().split()
    lines = Path(f"/proc/{pump}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def _trip_ms(
    port: int,
    size: int,
    count: int,
    *,
    burn_ms: int = 0,
    started: Callable[[int], None] = lambda pid: None,
) -> float:
    """Return the median round trip of a runtime whose handler takes `burn_ms` of CPU."""
    numbers = map(str, (port, size, count, burn_ms))
    command = [sys.executable, *FLAGS, "-S", "-c", RUNTIME, *numbers]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runtime:
        started(runtime.pid)
        output, _ = runtime.communicate()
    return float(output)


def _start_ms(api: int) -> float:
    with pumping(api) as (_, _, start_ms):
        return start_ms


@contextmanager
def pumping(api: int) -> Iterator[tuple[int, int, float]]:
    """Start a pump; yield its port, its process id, and how long the start took in ms."""
    command = [sys.executable, *FLAGS, "-S", "-c", STARTER, str(api)]
    marker = Path(f"/tmp/.lambda_dispatch_tap-127.0.0.1:{api}")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as holder:
        assert holder.stdout is not None
        try:
            start_ms = float(holder.stdout.readline())
            address, pid, _ = marker.read_text().split()
            yield int(address.rpartition(":")[2]), int(pid), start_ms
        finally:
            os.killpg(holder.pid, 9)
            marker.unlink(missing_ok=True)


@contextmanager
def serving() -> Iterator[int]:
    """Run a Runtime API in a process of its own; yield its port."""
    command = [sys.executable, *FLAGS, "-S", "-c", API]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as api:
        assert api.stdout is not None
        try:
            yield int(api.stdout.readline())
        finally:
            api.kill()


API = """
import socket, threading
answers = {}

def serve(runtime):
    runtime.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer, size = memoryview(bytearray(1 << 18)), 1024
    while True:
        got = runtime.recv_into(buffer)
        if not got:
            return
        head, _, body = bytes(buffer[:got]).partition(b"\\r\\n\\r\\n")
        if head.startswith(b"GET"):
            runtime.sendall(answers[size])
            continue
        size = int(head.rpartition(b" ")[2])
        left = size - len(body)
        while left > 0:
            left -= runtime.recv_into(buffer)
        runtime.sendall(b"HTTP/1.1 202 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")

for size in (1 << 10, 1 << 20):
    answers[size] = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % size + b"x" * size
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
"""
