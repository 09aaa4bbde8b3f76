"""What nearly all lines cost: hardly a call of Python's for each, whatever the interpreter.

Lines are read, held, searched and written together. A call a line is what one more step for each
of them looks like; there is no telling that from times on a busy machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from types import FrameType

import pytest

from benchmarks import log_lines
from benchmarks.lines import put_together
from benchmarks.traffic import request_id
from tests.received import received

LINES = 2000
WRITE = log_lines.Writer()
PREFIX = f"[INFO]\t{log_lines.iso(0)}\t{log_lines.REQUEST}\t"
PATHS = f"{PREFIX}GET https://shop.example.com/orders/17?q=a from /var/task/app/orders.py\n"


def with_own_names(at_ms: float) -> str:
    """Return a line of JSON whose fields, and those in one of them, no other line has."""
    number = round(at_ms * 1000)
    counts = {f"{number}-{each}": each for each in range(3)}
    return json.dumps({"message": "x", f"field {number}": 1, f"counts {number}": counts}) + "\n"


def with_own_names_within(at_ms: float) -> str:
    """Return a line of JSON whose field has names of its own, as of users or orders."""
    number = round(at_ms * 1000)
    return (
        json.dumps({"message": "x", "counts": {f"{number}-{each}": 1 for each in range(3)}}) + "\n"
    )


REQUESTS = [request_id(number) for number in range(1, 9)]


def of_several_requests(at_ms: float) -> str:
    """Return a line of one of them, as several write at once on Managed Instances."""
    return WRITE.text(at_ms).replace(log_lines.REQUEST, REQUESTS[round(at_ms) % len(REQUESTS)])


def calls_per_line(
    write: Callable[[float], str], signal: str, *, known: int = 0, requests: Sequence[str] = ()
) -> float:
    """Return how many functions written in Python a line calls on its way to the buffer."""
    deliveries = [*log_lines.deliveries(write, lines=2 * LINES, a_delivery=LINES)]
    return asyncio.run(_calls(deliveries, signal, known, requests or [log_lines.REQUEST])) / LINES


async def _calls(deliveries: list[bytes], signal: str, known: int, requests: Sequence[str]) -> int:
    reader, buffer, health = put_together(signal, known=known, concurrent=len(requests) > 1)
    first, second = deliveries
    for body in (*map(log_lines.start, requests), first):
        await received(reader, body)
        reader.read_all()
    number = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal number
        number += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        await received(reader, second)
        reader.read_all()
    finally:
        sys.setprofile(before)
    for body in map(log_lines.done, requests):
        await received(reader, body)
    reader.read_all()
    assert buffer.count >= 2 * LINES / 1024
    assert not health.dropped
    assert not health.faults
    return number


@pytest.mark.parametrize(
    ("write", "signal", "known", "most"),
    [
        (WRITE.text, "logs", 0, 3),
        (WRITE.text, "logs", 20, 3),
        (WRITE.text, "traces", 0, 3),
        (WRITE.text, "events", 0, 1),
        (WRITE.json, "events", 0, 1),
        (WRITE.json, "logs", 0, 9),
        (WRITE.json, "traces", 0, 9),
        (lambda _: PATHS, "logs", 20, 3),
    ],
)
def test_a_line_costs_hardly_a_call(
    write: Callable[[float], str], signal: str, known: int, most: int
) -> None:
    """Of text and paths one or two, for its time; of JSON those for numbers and what is nested."""
    assert calls_per_line(write, signal, known=known) <= most


@pytest.mark.parametrize("signal", ["logs", "traces"])
def test_a_line_among_those_of_other_requests_costs_little_more(signal: str) -> None:
    """They are told apart together; each request's part of a step is a few lines."""
    assert calls_per_line(of_several_requests, signal, requests=REQUESTS) <= 6


@pytest.mark.parametrize(
    ("write", "signal", "most"),
    [
        (with_own_names, "logs", 60),
        (with_own_names, "traces", 55),
        (with_own_names_within, "logs", 20),
    ],
)
def test_names_that_no_other_line_has_are_written_line_by_line(
    write: Callable[[float], str], signal: str, most: int
) -> None:
    """A column with one value would cost three times what the value costs alone."""
    assert calls_per_line(write, signal) <= most
