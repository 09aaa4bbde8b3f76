"""Many invocations of one sandbox: whether the last thousand cost what the first did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.api import Api
from benchmarks.charts import Chart, Series
from benchmarks.contenders import BOTH, modes
from benchmarks.process import Process
from benchmarks.rows import Row, compare

INVOCATIONS = 10_000
HUNDRED = 100
TENTH = 9
COMPARED = 10
"""Hundreds at each end. A single one shows what else the machine did meanwhile."""

AT_MOST = 1.1
"""The last thousand beside the first one that is warm."""

EVERYTHING = {"DISPATCH_SIGNALS": "traces,logs,metrics"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hundred:
    """A hundred invocations: the last one's number, the CPU of the tenth cheapest, which other
    work on the machine disturbs least, and memory after them."""

    last: int
    cpu_ms: float
    rss_mib: float


def hundreds(invocations: int = INVOCATIONS) -> Sequence[Hundred]:
    """Let one process, with both jobs and all signals, see so many invocations."""
    with Api() as api:
        contender = modes(api)[BOTH]
        contender = replace(contender, environ={**contender.environ, **EVERYTHING})
        with Process(contender, api) as process:
            return list(_hundreds(process, invocations))


def _hundreds(process: Process, invocations: int) -> Iterator[Hundred]:
    for first in range(1, invocations, HUNDRED):
        taken = [process.invoke(number).cpu_ms for number in range(first, first + HUNDRED)]
        yield Hundred(
            last=first + HUNDRED - 1, cpu_ms=sorted(taken)[TENTH], rss_mib=process.rss_mib()
        )
    process.end()


def rows(seen: Sequence[Hundred]) -> Iterator[Row]:
    """Hold the last thousand against the first one after a hundred, in which caches fill."""
    warm, last = seen[1 : 1 + COMPARED], seen[-COMPARED:]
    name = f"growth: the last thousand of {last[-1].last:,} invocations of a sandbox"
    yield compare(
        f"{name}, CPU of one",
        [each.cpu_ms for each in last],
        [each.cpu_ms for each in warm],
        unit="ms",
        reference="the first thousand",
        at_most=AT_MOST,
    )
    yield compare(
        f"{name}, memory",
        [each.rss_mib for each in last],
        [each.rss_mib for each in warm],
        unit="MiB",
        reference="in the first thousand",
        at_most=AT_MOST,
    )


def charts(seen: Sequence[Hundred]) -> Iterator[tuple[str, Chart]]:
    """Yield CPU and memory over the invocations, with the names of their files."""
    for slug, title, unit, points in (
        ("invocations-cpu", "CPU of one", "ms", [(each.last, each.cpu_ms) for each in seen]),
        ("invocations-memory", "Memory", "MiB", [(each.last, each.rss_mib) for each in seen]),
    ):
        yield (
            slug,
            Chart(
                title=f"{title} over the invocations of a sandbox",
                across="invocations",
                up=unit,
                series=[Series(name="each hundred", points=points)],
                log_across=False,
                log_up=False,
            ),
        )
