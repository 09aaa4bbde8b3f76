"""Lines of text in the forms of runtimes and loggers."""

from __future__ import annotations

import pytest

from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.records import Record, read_record
from tests.platform_events import ns

REQUEST = "8286a188-ba32-4475-8077-530cd35c09a9"


def read(text: str) -> Record:
    """Read a line taken at noon."""
    return read_record(LogLine(time_ns=ns(0), stream="function", record=text))


@pytest.mark.parametrize(
    ("line", "severity", "body", "request_id"),
    [
        ("[WARN] stock is low", 13, "stock is low", ""),
        (f"2026-01-01 12:00:00 {REQUEST} INFO  Handler - paid\n", 9, "paid", REQUEST),
        (f"2026-01-01 12:00:00 {REQUEST} ERROR Handler - no\njava.lang.E: x\n\tat a.B\n", 17,
         "no\njava.lang.E: x\n\tat a.B", REQUEST),
        (f"E, [2026-01-01T12:00:00.250000 #8] ERROR {REQUEST} -- : boom", 17, "boom", REQUEST),
        ("W, [2026-01-01T12:00:00.250000 #8]  WARN -- shop: low", 13, "low", ""),
        (f' INFO Lambda runtime invoke{{requestId="{REQUEST}" xrayTraceId="R"}}: paid order=7',
         9, "paid order=7", REQUEST),
        ("ERROR Lambda runtime invoke{}: paid order=7", 17, "paid order=7", ""),
        ("2026-01-01T12:00:00.250Z  WARN shop::stock: low", 13, "shop::stock: low", ""),
        ("SEVERE: no stock", 17, "no stock", ""),
        ("FINE: paid", 5, "paid", ""),
        ("2026/01/01 12:00:00 ERROR no stock order=7", 17, "no stock order=7", ""),
        ("2026/01/01 12:00:00 INFO+2 paid", 11, "paid", ""),
        ("2026/01/01 12:00:00 ERRORS: 3", 0, "ERRORS: 3", ""),
        ("2026/01/01 12:00:00 paid", 0, "paid", ""),
        ("2026/01/01 12:00:00.250000 paid", 0, "paid", ""),
    ],
)  # fmt: skip
def test_forms(line: str, severity: int, body: str, request_id: str) -> None:
    """Level, text and request id of Java's, Ruby's, Rust's and Go's loggers."""
    record = read(line)
    assert (record.severity, record.body, record.request_id) == (severity, body, request_id)


@pytest.mark.parametrize(
    "line",
    [
        "[GET] /orders", "[INFO]no blank", "INFO paid", "SEVERE paid", "ERRORS: 3", "E, what?",
        "2019/01/01 12:00:00 an order of that day", "2026-01-01 was a Thursday", " a line", "{",
        "{}x", "T-shirt", "thread 'main' panicked at src/main.rs:1:2:",
    ],
)  # fmt: skip
def test_any_other_line_is_a_text_without_severity(line: str) -> None:
    """Nothing is cut off, no level is guessed."""
    record = read(line + "\n")
    assert (record.severity, record.severity_text, record.body) == (0, "", line)


def test_times() -> None:
    """A fraction of the line's own time is kept, near the platform's."""
    assert read("2026/01/01 12:00:00.250000 paid").time_ns == ns(0.25)
    assert read("I, [2026-01-01T12:00:00.250000 #8]  INFO -- : x").time_ns == ns(0.25)
    assert read("[INFO]\t2019-01-01T12:00:00.250Z\t\tx").time_ns == ns(0)


def test_the_class_that_logs_is_an_attribute() -> None:
    """In the layout that AWS gives for log4j2; JSON has the same name for it."""
    assert read(f"2026-01-01 12:00:00 {REQUEST} INFO  Shop - x\n").attributes == {"logger": "Shop"}
