"""Log lines as events of a span, in bytes."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from extension.telemetry.assembly.finished import TimedError
from extension.telemetry.health import Health
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.span_events import LineEvents, exception_event
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.records import Record

ERROR = HandlerError(type="E", message="m", stack="s")


def line(body: Any = "b", **more: Any) -> Record:
    """Return a line."""
    return Record(**{"time_ns": 5, "observed_ns": 6, "stream": "function", "body": body, **more})


def events(*records: Record, limits: Limits | None = None) -> list[dict[str, Any]]:
    """Return the attributes of events, in their order."""
    encoded = LineEvents(limits or Limits(), health=Health()).encode(records)
    found = Span.FromString(encoded).events
    assert all((each.name, each.time_unix_nano) == ("log", 5) for each in found)
    return [{each.key: value_of(each.value) for each in of.attributes} for of in found]


def value_of(value: Any) -> Any:
    """Return an attribute's value."""
    return getattr(value, value.WhichOneof("value"))


def test_a_line_has_its_text_and_its_level() -> None:
    """One without a level has none, and an empty one is an event, too."""
    assert events(line("ü"), line("x" * 300, severity_text="WARN"), line("")) == [
        {"log.message": "ü"},
        {"log.message": "x" * 300, "log.severity": "WARN"},
        {"log.message": ""},
    ]


def test_further_levels_of_loggers() -> None:
    """Whatever they call them: as many times as they come."""
    texts = [f"L{number}" for number in range(40)] * 2
    assert [
        each["log.severity"] for each in events(*(line(severity_text=t) for t in texts))
    ] == texts


@pytest.mark.parametrize(
    ("record", "attributes"),
    [
        (line(attributes={"a": 1}), {"log.message": "b", "a": 1}),
        (line(attributes={"a": {"b": [1]}}), {"log.message": "b", "a": '{"b": [1]}'}),
        (line(stream="extension"), {"log.message": "b", "lambda_dispatch.log.source": "extension"}),
        (
            line(attributes={"a": 1}, severity_text="INFO"),
            {"log.message": "b", "log.severity": "INFO", "a": 1},
        ),
        (
            line(error=ERROR),
            {
                "log.message": "b",
                "exception.type": "E",
                "exception.message": "m",
                "exception.stacktrace": "s",
            },
        ),
        (line(error=ERROR, evidence="runtime"), {"log.message": "b"}),
    ],
)
def test_a_line_with_more_to_say(record: Record, attributes: dict[str, Any]) -> None:
    """Its fields, whose it is, and an exception that did not leave the handler."""
    assert events(record) == [attributes]


@pytest.mark.parametrize(
    ("limits", "attributes"),
    [
        (Limits(length=3), {"log.message": "abc", "log.severity": "WAR"}),
        (Limits(length=4), {"log.message": "abcd", "log.severity": "WARN"}),
        (Limits(count=1), {"log.message": "abcd"}),
        (Limits(count=2), {"log.message": "abcd", "log.severity": "WARN"}),
    ],
)
def test_limits_hold_for_lines(limits: Limits, attributes: dict[str, str]) -> None:
    """For the plainest one, too."""
    assert events(line("abcd", severity_text="WARN"), limits=limits) == [attributes]


def test_a_line_that_cannot_be_encoded_is_counted() -> None:
    """Those around it stay in their order."""
    health = Health()
    encoded = LineEvents(Limits(), health=health).encode([line("a"), line(object()), line("c")])
    texts = [each.attributes[0].value.string_value for each in Span.FromString(encoded).events]
    assert texts == ["a", "c"]
    assert health.dropped == {"unencodable": 1}
    assert list(health.faults.values()) == [1]


def test_what_left_the_handler_is_an_event_of_its_own() -> None:
    """With the name of the conventions, and within the limits."""
    event = exception_event(TimedError(time_ns=9, error=ERROR), limits=Limits(count=2))
    assert (event.name, event.timestamp) == ("exception", 9)
    assert dict(event.attributes or {}) == {"exception.type": "E", "exception.message": "m"}
