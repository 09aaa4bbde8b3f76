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
        (f'2026-01-01T12:00:00.250Z ERROR Lambda runtime invoke{{requestId="{REQUEST}"}}: no', 17,
         "no", REQUEST),
        ("SEVERE: no stock", 17, "no stock", ""),
        ("FINE: paid", 5, "paid", ""),
        ("2026/01/01 12:00:00 ERROR no stock order=7", 17, "no stock order=7", ""),
        ("2026/01/01 12:00:00 INFO+2 paid", 11, "paid", ""),
        ("2026/01/01 12:00:00 ERRORS: 3", 0, "ERRORS: 3", ""),
        ("2026/01/01 12:00:00 paid", 0, "paid", ""),
        ("2026/01/01 12:00:00.250000 paid", 0, "paid", ""),
        ("ERROR: no stock", 17, "no stock", ""),
        (f"2026-01-01T12:00:00.250Z\t{REQUEST}\tpaid\twell", 0, "paid\twell", REQUEST),
        (f"2026-01-01T12:00:00.250Z\t{REQUEST}\t[Warning] Shop.Orders: low", 13,
         "Shop.Orders: low", REQUEST),
        ("WARNING:shop:low", 13, "low", ""),
        ("2026-01-01T12:00:00.250Z\tinfo\tshop/main.go:3\tpaid\t{}", 9, "shop/main.go:3\tpaid\t{}",
         ""),
        ("2026-01-01T12:00:00.250+0000\tERROR\tno", 17, "no", ""),
        ("2026-01-01T12:00:00Z WRN low order=7", 13, "low order=7", ""),
        ("2026-01-01 12:00:00.2500|ERROR|Shop.Orders|no stock", 17, "Shop.Orders|no stock", ""),
        ("2026-01-01 12:00:00 [warning  ] low   order=7", 13, "low   order=7", ""),
        ("2026-01-01T12:00:00.250Z [ERROR]: no", 17, "no", ""),
        ("[2026-01-01T12:00:00Z WARN  shop::stock] low", 13, "low", ""),
        ("\x1b[2m2026-01-01T12:00:00.250Z\x1b[0m \x1b[33m WARN\x1b[0m \x1b[2mshop\x1b[0m: low", 13,
         "shop: low", ""),
        ("NOTICE\tlow\t{\"message\":\"low\",\"level\":\"NOTICE\",\"order\":7}", 10, "low", ""),
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
        "{}x", "T-shirt", "thread 'main' panicked at src/main.rs:1:2:", "time=money", "level=4",
        "level=info msg=a b",
        "2026-01-01 12:00:00 error rate is low", "2025-06-01T12:00:00Z ERROR of that day",
        "\x1b[1mbold\x1b[0m", "[2026-01-01T12:00:00Z] started",
        "[2025-06-01T12:00:00Z WARN  shop] low",
        "INFO:", "ERROR:a b:c", 'Cart\tpaid\t{"message":"low","level":"ERROR"}',
    ],
)  # fmt: skip
def test_any_other_line_is_a_text_without_severity(line: str) -> None:
    """Nothing is cut off, no level is guessed."""
    record = read(line + "\n")
    assert (record.severity, record.severity_text, record.body) == (0, "", line)


def test_times() -> None:
    """A fraction of the line's own time is kept, near the platform's."""
    assert read("2026/01/01 12:00:00.250000 paid").time_ns == ns(0.25)
    assert read("2026-01-01T12:00:00.250Z  WARN shop::stock: low").time_ns == ns(0.25)
    assert read("2026-01-01T12:00:00.250Z ERROR Lambda runtime invoke{}: no").time_ns == ns(0.25)
    assert read("I, [2026-01-01T12:00:00.250000 #8]  INFO -- : x").time_ns == ns(0.25)
    assert read("[INFO]\t2019-01-01T12:00:00.250Z\t\tx").time_ns == ns(0)


