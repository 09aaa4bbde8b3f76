"""The JSON format: what leaves is the platform's events, as JSON that everybody can read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest

from extension.process.log import Log
from extension.process.waits import Budget
from extension.redaction.redactor import Redactor
from extension.telemetry.export.buffer import REQUEST_BYTES
from extension.telemetry.health import Health
from extension.telemetry.raw import RawEncoder, RawExporter
from extension.telemetry.reading.cut_lines import HIDDEN, LONGEST_PIECE, MARK
from extension.telemetry.reading.decode import parse
from tests import platform_events as given
from tests.doubles import LogLines, ManualClock


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
    more = {**given.line("x", 9), "more": "tr0ub4dor&3\n"}
    when = {**given.line("x", 9), "time": "tr0ub4dor&3\n"}
    [request] = RawEncoder(secrets, health=health).encode_events([*events, odd, more, when])
    assert b"tr0ub4dor" not in request.body
    assert request.body.count(b"[REDACTED:key]") == health.leaks == 6


def test_what_is_no_event_is_passed_on_too() -> None:
    """A platform may deliver anything, and nothing else would show what came."""
    odd = [7, "text", None, [1], {"type": 7}, {"record": "x"}, given.line("x", 1)]
    secrets = Redactor()
    alone = [given.line(7, 1)]
    [request] = RawEncoder(secrets, health=Health()).encode_events(alone)
    assert strict(request.body) == alone
    for _ in range(2):  # they are searched for secrets if there are any
        [request] = RawEncoder(secrets, health=Health()).encode_events(odd)
        assert strict(request.body) == odd
        secrets.learn("key", "tr0ub4dor&3")


def test_our_own_lines_do_not_leave() -> None:
    """Those of other extensions do, and so does a line of the function that looks like ours."""
    lines = LogLines()
    Log(clock=ManualClock(), sink=lines).info("hello")
    own = [given.line(text, 1, stream="extension") for text in lines.lines]
    others = [given.line("theirs", 1, stream="extension"), given.line(lines.lines[0], 2)]
    [request] = RawEncoder(Redactor(), health=Health()).encode_events([*own, *others])
    assert strict(request.body) == others


def test_a_secret_that_the_platform_cut_leaves_in_neither_half() -> None:
    """Whatever other events are between the pieces of the line."""
    pieces = ["x" * LONGEST_PIECE, "y" * HIDDEN + "end"]
    first, second = (given.line(text, number) for number, text in enumerate(pieces))
    between = given.start("r", 1)
    made = RawEncoder(Redactor(), health=Health()).encode_events([first, between, second])
    cut, other, rest = (event for each in made for event in strict(each.body))
    assert other == between
    assert [each["record"] for each in (cut, rest)] == [  # type: ignore[index]
        "x" * (LONGEST_PIECE - HIDDEN) + MARK,
        f"{MARK}end",
    ]


async def test_a_batch_is_one_array() -> None:
    """Of all requests in it, in their order."""
    posted: list[tuple[str, bytes, str]] = []

    class Recorder:
        async def send(
            self, signal: str, parts: Sequence[bytes], *, content_type: str, budget: Budget
        ) -> None:
            posted.append((signal, b"".join(parts), content_type))

    post: Any = Recorder()
    budget = Budget(1.0, clock=ManualClock())
    for bodies in ([b'{"a":1}', b'{"b":2},3', b"4"], [b"5"]):
        await RawExporter(post).export("events", bodies, budget=budget)
    assert posted == [
        ("events", b'[{"a":1},{"b":2},3,4]', "application/json"),
        ("events", b"[5]", "application/json"),
    ]


@pytest.mark.parametrize(("more", "requests"), [(0, 1), (1, 2)])
def test_a_request_is_as_large_as_an_endpoint_may_take(more: int, requests: int) -> None:
    """And one byte more makes it two."""
    events = [given.line("", number) for number in (1, 2)]
    size = len(json.dumps(events, separators=(",", ":"))) - 2
    events[0]["record"] = "x" * (32_768 - size + more)
    made = RawEncoder(Redactor(), health=Health()).encode_events(events)
    assert len(made) == requests
