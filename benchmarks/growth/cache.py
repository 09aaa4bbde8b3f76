"""Entries of the cache, callers at once over HTTP, callers that wait for the same call to AWS."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Iterator

from benchmarks.asking import ask_at_once
from benchmarks.cache_in_time import CountingSource, Sandbox
from benchmarks.growth.curve import Curve
from benchmarks.growth.measuring import decades, least
from benchmarks.parameters import HIT, serving
from extension.process.clock import SystemClock
from extension.process.frozen import replace
from extension.settings.parameters import ParametersConfig
from tests.doubles import ManualClock

MOST_ENTRIES = 10_000
"""Ten times what the setting allows: growth beyond it would be seen sooner."""

MOST_CALLERS = 2_000


def curves() -> Iterator[Curve]:
    """Measure each."""
    entries = decades(10, MOST_ENTRIES)
    filled = {each: asyncio.run(_fill(each)) for each in entries}
    yield Curve(
        name="memory of entries",
        slug="entries-memory",
        work="entries",
        unit="KiB",
        points=[(each, filled[each]) for each in entries],
    )
    yield Curve(
        name="CPU of a GET of every entry",
        slug="entries-hits",
        work="entries",
        unit="ms",
        points=least(lambda each: asyncio.run(_hits_ms(each)), entries),
    )
    callers = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, MOST_CALLERS]
    yield Curve(
        name="CPU of callers that wait for the same call to AWS",
        slug="callers-of-one-miss",
        work="callers",
        unit="ms",
        points=least(lambda each: asyncio.run(_waiting_ms(each)), callers),
    )
    with serving("cache") as server:
        asyncio.run(ask_at_once(server.port, HIT, callers=1))
        yield Curve(
            name="CPU of callers at once, a connection each",
            slug="callers-of-hits",
            work="callers",
            unit="ms",
            points=least(server.at_once_ms, callers),
        )


async def _fill(entries: int) -> float:
    """Return the KiB that entries take."""
    sandbox = _sandbox(entries)
    await sandbox.get("/first")
    tracemalloc.start()
    for number in range(entries):
        await sandbox.get(f"/app/{number}")
    bytes_, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return bytes_ / 1024


async def _hits_ms(entries: int) -> float:
    sandbox = _sandbox(entries)
    names = [f"/app/{number}" for number in range(entries)]
    for name in names:
        await sandbox.get(name)
    rounds = MOST_ENTRIES // entries
    began_s = time.thread_time()
    for _ in range(rounds):
        for name in names:
            await sandbox.get(name)
    return (time.thread_time() - began_s) * 1e3 / rounds


async def _waiting_ms(callers: int) -> float:
    """Return the CPU of the event loop's thread for callers that find nothing cached."""
    source = CountingSource()
    sandbox = Sandbox(source, SystemClock(), ParametersConfig())
    await sandbox.get("/first")
    rounds = max(1, 500 // callers)
    began_s = time.thread_time()
    for number in range(rounds):
        await asyncio.gather(*(sandbox.get(f"/{number}") for _ in range(callers)))
    spent_ms = (time.thread_time() - began_s) * 1e3 / rounds
    if source.calls.total() != rounds + 1:
        raise RuntimeError(f"{source.calls} for {rounds} names")
    return spent_ms


def _sandbox(entries: int) -> Sandbox:
    config = replace(ParametersConfig(), cache_size=entries + 1)
    return Sandbox(CountingSource(), ManualClock(), config)
