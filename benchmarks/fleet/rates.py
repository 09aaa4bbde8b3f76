"""From the calls of some sandboxes to the calls a second of a fleet, held against quotas.

PURE. Sandboxes share nothing but the quotas, so those that were simulated stand for all: a fleet of
a thousand times as many makes a thousand times the calls. What a quota refuses is not simulated:
figures are what the fleet would ask for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.fleet.day import DAY_S, HOUR_S, NOON_S, PEAK_S

BIN_S = 10
"""Short enough for what happens together, long enough for a sample."""

DEPLOYMENT_S = 2
"""All sandboxes are replaced within one second, which may touch two of the clock's."""

SETTLED_S = 30.0
"""So long after the deployment its own calls are over; what comes then are echoes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Calls a second for each sandbox of the fleet, at three times of the day.

    `ordinary`: in the busiest hour; `deployment`: in the second in which all are replaced;
    `echo`: in the worst ten seconds of the hour after it.
    """

    ordinary: float
    deployment: float
    echo: float

    @property
    def phases(self) -> Mapping[str, float]:
        """The rates by their names in tables."""
        return {
            "busiest hour": self.ordinary,
            "second of a deployment": self.deployment,
            "worst ten seconds of the hour after it": self.echo,
        }


def rates(
    peak: Mapping[int, int],
    deployed: Mapping[int, int],
    *,
    sampled: int,
    sampled_deployed: int,
) -> Rates:
    """Return the rates of simulated sandboxes' calls, by second of the day.

    `peak` are the calls of the busiest hour and before it, `deployed` those around noon.
    """
    busiest = sum(n for at, n in peak.items() if abs(at - PEAK_S) <= HOUR_S / 2) / HOUR_S
    noon = int(NOON_S)
    at_once = sum(deployed.get(noon + each, 0) for each in range(DEPLOYMENT_S))
    after = {at: n for at, n in deployed.items() if NOON_S + SETTLED_S <= at < NOON_S + HOUR_S}
    echo = max((rate for _, rate in binned(after, BIN_S)), default=0.0)
    return Rates(
        ordinary=busiest / sampled,
        deployment=at_once / sampled_deployed,
        echo=echo / sampled_deployed,
    )


def binned(
    calls: Mapping[int, int], bin_s: float, *, begin_s: float = 0.0, end_s: float = DAY_S
) -> list[tuple[float, float]]:
    """Return calls a second in bins of the day, as (middle of the bin in seconds, rate)."""
    bins: Counter[int] = Counter()
    for at, number in calls.items():
        bins[int((at - begin_s) // bin_s)] += number
    return [
        (begin_s + (number + 0.5) * bin_s, bins[number] / bin_s)
        for number in range(int((end_s - begin_s) // bin_s))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a table: calls a second of one sandbox by time, and the quotas by their names."""

    name: str
    phases: Mapping[str, float]
    quotas: Mapping[str, float] = field(default_factory=dict)


def table(lines: Sequence[Line], *, sizes: Sequence[int]) -> str:
    """Return Markdown: calls a second by settings and time, for each size of a fleet.

    A figure above a quota is followed by the name of the last one that it breaks.
    """
    head = ["Settings", "When", *(f"{size:,}" for size in sizes)]
    found = [_row(head), _row(["---", "---", *(["---:"] * len(sizes))])]
    for line in lines:
        for phase, rate in line.phases.items():
            cells = [_cell(rate * size, line.quotas) for size in sizes]
            found.append(_row([line.name, phase, *cells]))
    return "\n".join(found)


def _cell(per_s: float, quotas: Mapping[str, float]) -> str:
    figure = f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.2g}"
    broken = [name for name, most in quotas.items() if per_s > most]
    return f"{figure} ({broken[-1]})" if broken else figure


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
