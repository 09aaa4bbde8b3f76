"""The instructions of a cached GET, which no other work on the machine changes; needs valgrind.

`python -m benchmarks.instructions` counts those of the cache, in user space, and of the constant
answer beside it: over a connection that is kept, over one for each, and with a new `traceparent`
in each request. What is counted is a difference of two runs, so that the start does not count.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable

from benchmarks.asking import ask_at_once, ask_each
from benchmarks.parameters import HIT

FEW, MANY = 300, 1_300
COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")

Ask = Callable[[int, int], None]
"""Sends so many requests to a port."""


def _kept(port: int, number: int) -> None:
    asyncio.run(ask_each(port, [HIT] * number))


def _unkept(port: int, number: int) -> None:
    for _ in range(number):
        asyncio.run(ask_at_once(port, HIT, callers=1))


def _traced(port: int, number: int) -> None:
    head = HIT.removesuffix(b"\r\n")
    spans = [b"traceparent: 00-%032x-%016x-01\r\n\r\n" % (each, each) for each in range(1, number)]
    asyncio.run(ask_each(port, [HIT, *(head + span for span in spans)]))


WAYS: dict[str, Ask] = {
    "a connection that is kept": _kept,
    "a connection each": _unkept,
    "kept, a span each": _traced,
}


def instructions(server: str, ask: Ask, number: int) -> int:
    """Return what a server executes from its start to its end, with so many requests between."""
    command = (
        "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
        sys.executable, "-m", "benchmarks.parameters", "serve", server,
    )  # fmt: skip
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ask(int(process.stdout.readline()), number)
        process.send_signal(signal.SIGTERM)
        _, printed = process.communicate()
    counted = COUNTED.search(printed)
    assert counted is not None, printed
    return int(counted[1].replace(",", ""))


def main() -> None:
    """Print the instructions of one GET, for each way of asking."""
    for way, ask in WAYS.items():
        for server in ("cache", "limit"):
            few, many = (instructions(server, ask, number) for number in (FEW, MANY))
            print(f"{way:<28} {server:<6} {(many - few) / (MANY - FEW):>10,.0f}", flush=True)


if __name__ == "__main__":
    main()
