"""Small charts as SVG: a few series of points with both axes, drawn without a library.

PURE: figures in, text out. Colours suit a light and a dark page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 560, 320
"""Without the legend, which is below."""

LEFT, RIGHT, TOP, BOTTOM = 64, 16, 34, 36
LEGEND_LINE = 15
COLOURS = ("#3b7dd8", "#d9663d", "#3a9d63", "#8d5fc7", "#b08a1c", "#5b8a99", "#c2417c", "#777777")
INK = "#808080"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a chart; `dashed` ones are for comparison and have no dots."""

    name: str
    points: Sequence[Point]
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Series over one pair of axes; an axis is logarithmic, or has zero on it."""

    title: str
    across: str
    up: str
    series: Sequence[Series]
    log_across: bool = True
    log_up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Where a figure is between the ends of one axis, from 0 to 1, and which are named."""

    place: Callable[[float], float]
    ticks: Sequence[float]


def draw(chart: Chart) -> str:
    """Return the chart as an SVG document."""
    xs = [x for each in chart.series for x, _ in each.points]
    ys = [y for each in chart.series for _, y in each.points]
    across, up = _axis(xs, log=chart.log_across), _axis(ys, log=chart.log_up)
    body = [
        f'<text x="{LEFT}" y="18" font-size="13" font-weight="bold">{escape(chart.title)}</text>',
        *_grid(across, up),
        _text(WIDTH - RIGHT, HEIGHT - 6, chart.across, anchor="end"),
        _text(LEFT - 6, 18, chart.up, anchor="end"),
    ]
    for number, each in enumerate(chart.series):
        body += _line(each, COLOURS[number % len(COLOURS)], number, across, up)
    height = HEIGHT + LEGEND_LINE * (len(chart.series) - 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}">\n' + "\n".join(body) + "\n</svg>\n"
    )


def _axis(values: Sequence[float], *, log: bool) -> _Axis:
    if not log:
        step = _step(max(values) - min(0.0, *values))
        low, last = min(0.0, *values), ceil(max(values) / step)
        width = last * step - low
        return _Axis(
            place=lambda value: (value - low) / width,
            ticks=[step * each for each in range(ceil(low / step), last + 1)],
        )
    positive = [value for value in values if value > 0]
    low, high = floor(log10(min(positive)) + 1e-9), ceil(log10(max(positive)) - 1e-9)
    high = max(high, low + 1)
    least = 10.0**low
    return _Axis(
        place=lambda v: (log10(max(v, least)) - low) / (high - low),
        ticks=[10.0**each for each in range(low, high + 1)],
    )


def _step(most: float) -> float:
    """Return a round distance, of which about five fit."""
    if most <= 0:
        return 1.0
    rough = most / 5
    size = 10.0 ** floor(log10(rough))
    return next(size * each for each in (1, 2, 2.5, 5, 10) if size * each >= rough)


def _x(share: float) -> float:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _grid(across: _Axis, up: _Axis) -> Iterator[str]:
    for tick in across.ticks:
        x = _x(across.place(tick))
        yield _rule(x, _y(0), x, _y(1))
        yield _text(x, HEIGHT - BOTTOM + 14, _named(tick), anchor="middle")
    for tick in up.ticks:
        y = _y(up.place(tick))
        yield _rule(_x(0), y, _x(1), y)
        yield _text(LEFT - 6, y + 4, _named(tick), anchor="end")


def _text(x: float, y: float, text: str, *, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{INK}" stroke-opacity="0.25"/>'


def _line(series: Series, colour: str, number: int, across: _Axis, up: _Axis) -> Iterator[str]:
    places = [(_x(across.place(x)), _y(up.place(y))) for x, y in series.points]
    path = " ".join(f"{x},{y}" for x, y in places)
    dash = ' stroke-dasharray="5 4"' if series.dashed else ""
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'
    if not series.dashed and len(places) <= MOST_DOTS:
        yield from (f'<circle cx="{x}" cy="{y}" r="2.6" fill="{colour}"/>' for x, y in places)
    y = HEIGHT - 6 + number * LEGEND_LINE
    yield f'<text x="{LEFT}" y="{y}" fill="{colour}">{escape(series.name)}</text>'


MOST_DOTS = 40
"""A line of more points has none: they would cover it."""


def _named(value: float) -> str:
    if value >= 1e4 or 0 < value < 1e-3:
        return f"10{_raised(round(log10(value)))}" if _is_decade(value) else f"{value:.0e}"
    return f"{value:g}"


def _is_decade(value: float) -> bool:
    return abs(log10(value) - round(log10(value))) < 1e-9


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
