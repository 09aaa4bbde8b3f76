"""The instructions of a warm invocation and of a cached GET; needs valgrind.

No other work on the machine changes them, unless it is so much that time limits pass.
`python -m benchmarks.instructions` counts those in user space: of an invocation, in which telemetry
is held, exported and compressed; and of the cache, with the constant answer beside it, over a
connection that is kept, over one for each, and with a new `traceparent` in each request. What is
counted is a difference of two runs, so that the start does not count.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

from benchmarks.api import Api
from benchmarks.asking import ask_at_once, ask_each
from benchmarks.contenders import TELEMETRY, modes
from benchmarks.parameters import HIT
from benchmarks.process import Process

FEW, MANY = 300, 1_300
FEW_INVOCATIONS, MANY_INVOCATIONS = 20, 70
DEADLINE_S = 600.0
"""Under valgrind a start takes fifty times as long."""

VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
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
    command = (*VALGRIND, sys.executable, "-m", "benchmarks.parameters", "serve", server)
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ask(int(process.stdout.readline()), number)
        process.send_signal(signal.SIGTERM)
        _, printed = process.communicate()
    return _counted(printed)


def instructions_of_invocations(number: int) -> int:
    """Return what the extension executes in a life of so many invocations, telemetry only."""
    with Api() as api:
        plain = modes(api)[TELEMETRY]
        contender = replace(plain, command=(*VALGRIND, *plain.command))
        with Process(contender, api, deadline_s=DEADLINE_S) as process:
            for each in range(1, number + 1):
                process.invoke(each)
            process.end()
            return _counted(process.printed())


def _counted(printed: str) -> int:
    counted = COUNTED.search(printed)
    assert counted is not None, printed
    return int(counted[1].replace(",", ""))


def main() -> None:
    """Print the instructions of one invocation, and of one GET for each way of asking."""
    few, many = map(instructions_of_invocations, (FEW_INVOCATIONS, MANY_INVOCATIONS))
    each = (many - few) / (MANY_INVOCATIONS - FEW_INVOCATIONS)
    print(f"{'a warm invocation':<28} {'end':<6} {each:>10,.0f}", flush=True)
    for way, ask in WAYS.items():
        for server in ("cache", "limit"):
            few, many = (instructions(server, ask, number) for number in (FEW, MANY))
            print(f"{way:<28} {server:<6} {(many - few) / (MANY - FEW):>10,.0f}", flush=True)


if __name__ == "__main__":
    main()
