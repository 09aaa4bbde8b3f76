"""Many invocations of one sandbox: whether the last hundred cost what the first did."""

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
AT_MOST = 1.1
"""The last hundred beside the first one that is warm."""

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
    """Hold the last hundred against the second: in the first one, caches fill."""
    warm, last = seen[1], seen[-1]
    name = f"growth: the last hundred of {last.last:,} invocations of a sandbox"
    yield compare(
        f"{name}, CPU of one",
        [last.cpu_ms],
        [warm.cpu_ms],
        unit="ms",
        reference="the second hundred",
        at_most=AT_MOST,
    )
    yield compare(
        f"{name}, memory",
        [last.rss_mib],
        [warm.rss_mib],
        unit="MiB",
        reference="after the second hundred",
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
