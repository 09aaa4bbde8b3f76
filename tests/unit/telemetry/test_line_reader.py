"""Lines of one sandbox: ours left out, those of other extensions kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest

from extension.redaction.redactor import Redacted, Redactor
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.line_reader import LineReader
from tests.platform_events import iso, ns

OURS = LogLine(ns(1), "extension", '{"extension": "lambda-dispatch", "level": "INFO"}\n')
THEIRS = LogLine(ns(1), "extension", "another extension\n")
FUNCTION = LogLine(ns(1), "function", "paid\n")
SECRET = "tr0ub4dor&3-correct-horse"


def test_our_own_lines_do_not_go_round() -> None:
    """Whatever stands beside them."""
    reader = LineReader(Redactor())
    for lines, bodies in (
        ([OURS], []),
        ([OURS, FUNCTION, THEIRS, OURS], ["paid", "another extension"]),
        ([THEIRS], ["another extension"]),
        ([FUNCTION, FUNCTION], ["paid", "paid"]),
    ):
        records = reader.read(lines, knows=lambda _: None)
        assert [record.body for record in records] == bodies
        streams = [line.stream for line in lines if line is not OURS]
        assert [record.stream for record in records] == streams


class Searching:
    """Has secrets to look for, and keeps the texts that are searched for them."""

    is_idle = False

    def __init__(self) -> None:
        self.searched: list[str] = []

    def redact(self, text: str) -> Redacted:
        """Find nothing."""
        return Redacted(text)

    def suspects(self, texts: Sequence[str]) -> Collection[int]:
        """Keep the texts."""
        self.searched += texts
        return ()


@pytest.mark.parametrize(
    "text",
    [
        "paid\n", "C:\\temp \\u0041\n", '{"message": "paid", "order": "a7"}\n',
        '{"message": "a\\nb \\u00e4 \\"c\\"", "order\\t": "a\\\\b"}\n',
        '{"message": "paid", "order": {"of": ["a\\nb"]}}\n', "level=info msg=\"a\\tb\" n=7\n",
        f"[INFO]\t{iso(1)}\t\tpaid\n", {"message": "paid", "order": "a7"},
    ],
)  # fmt: skip
def test_what_leaves_was_searched(text: Any) -> None:
    """Each text of a record stands in what was searched, as it leaves."""
    redaction = Searching()
    line = LogLine(ns(1), "function", text)
    [record] = LineReader(redaction).read([line], knows=lambda _: None)
    [searched] = redaction.searched
    told = [each for each in record.attributes.values() if isinstance(each, str)]
    for each in (record.body, record.severity_text, *record.attributes, *told):
        assert each in searched


@pytest.mark.parametrize(
    "record",
    [
        {"level": "ERROR", "message": "failed", "err": {"type": "E", "message": f"x {SECRET}"}},
        {"level": "ERROR", "message": "failed", "stack": f"E: {SECRET}\n    at f (a.js:1)"},
        {"level": f"{SECRET} {SECRET} {SECRET}", "message": "failed"},
        f"[ERROR] KeyError: {SECRET}\nTraceback (most recent call last):\n  a",
    ],
)
def test_a_secret_in_an_exception_or_a_level_is_taken_out(record: Any) -> None:
    """Though neither is a part of the text or an attribute."""
    redactor = Redactor()
    redactor.learn("key", SECRET)
    usual = LogLine(ns(1), "function", "paid\n")
    lines = [usual, LogLine(ns(1), "function", record), usual]
    records = LineReader(redactor).read(lines, knows=lambda _: None)
    assert [each.leaks for each in records] == [(), ("key",), ()]
    assert SECRET not in repr(records[1])


@pytest.mark.parametrize("secret", ["", SECRET])
def test_what_calls_itself_a_level_is_short(secret: str) -> None:
    """Whether or not there is a secret to look for."""
    redactor = Redactor()
    if secret:
        redactor.learn("key", secret)
    line = LogLine(ns(1), "function", f"[{'L' * 99}]\t{iso(1)}\t\tpaid\n")
    [record] = LineReader(redactor).read([line], knows=lambda _: None)
    assert (record.severity_text, record.body) == ("L" * 32, "paid")
