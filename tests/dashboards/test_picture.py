"""What `make demo` runs fills the Grafana dashboard, and the picture in the docs is of that one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest

from tests.dashboards.diagrams import Diagram, draw
from tests.dashboards.picture import PICTURE, drawn, metrics_of, span_of, steps_of_the_demo
from tests.dashboards.prometheus_engine import NotHereError, Series, Span, program
from tests.dashboards.test_files import grafana

pytestmark = pytest.mark.timeout(1000)  # with the time that the build takes

Rows = Sequence[tuple[str, Sequence[Diagram]]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """The dashboard after the demo's own invocations."""
    try:
        program()
    except NotHereError as error:
        pytest.skip(str(error))
    requests = asyncio.run(metrics_of(steps_of_the_demo()))
    return drawn(requests, over=span_of(requests))


def values(rows: Rows, title: str) -> dict[str, float]:
    """Return the highest value of each series of a panel."""
    [diagram] = [each for _, diagrams in rows for each in diagrams if each.title == title]
    return {legend: max(value for _, value in each.points) for legend, each in diagram.series}


def test_every_panel_has_data(rows: Rows) -> None:
    """Each of its queries, after seven invocations."""
    panels = [each for each in grafana()["panels"] if each["type"] != "row"]
    asked = {each["title"]: len(each["targets"]) for each in panels}
    answered = {each.title: len(each.series) for _, diagrams in rows for each in diagrams}
    assert asked.keys() == answered.keys()
    assert {title for title, number in asked.items() if answered[title] < number} == set()


def test_the_panels_say_what_happened(rows: Rows) -> None:
    """One invocation of the demo fails, one times out, and two are cold."""
    ended = values(rows, "Invocations")
    assert (ended["failed"], ended["timed out"]) == (1, 1)
    assert values(rows, "Lost") == {"greeter": 0, "by the platform": 0}
    assert {"HIT", "MISS"} <= values(rows, "GETs").keys()
    assert 0 < values(rows, "Memory of the limit")["p99"] <= 1


def test_the_picture_is_one_of_the_dashboard() -> None:
    """With each panel, in its order; `python -m tests.dashboards.picture` draws it again."""
    text = PICTURE.read_text()
    ET.fromstring(text)
    titles = re.findall(r'class="(?:title|heading)"[^>]*>([^<]+)<', text)
    assert titles == [each["title"] for each in grafana()["panels"]]


def test_a_line_is_where_its_values_are() -> None:
    """Time goes to the right, values go up, and the highest one is the scale."""
    series = Series({}, [(0, 0), (5_000, 2048), (10_000, 1024)])
    text = draw([("Row", [Diagram("a < b", "bytes", [("x", series)])])], over=Span(0, 10, 1))
    [line] = [each for each in ET.fromstring(text).iter() if each.tag.endswith("polyline")]
    places = [tuple(map(float, each.split(","))) for each in line.attrib["points"].split()]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    bottom, top, middle = (y for _, y in places)
    assert middle == (top + bottom) / 2
    assert top < bottom
    assert ">2 KiB<" in text
    assert "a &lt; b" in text
