"""Which records are wanted."""

from __future__ import annotations

import pytest

from extension.telemetry.reading.columns import in_columns
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.reading.records import Record, read_record


def record(body: str, *, level: str = "") -> Record:
    """Return a record."""
    text = {"message": body, "level": level}
    return read_record(LogLine(time_ns=0, stream="function", record=text))


def test_without_wishes_everything_is_kept() -> None:
    """No filter refuses nothing."""
    assert RecordFilter().refuses(record("x", level="TRACE")) is None


@pytest.mark.parametrize(
    ("level", "refused"),
    [
        ("TRACE", True),
        ("DEBUG", True),
        ("INFO", True),
        ("WARNING", False),
        ("ERROR", False),
        ("", False),
    ],
)
def test_severity(level: str, *, refused: bool) -> None:
    """Below the least severity a record is refused; one without severity is kept."""
    reason = RecordFilter(min_level="WARN").refuses(record("x", level=level))
    assert reason == ("severity" if refused else None)


@pytest.mark.parametrize("body", ["", " ", "\t\n"])
def test_empty_lines_do_not_leave(body: str) -> None:
    """They say nothing, and back ends bill them."""
    line = LogLine(time_ns=0, stream="function", record=body)
    assert RecordFilter().refuses(read_record(line)) == "empty"


def test_the_text_that_is_looked_at_is_the_one_that_is_exported() -> None:
    """Under whichever name the logger has it."""
    line = LogLine(time_ns=0, stream="function", record={"event": "health check", "level": "info"})
    assert RecordFilter(exclude="^health").refuses(read_record(line)) == "excluded"


def test_exclude() -> None:
    """What the expression is found in, anywhere, is refused."""
    wanted = RecordFilter(exclude="health|ping")
    assert wanted.refuses(record("GET /ping")) == "excluded"
    assert wanted.refuses(record("GET /pay")) is None


def test_include() -> None:
    """What the expression is not found in is refused; exclusion goes first."""
    wanted = RecordFilter(include="^order", exclude="test")
    assert wanted.refuses(record("order 1")) is None
    assert wanted.refuses(record("an order")) == "not_included"
    assert wanted.refuses(record("order test")) == "excluded"


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_empty_ones_among_many(empty: str) -> None:
    """They are found by their places, whether or not anything else is filtered."""
    bodies = ["a", empty, "b b"]
    records = in_columns(
        Record(time_ns=0, observed_ns=0, stream="function", body=body) for body in bodies
    )
    for wanted in (RecordFilter(), RecordFilter(min_level="DEBUG"), RecordFilter(exclude="x")):
        assert wanted.refused(records) == {1: "empty"}
    assert RecordFilter(include="^a").refused(records) == {1: "empty", 2: "not_included"}
    assert RecordFilter().refused(in_columns([])) == {}
