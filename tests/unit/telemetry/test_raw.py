"""The JSON format: what leaves is the platform's events, as JSON that everybody can read."""

from __future__ import annotations

import json
from typing import NoReturn

import pytest

from extension.redaction.redactor import Redactor
from extension.telemetry.export.buffer import REQUEST_BYTES
from extension.telemetry.health import Health
from extension.telemetry.raw import RawEncoder
from extension.telemetry.reading.decode import parse
from tests import platform_events as given


def strict(body: bytes) -> list[object]:
    """Read the events of a request as a parser does that keeps to RFC 8259."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    events: list[object] = json.loads(b"[" + body + b"]", parse_constant=refuse)
    return events


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("form", ["%s", '{"n": %s}', '{"n": [1.5, {"deep": %s}]}'])
def test_a_number_that_is_not_finite_leaves_as_text(number: str, form: str) -> None:
    """JSON has no way to write it, and one such number would make a whole POST unreadable."""
    line = f'{{"time": "{given.iso(1)}", "type": "function", "record": {form % number}}}'
    batch = parse(f"[{line}]".encode())
    [request] = RawEncoder(Redactor(), health=Health()).encode_events(batch.items)
    [event] = strict(request.body)
    assert event == json.loads(line.replace(number, f'"{number}"'))


def test_a_number_that_is_not_finite_is_never_written() -> None:
    """Whatever way it took past the reader: what no parser takes does not leave."""
    events = [{"type": "function", "record": {"n": float("inf")}}]
    [request] = RawEncoder(Redactor(), health=Health()).encode_events(events)
    assert strict(request.body) == [{"type": "function", "record": {"n": "inf"}}]


def test_many_events_become_small_requests() -> None:
    """As many as fit are together, in their order; one that is too large is alone."""
    lines = ["x" * 1000] * 90 + ["y" * 50_000] + ["z"]
    events = [given.line(text, number) for number, text in enumerate(lines)]
    made = RawEncoder(Redactor(), health=Health()).encode_events(events)
    assert [event for each in made for event in strict(each.body)] == events
    assert sum(each.count for each in made) == len(events)
    assert [each.count for each in made if len(each.body) > REQUEST_BYTES] == [1]


def test_a_secret_in_any_part_of_an_event_does_not_leave() -> None:
    """In the text of a line, in its fields, in an event of the platform; each is counted."""
    secrets, health = Redactor(), Health()
    secrets.learn("key", "tr0ub4dor&3\n")
    lines = ["paid\n", "tr0ub4dor&3\n", {"a": ["tr0ub4dor&3\n"]}, "tr0ub4dor%263\n", "paid"]
    events = [given.line(text, number) for number, text in enumerate(lines)]
    odd = {**given.line("x", 9), "type": "tr0ub4dor&3\n"}
    [request] = RawEncoder(secrets, health=health).encode_events([*events, odd])
    assert b"tr0ub4dor" not in request.body
    assert request.body.count(b"[REDACTED:key]") == health.leaks == 4
