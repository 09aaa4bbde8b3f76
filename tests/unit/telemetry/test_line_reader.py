"""Lines of one sandbox: ours left out, those of other extensions kept."""

from __future__ import annotations

from extension.redaction.redactor import Redactor
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.line_reader import LineReader
from tests.platform_events import ns

OURS = LogLine(ns(1), "extension", '{"extension": "lambda-dispatch", "level": "INFO"}\n')
THEIRS = LogLine(ns(1), "extension", "another extension\n")
FUNCTION = LogLine(ns(1), "function", "paid\n")


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
