"""Panels with their series as one SVG: a grid of small diagrams over the same time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from tests.dashboards.prometheus_engine import Series, Span

COLUMNS = 4
WIDTH, HEIGHT, GAP = 300, 190, 12
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 30, 52
"""Around the lines of one diagram."""
HEADING = 28
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")
SCALES = {
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "bytes": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
    "percentunit": ((0.01, "%"),),
    "short": ((1, ""),),
}
STYLE = (
    "text{font:11px sans-serif;fill:#24292f}.title{font-weight:bold;font-size:12px}"
    ".heading{font-weight:bold;font-size:15px}.axis{fill:#57606a}"
)


class Diagram(NamedTuple):
    """One panel, and what was answered: series by what is shown beside them."""

    title: str
    unit: str
    series: Sequence[tuple[str, Series]]


def draw(rows: Sequence[tuple[str, Sequence[Diagram]]], *, over: Span) -> str:
    """Return the picture."""
    parts: list[str] = []
    top = GAP
    for heading, diagrams in rows:
        parts.append(_text(GAP, top + 18, heading, "heading"))
        top += HEADING
        for number, diagram in enumerate(diagrams):
            line, column = divmod(number, COLUMNS)
            x, y = GAP + column * (WIDTH + GAP), top + line * (HEIGHT + GAP)
            parts += [f'<g transform="translate({x},{y})">', *_diagram(diagram, over), "</g>"]
        top += (HEIGHT + GAP) * -(-len(diagrams) // COLUMNS)
    width = GAP + COLUMNS * (WIDTH + GAP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}">',
            f"<style>{STYLE}</style>",
            f'<rect width="{width}" height="{top}" fill="#f6f8fa"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _diagram(diagram: Diagram, over: Span) -> list[str]:
    values = [value for _, series in diagram.series for _, value in series.points]
    most = max(values, default=0) or 1
    divisor, unit = _scale(diagram.unit, most)
    floor = HEIGHT - BOTTOM
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="4" fill="#fff" stroke="#d0d7de"/>',
        _text(10, 19, diagram.title, "title"),
    ]
    for share in (0, 0.5, 1):
        y = floor - share * (floor - TOP)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#eaeef2" stroke-width="1"/>'
        )
        label = f"{_number(share * most / divisor)} {unit}".rstrip()
        parts.append(_text(LEFT - 5, y + 4, label, "axis", anchor="end"))
    parts.append(_text(LEFT, floor + 14, "0 s", "axis"))
    end = f"{over.end_s - over.start_s:.0f} s"
    parts.append(_text(WIDTH - RIGHT, floor + 14, end, "axis", anchor="end"))
    x = 10
    for number, (legend, series) in enumerate(diagram.series):
        colour = COLOURS[number % len(COLOURS)]
        places = (_place(point, over, most=most, floor=floor) for point in series.points)
        parts.append(
            f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" '
            'stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round"/>'
        )
        parts.append(f'<rect x="{x}" y="{HEIGHT - 17}" width="9" height="3" fill="{colour}"/>')
        parts.append(_text(x + 13, HEIGHT - 12, legend))
        x += 24 + round(6.2 * len(legend))
    return parts


def _place(point: tuple[float, float], over: Span, *, most: float, floor: int) -> str:
    at_ms, value = point
    share = (at_ms / 1000 - over.start_s) / (over.end_s - over.start_s)
    x = LEFT + share * (WIDTH - LEFT - RIGHT)
    return f"{x:.1f},{floor - value / most * (floor - TOP):.1f}"


def _scale(unit: str, most: float) -> tuple[float, str]:
    scales = SCALES[unit]
    return next((each for each in scales if most >= each[0]), scales[-1])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _text(x: float, y: float, text: str, style: str = "", *, anchor: str = "start") -> str:
    of = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y:.1f}"{of} text-anchor="{anchor}">{escape(text)}</text>'
