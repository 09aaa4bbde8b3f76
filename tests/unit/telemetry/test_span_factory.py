"""One span: what it says, and which events it has."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace.status import StatusCode

from extension.telemetry.assembly.finished import TimedError
from extension.telemetry.assembly.verdict import Verdict
from extension.telemetry.health import Health
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.requests import SpanWithLines
from extension.telemetry.otlp.span_factory import SpanFactory
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import SpanLink, TraceContext

CONTEXT = TraceContext(trace_id=1, span_id=2, parent_span_id=3)
LINE = Record(time_ns=5, observed_ns=5, stream="function", body="b")


def factory(*, with_records: bool = True, repeat: bool = False) -> SpanFactory:
    """Return a factory of spans with short texts."""
    return SpanFactory(
        with_records=with_records, repeat_exceptions=repeat, limits=Limits(length=3),
        health=Health(),
    )  # fmt: skip


def span(made: SpanFactory | None = None, **given: Any) -> SpanWithLines:
    """Return a span."""
    usual: dict[str, Any] = {"name": "n", "start_ns": 1, "end_ns": 2, "attributes": {}}
    return (made or factory()).span(CONTEXT, **usual | given)


def test_attributes_without_a_value_are_left_out() -> None:
    """Zero and false are values."""
    attributes = {"a": "", "b": None, "c": 0, "d": False, "e": "text"}
    assert dict(span(attributes=attributes).attributes or {}) == {"c": 0, "d": False, "e": "tex"}


@pytest.mark.parametrize(
    ("verdict", "code", "description"),
    [
        (None, StatusCode.UNSET, None),
        (Verdict(description="fine"), StatusCode.UNSET, None),
        (Verdict(failed=True, description="broken"), StatusCode.ERROR, "bro"),
    ],
)
def test_the_status_is_the_verdict(
    verdict: Verdict | None, code: StatusCode, description: str | None
) -> None:
    """Its description is within the limits, too; without a failure there is none."""
    status = span(verdict=verdict).status
    assert (status.status_code, status.description) == (code, description)


@pytest.mark.parametrize("is_remote", [True, False])
def test_a_parent_is_local_unless_it_is_said(is_remote: bool) -> None:
    """Most spans are children of our own."""
    parent = span(has_remote_parent=is_remote).parent
    assert parent is not None
    assert parent.is_remote is is_remote
    plain = span().parent
    assert plain is not None
    assert not plain.is_remote


@pytest.mark.parametrize(("with_records", "has_lines"), [(True, True), (False, False)])
def test_lines_are_events_where_they_are_no_records(with_records: bool, has_lines: bool) -> None:
    """They are encoded with the span."""
    made = factory(with_records=with_records)
    assert bool(span(made, lines=[LINE]).lines) is has_lines
    assert span(made).lines == b""


def test_links_of_others_come_after_its_own() -> None:
    """All in one list."""
    links = span(more_links=[SpanLink(trace_id=7, span_id=8)]).links
    assert [each.context.trace_id for each in links] == [7]


ERROR = TimedError(time_ns=9, error=HandlerError(type="E", message="m", stack=""))
WITHOUT_LINE = TimedError(time_ns=9, error=ERROR.error, has_record=False)


@pytest.mark.parametrize(
    ("with_records", "repeat", "error", "events"),
    [
        (True, False, ERROR, 1),
        (False, False, ERROR, 0),
        (False, True, ERROR, 1),
        (False, False, WITHOUT_LINE, 1),
        (True, False, None, 0),
        (False, True, None, 0),
    ],
)
def test_an_exception_is_told_once(
    with_records: bool, repeat: bool, error: TimedError | None, events: int
) -> None:
    """By its record where it has one, unless the user wants both; what was dropped is counted."""
    found = factory(with_records=with_records, repeat=repeat).events(dropped=4, error=error)
    assert len(found) == events
    assert found.dropped == 4  # type: ignore[attr-defined]
    assert [(each.name, each.timestamp) for each in found] == [("exception", 9)] * events