def test_the_class_that_logs_is_an_attribute() -> None:
    """In the layout that AWS gives for log4j2; JSON has the same name for it."""
    assert read(f"2026-01-01 12:00:00 {REQUEST} INFO  Shop - x\n").attributes == {"logger": "Shop"}


@pytest.mark.parametrize(
    ("line", "severity", "body", "attributes"),
    [
        ('time=2026-01-01T12:00:00.250Z level=ERROR msg="no stock" err="x=\\"1\\"" n=7', 17,
         "no stock", {"err": 'x="1"', "n": "7"}),  # slog
        ('time="2026-01-01T12:00:00Z" level=warning msg=low', 13, "low", {}),  # logrus
        ("level=info ts=2026-01-01T12:00:00.25Z caller=a.go:1 msg=paid empty=", 9, "paid",
         {"caller": "a.go:1", "empty": ""}),  # go-kit
        ('level=info msg="tab\\there \\x00 \\u00e9"', 9, "tab\there \x00 \u00e9", {}),
        ('level=info msg="cut', 0, 'level=info msg="cut', {}),
        ("level=gold msg=paid", 0, "paid", {"level": "gold"}),
        ("time=2026-01-01T12:00:00.250Z msg=paid", 0, "time=2026-01-01T12:00:00.250Z msg=paid", {}),
        ("time=2026-01-01T12:00:00.250Z is money", 0, "time=2026-01-01T12:00:00.250Z is money", {}),
    ],
)  # fmt: skip
def test_keys_and_values(line: str, severity: int, body: str, attributes: dict[str, str]) -> None:
    """The text form of slog, logrus and go-kit is read as their JSON is."""
    record = read(line)
    assert (record.severity, record.body, record.attributes) == (severity, body, attributes)


@pytest.mark.parametrize(
    ("rest", "body", "attributes"),
    [
        ("paid [] []", "paid", {}),
        ("paid", "paid", {}),
        ('paid {"order":7} []', "paid", {"order": 7}),
        ('paid {"order":7} {"url":"/"}', "paid", {"order": 7, "url": "/"}),
        ('a {b} {"order":7} ', "a {b}", {"order": 7}),
        ('paid {"order":7', 'paid {"order":7', {}),
        ('paid {"order":7} and more', 'paid {"order":7} and more', {}),
    ],
)
def test_lines_of_monolog(rest: str, body: str, attributes: dict[str, object]) -> None:
    """The context and what processors add stand behind the text as JSON."""
    record = read(f"[2026-01-01T12:00:00.250000+00:00] shop.WARNING: {rest}\n")
    assert (record.severity, record.body, record.time_ns) == (13, body, ns(0.25))
    assert record.attributes == {"channel": "shop", **attributes}


def test_an_exception_in_a_line_of_monolog() -> None:
    """PHP's exceptions are written into the context as a text."""
    told = "[object] (Shop\\\\OrderException(code: 0): no stock at /app/a.php:3)"
    line = f'[2026-01-01 12:00:00] shop.ERROR: failed {{"exception":"{told}"}} []'
    record = read(line)
    assert record.error is not None
    assert (record.error.type, record.error.message) == ("Shop\\OrderException", "no stock")
    assert record.error.stack == "/app/a.php:3"
    assert record.evidence == ""


@pytest.mark.parametrize(
    "line",
    [
        "[INFO]\t2019-01-01T12:00:00.250Z\t\tx",
        "2019-01-01T12:00:00.250Z\t\tINFO\tx",
        "I, [2019-01-01T12:00:00.250Z #8]  INFO -- : x",
    ],
)
def test_a_time_that_does_not_count_stays_an_attribute(line: str) -> None:
    """The runtime's form is certain, so only its time is doubted."""
    record = read(line)
    assert (record.severity, record.body, record.time_ns) == (9, "x", ns(0))
    assert record.attributes == {"time": "2019-01-01T12:00:00.250Z"}


def test_the_logger_of_a_level_in_front_is_an_attribute() -> None:
    """If it is named."""
    assert read("WARNING:shop:low").attributes == {"logger": "shop"}
    assert read("ERROR: no stock").attributes == {}
