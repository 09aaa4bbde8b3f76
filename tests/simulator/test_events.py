"""Records of printed lines in the JSON format: whatever a function prints becomes an event."""

from __future__ import annotations

import json

import pytest

from simulator.telemetry.events import Event, log_record


def event(line: str) -> dict[str, object]:
    """What a subscriber gets of a line."""
    record = log_record(line, log_format="JSON", time_ns=0, request_id="r1")
    written = Event(time_ns=0, type="function", record=record, text=line).to_json("2025-01-29")
    parsed: dict[str, object] = json.loads(written)
    return parsed


def test_an_object_is_passed_on() -> None:
    """A line that is a JSON object is the record."""
    assert event('{"a": [1]}')["record"] == {"a": [1]}


@pytest.mark.parametrize("line", ["text", "[1]", "{", '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_what_is_no_object_is_wrapped(line: str) -> None:
    """So is an object that is nested too deeply to be read."""
    assert event(f"{line}\n")["record"] == {
        "timestamp": "1970-01-01T00:00:00.000Z",
        "level": "INFO",
        "message": line,
        "requestId": "r1",
    }


def test_an_object_that_can_just_be_read_comes_as_text() -> None:
    """Where the stack is deeper than it was at reading, the line stands for the record."""
    line = '{"a":' * 100_000 + "1" + "}" * 100_000
    record: object = 1
    for _ in range(100_000):
        record = {"a": record}
    assert isinstance(record, dict)
    written = Event(time_ns=0, type="function", record=record, text=line).to_json("2025-01-29")
    assert json.loads(written)["record"] == line


def test_half_a_surrogate_pair_stays_an_escape() -> None:
    """JSON allows it, UTF-8 does not: the event holds it as the line did."""
    line = r'{"a": "\ud83d"}'
    record = log_record(line, log_format="JSON", time_ns=0, request_id="")
    written = Event(time_ns=0, type="function", record=record, text=line).to_json("2025-01-29")
    assert rb'{"a":"\ud83d"}' in written
