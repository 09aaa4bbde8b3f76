"""How cost grows as work grows: each curve measured, its exponent held to linear, and drawn.

`python -m benchmarks growth` writes an SVG for each beside this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from benchmarks.charts import Chart, draw
from benchmarks.growth import cache, sandbox, telemetry
from benchmarks.growth.curve import chart, row
from benchmarks.rows import Row

FOLDER = Path(__file__).resolve().parent


def rows() -> Iterator[Row]:
    """Measure and draw each curve."""
    for curve in chain(telemetry.curves(), cache.curves()):
        _keep(curve.slug, chart(curve))
        yield row(curve)
    seen = sandbox.hundreds()
    for slug, each in sandbox.charts(seen):
        _keep(slug, each)
    yield from sandbox.rows(seen)


def _keep(slug: str, what: Chart) -> None:
    (FOLDER / f"{slug}.svg").write_text(draw(what))
