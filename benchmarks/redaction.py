"""What it costs to look for secrets in a log line."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.rows import Row, bounded, take_turns
from extension.redaction.redactor import Redactor

TURNS = 9
LINES = 2_000
VALUES = 100
LINE = ("INFO the quick brown fox orders seventeen items from the shop around the corner " * 3)[
    :200
]

ESCAPED = (
    '{"level":"INFO","message":"order \\"17\\" taken\\nfor a customer","path":"\\/cart?a=1&b=2",'
    '"next":"https%3A%2F%2Fshop.example.com%2Fpay%3Fx%3D1","more":"{\\"a\\":1,\\"b\\":\\"x\\"}","who":"somebody"}'
)
"""JSON in JSON, and a URL: as many escapes as a line has that is full of them."""

AT_MOST_US = 20


def rows() -> Iterator[Row]:
    """Measure a line without secrets, which nearly all are, beside searching for one word."""
    redactor = Redactor()
    for number in range(VALUES):
        redactor.learn(f"secret-{number}", secrets.token_urlsafe(24))
    for line, kind in ((LINE, "a line"), (ESCAPED, "a line full of escapes")):
        turns = take_turns(
            {
                "ours": partial(_us_a_line, redactor.redact, line),
                "one word": partial(_us_a_line, lambda line: line.find("password"), line),
            },
            turns=TURNS,
        )
        yield bounded(
            f"redaction of {kind} of {len(line)} bytes, {VALUES} secrets",
            turns["ours"],
            turns["one word"],
            unit="µs",
            reference="str.find of one word",
            at_most=AT_MOST_US,
        )


def _us_a_line(work: Callable[[str], object], line: str) -> float:
    began_s = time.thread_time()
    for _ in range(LINES):
        work(line)
    return (time.thread_time() - began_s) / LINES * 1e6
