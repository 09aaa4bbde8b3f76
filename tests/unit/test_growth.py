"""Curves of growth: their exponents and their charts; nothing here is measured."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.charts import Chart, Series, draw
from benchmarks.growth.curve import Curve, chart, row
from benchmarks.growth.measuring import decades, least
from benchmarks.growth.sandbox import Hundred, rows

AMOUNTS = decades(10, 10_000)


def curve(cost: list[float]) -> Curve:
    """Return a curve over `AMOUNTS`."""
    points = list(zip(map(float, AMOUNTS), cost, strict=True))
    return Curve(name="lines", slug="lines", work="lines", unit="ms", points=points)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_exponent_of_a_power(exponent: float) -> None:
    """Cost that grows as amount^e has the exponent e, and up to 1.15 the promise is kept."""
    found = row(curve([3 * amount**exponent for amount in AMOUNTS]))
    assert found.ours == pytest.approx(exponent, abs=1e-9)
    assert found.kept == (exponent <= 1.15)


def test_constant_cost_does_not_hide_growth() -> None:
    """What every run costs is large beside small amounts; the exponent is the upper end's."""
    found = row(curve([1e5 + amount**2 for amount in AMOUNTS]))
    assert found.ours == pytest.approx(2.0, abs=0.1)
    assert found.low is not None
    assert found.low < 0.5


def test_two_amounts_in_a_decade() -> None:
    """Amounts are as far from each other all over the curve."""
    assert decades(10, 1000) == [10, 32, 100, 316, 1000]


def test_least_of_the_turns() -> None:
    """What else the machine does can only add."""
    costs = iter([5.0, 9.0, 4.0, 8.0, 6.0, 7.0])
    assert least(lambda _: next(costs), [1, 2]) == [(1, 4.0), (2, 7.0)]


def test_chart_of_a_curve_is_a_document() -> None:
    """Three lines, well-formed, and nothing outside of the picture."""
    text = draw(chart(curve([float(amount) for amount in AMOUNTS])))
    root = ET.fromstring(text)
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for line in lines:
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_axis_may_have_points_below_zero() -> None:
    """Minutes before an event are left of it."""
    series = Series(name="a & b", points=[(-5.0, 0.0), (60.0, 2.0)])
    text = draw(
        Chart(title="t", across="min", up="/s", series=[series], log_across=False, log_up=False)
    )
    assert "a &amp; b" in text
    [line] = ET.fromstring(text).findall("{http://www.w3.org/2000/svg}polyline")
    first, last = (float(point.split(",")[0]) for point in line.attrib["points"].split())
    assert first < last


def test_last_thousand_is_held_against_the_first() -> None:
    """The first hundred fills caches, and one hundred may have been disturbed."""
    costs = [9.0, *[2.0] * 10, *[7.0] * 5, *[2.4] * 9, 8.0]
    seen = [
        Hundred(last=100 * number, cpu_ms=cpu_ms, rss_mib=40.0)
        for number, cpu_ms in enumerate(costs, start=1)
    ]
    cpu, memory = rows(seen)
    assert cpu.ratio == pytest.approx(1.2)
    assert (cpu.kept, memory.kept) == (False, True)
