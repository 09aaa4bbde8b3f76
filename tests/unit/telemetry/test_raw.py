"""The JSON format: what leaves is the platform's events, as JSON that everybody can read."""

from __future__ import annotations

import json
from typing import NoReturn

import pytest

from extension.redaction.redactor import Redactor
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
    [request] = RawEncoder(redact=Redactor().redact).encode_events(batch.items)
    [event] = strict(request.body)
    assert event == json.loads(line.replace(number, f'"{number}"'))


def test_a_number_that_is_not_finite_is_never_written() -> None:
    """Whatever way it took past the reader: what no parser takes does not leave."""
    events = [{"type": "function", "record": {"n": float("inf")}}]
    [request] = RawEncoder(redact=Redactor().redact).encode_events(events)
    assert strict(request.body) == [{"type": "function", "record": {"n": "inf"}}]
