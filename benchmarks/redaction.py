"""What it costs to look for secrets in a log line."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from benchmarks.rows import Row, bounded, take_turns
from extension.redaction.redactor import Redactor

TURNS = 9
LINES = 2_000
VALUES = 100
LINE = ("INFO the quick brown fox orders seventeen items from the shop around the corner " * 3)[
    :200
]

AT_MOST_US = 20


def rows() -> Iterator[Row]:
    """Measure a line without secrets, which nearly all are, beside searching for one word."""
    redactor = Redactor()
    for number in range(VALUES):
        redactor.learn(f"secret-{number}", secrets.token_urlsafe(24))
    turns = take_turns(
        {
            "ours": lambda: _us_a_line(redactor.redact),
            "one word": lambda: _us_a_line(lambda line: line.find("password")),
        },
        turns=TURNS,
    )
    yield bounded(
        f"redaction of a line of {len(LINE)} bytes, {VALUES} secrets",
        turns["ours"],
        turns["one word"],
        unit="µs",
        reference="str.find of one word",
        at_most=AT_MOST_US,
    )


def _us_a_line(work: object) -> float:
    assert callable(work)
    began_s = time.perf_counter()
    for _ in range(LINES):
        work(LINE)
    return (time.perf_counter() - began_s) / LINES * 1e6
