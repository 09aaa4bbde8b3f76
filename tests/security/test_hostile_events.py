"""What a function may be brought to log: no line costs another one, a span, or the process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extension.telemetry.reading.decode import parse
from simulator.intake import Intake
from tests import platform_events as given
from tests.sandbox import Stage, running

TIME = given.iso(1)


def delivery(record: str) -> bytes:
    """Return a delivery of a line, whose record is JSON as it stands, and a runtimeDone."""
    line = f'{{"time": "{TIME}", "type": "function", "record": {record}}}'
    return f"[{line},{json.dumps(given.done('request', 2))}]".encode()


@pytest.mark.parametrize(
    "record",
    [
        '{"n": ' + "9" * 5000 + "}",
        '{"n": -' + "9" * 200_000 + "}",
        "[" * 3000 + "]" * 3000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 900 + '"\\ud800"' + "]" * 900,
        '{"\\udfff": "\\ud800"}',
        '{"n": 1e999, "m": NaN}',
        "{" + ",".join(f'"k{number}": 1' for number in range(100_000)) + "}",
        '"' + "\\u0000" * 40_000 + '"',
    ],
    ids=[
        "digits",
        "more digits",
        "lists",
        "objects",
        "deep half",
        "halves",
        "floats",
        "keys",
        "nul",
    ],
)
def test_one_record_costs_no_other(record: str) -> None:
    """The platform embeds JSON lines in its delivery: what is beside them is read all the same."""
    batch = parse(delivery(record))
    assert [type(event).__name__ for event in batch.events][-1] == "RuntimeDone"
    assert len(batch.events) + batch.bad == 2


@pytest.mark.parametrize("body", [b"", b"[", b"[[", b'["', b"]", b"[1,", b"{", b"[,]", b'[{"a":1}'])
def test_what_is_cut_off_is_counted(body: bytes) -> None:
    """A delivery that ends too early is bad, not an exception."""
    batch = parse(body)
    assert (len(batch.events), batch.bad > 0) == (0, True)


def spans(intake: Intake) -> list[str]:
    """Return the request ids of the invocations that arrived."""
    return [
        str(span.attributes["faas.invocation_id"]) for span in intake.spans if span.kind == "SERVER"
    ]


def assert_nothing_is_lost(stage: Stage, intake: Intake, *, invocations: int) -> None:
    """Every invocation arrived once, and no part of ours failed."""
    assert len(set(spans(intake))) == len(spans(intake)) == invocations
    assert stage.lost == {}


@pytest.mark.parametrize(
    "line",
    [
        {"time": "0001-01-01T00:00:00.0Z", "message": "the first year, .NET's default"},
        {"time": "9999-12-31T23:59:59.9-23:59", "message": "the last"},
        {"time": "0001-01-01T00:00:00.0+23:59", "message": "before the first"},
        {"level": "ERROR", "message": ": A\nA:" * 20_000 + "\n" * 100_000},
        "[ERROR] X: " + "\r" * 200_000,
        '{"n": ' + "9" * 5000 + "}",
        '{"a":' + "[" * 400 + "]" * 400 + "}",
        '{"a":' + "[" * 3000 + "]" * 3000 + "}",
    ],
    ids=["first", "last", "before", "Java", "Python", "digits", "nested", "deep"],
)
async def test_one_line_costs_no_invocation(tmp_path: Path, intake: Intake, line: object) -> None:
    """The span of the function that printed it arrives, as do those before and after it."""
    async with running(tmp_path, environment={"DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke({}, {"print": [line]}, {})
    assert [answer.status for answer in answers] == ["success"] * 3
    assert_nothing_is_lost(stage, intake, invocations=3)


async def test_a_flood_of_lines_costs_no_span(tmp_path: Path, intake: Intake) -> None:
    """Lines that together are larger than any buffer: the span arrives, with as many as fit."""
    async with running(tmp_path, environment={"DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke({"print": ["x" * 200_000] * 30}, {})
    assert [answer.status for answer in answers] == ["success"] * 2
    assert len(set(spans(intake))) == 2
    assert "dropped.too_large" not in stage.lost
