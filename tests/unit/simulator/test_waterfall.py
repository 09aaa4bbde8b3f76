"""Waterfalls are readable: true bars, a tree, events beneath their span, never over 100 columns."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.demo.waterfall import WIDTH, Get, table_of_gets, waterfall
from simulator.intake.otlp import Event, Span
from simulator.report.axis import duration
from tests.arrived import arrived_span

MS = 1_000_000


def test_trace_is_a_tree_over_one_axis() -> None:
    """Siblings stand by time, children under their parent, bars where their time was."""
    spans = [
        _span("responseLatency", span_id="3", parent="2", start_ms=60, end_ms=80),
        _span("greeter", span_id="2", parent="9", start_ms=50, end_ms=90, kind="SERVER"),
        _span("extension overhead", span_id="4", parent="2", start_ms=90, end_ms=100),
        _span("init", span_id="1", parent="9", start_ms=0, end_ms=50),
    ]
    text = waterfall(spans, title="1 · cold start").plain
    heading, *lines = text.splitlines()
    assert heading.split("  ", 1)[0] == "1 · cold start"
    assert heading.endswith(" trace 5759e988bd862e3fe1be46a994272793")
    assert lines == [
        "                              0                                    100 ms",
        "  init                        █████████████████████▌                        50.0 ms 1",
        "  greeter                                          █████████████████▎       40.0 ms 2",
        "  ├─ responseLatency                                   ████████▋            20.0 ms 3",
        "  └─ extension overhead                                             ████▎   10.0 ms 4",
    ]


def test_log_lines_stand_beneath_their_span_in_order() -> None:
    """Events are listed by time since the trace began, in one line each."""
    events = (
        Event(
            name="log",
            time_ns=30 * MS,
            attributes={"log.severity": "INFO", "log.message": "se\x1b[2Jcond\nline\n", "a": 1},
        ),
        Event(name="log", time_ns=20 * MS, attributes={"log.message": "first"}),
        Event(
            name="exception",
            time_ns=40 * MS,
            attributes={"exception.type": "ValueError", "exception.message": "no"},
        ),
        Event(name="other", time_ns=41 * MS, attributes={"a": 1}),
    )
    text = waterfall([_span("greeter", events=events)], title="").plain
    assert [line.split(None, 2) for line in text.splitlines()[3:]] == [
        ["+20.0", "ms", "-     first"],
        ["+30.0", "ms", "INFO  se [2Jcond (+1 more) a=1"],
        ["+40.0", "ms", "ValueError: no"],
        ["+41.0", "ms", "other a=1"],
    ]


def test_error_says_why() -> None:
    """A span in error has a line with its type and message, and is red."""
    span = _span(
        "greeter", status="ERROR", status_message="it broke", attributes={"error.type": "timeout"}
    )
    text = waterfall([span], title="")
    assert "✗ timeout: it broke" in text.plain
    assert any(piece.style == "red" for piece in text.spans)


@pytest.mark.parametrize("length", [1, 26, 27, 28, 300])
def test_no_line_is_wider_than_the_terminal(length: int) -> None:
    """Long names, titles and messages are cut with an ellipsis, however deep the tree."""
    message = Event(name="log", time_ns=0, attributes={"log.message": "m" * length})
    spans = [
        _span(
            "s" * length,
            span_id=f"{depth:016x}",
            parent=f"{depth - 1:016x}",
            events=(message,),
            status="ERROR",
            status_message="e" * length,
        )
        for depth in range(1, 8)
    ]
    text = waterfall(spans, title="t" * length).plain
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert ("…" in text) == (length > 6)


@pytest.mark.parametrize(
    ("start_ms", "end_ms"), [(0, 0), (100, 100), (0, 100), (99.9, 100), (-5, 200)]
)
def test_every_span_has_a_visible_bar_on_the_axis(start_ms: float, end_ms: float) -> None:
    """A span of no length still shows, one at the very end too, and none leaves its column."""
    spans = [_span("whole"), _span("part", span_id="2", start_ms=start_ms, end_ms=end_ms)]
    line = next(line for line in waterfall(spans, title="").plain.splitlines() if "part" in line)
    bar = line[30:73]
    assert bar.strip(" ")
    assert set(bar) <= set(" ▏▎▍▌▋▊▉█")
    assert not set(line[:30] + line[73:]) & set("▏▎▍▌▋▊▉█")


def test_span_of_no_time_alone_is_drawn() -> None:
    """A trace that lasts zero nanoseconds does not divide by zero."""
    assert "greeter" in waterfall([_span("greeter", end_ms=0)], title="").plain


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0.00 ms"),
        (420_000, "0.42 ms"),
        (42_000_000, "42.0 ms"),
        (999_000_000, "999 ms"),
        (1_730_000_000, "1.73 s"),
        (61_000_000_000, "61.00 s"),
    ],
)
def test_duration_has_a_unit_for_people(ns: int, text: str) -> None:
    """Durations are milliseconds below a second, seconds from there on."""
    assert duration(ns) == text


def test_table_shows_what_each_get_cost() -> None:
    """The table has a row for every GET: invocation, name, X-Cache, time and AWS calls."""
    gets = [
        Get(invocation=1, name="/demo/greeting", cache="MISS", ms=12.34, aws_calls=1),
        Get(invocation=2, name="/demo/greeting", cache="HIT", ms=0.5, aws_calls=0),
    ]
    heading, *rows = [line.split() for line in table_of_gets(gets).plain.splitlines()]
    assert heading == ["GET", "X-Cache", "took", "AWS", "calls"]
    assert rows == [
        ["1", "/demo/greeting", "MISS", "12.3", "ms", "1"],
        ["2", "/demo/greeting", "HIT", "0.50", "ms", "0"],
    ]


def _span(
    name: str,
    *,
    span_id: str = "1",
    parent: str = "",
    start_ms: float = 0,
    end_ms: float = 100,
    **fields: Any,
) -> Span:
    return arrived_span(
        name,
        span_id=span_id,
        parent_span_id=parent,
        start_ns=round(start_ms * MS),
        end_ns=round(end_ms * MS),
        **fields,
    )
