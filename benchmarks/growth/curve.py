"""How cost grows with work: the exponent of a curve, as a row and as a chart.

PURE. Constant cost hides growth where there is little work, so the exponent is that of the upper
end: of the last three of four decades nothing is seen of a start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log

from benchmarks.charts import Chart, Point, Series
from benchmarks.rows import Row

AT_MOST = 1.15
"""Linear, and what the processor's caches and a busy machine may add to it."""

UPPER = 30.0
"""The exponent is that of the points from the largest down to so many times less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Cost, in `unit`, of amounts of work: `points` are (amount, cost), the amounts ascending."""

    name: str
    slug: str
    work: str
    unit: str
    points: Sequence[Point]

    @property
    def exponent(self) -> float:
        """Return e of cost ~ amount^e at the upper end."""
        return _slope(self.upper)[0]

    @property
    def upper(self) -> Sequence[Point]:
        """The points that the exponent is of."""
        most = self.points[-1][0]
        return [point for point in self.points if point[0] >= most / UPPER]


def row(curve: Curve) -> Row:
    """Return the exponent beside linear growth's; lowest and highest are of two neighbours."""
    steps = [_slope(pair)[0] for pair in pairwise(curve.points)]
    (_, least), (amount, cost) = curve.points[0], curve.points[-1]
    first = f"{curve.points[0][0]:,.0f}"
    return Row(
        what=f"growth: {curve.name}, {first} to {amount:,.0f} {curve.work}: "
        f"{least:.3g} to {cost:.3g} {curve.unit}, exponent",
        ours=curve.exponent,
        reference="linear",
        theirs=1.0,
        ratio=curve.exponent,
        low=min(steps),
        high=max(steps),
        promise=f"≤ {AT_MOST}",
        kept=curve.exponent <= AT_MOST,
    )


def chart(curve: Curve) -> Chart:
    """Return the curve with the line that its exponent stands for, and a linear one."""
    exponent, factor = _slope(curve.upper)
    least, most = curve.points[0][0], curve.points[-1][0]
    ends = (least, most)
    last = curve.points[-1][1]
    return Chart(
        title=curve.name[:1].upper() + curve.name[1:],
        across=curve.work,
        up=curve.unit,
        series=[
            Series(name="measured", points=curve.points),
            Series(
                name=f"exponent {exponent:.2f} (upper end)",
                points=[(x, factor * x**exponent) for x in ends],
                dashed=True,
            ),
            Series(name="linear", points=[(x, last * x / most) for x in ends], dashed=True),
        ],
    )


def _slope(points: Sequence[Point]) -> tuple[float, float]:
    """Return e and f of the least squares of log y = log f + e log x."""
    xs, ys = [log(x) for x, _ in points], [log(y) for _, y in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    return slope, exp(mean_y - slope * mean_x)
