"""What a line says: the managed runtimes' forms, and an exception that left the handler."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.reading.columns import in_columns
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import LogLine, Stream
from extension.telemetry.reading.records import (
    Record,
    is_own,
    read_record,
    size,
)
from tests.platform_events import ns

REQUEST = "8286a188-ba32-4475-8077-530cd35c09a9"


def read(text: Any, *, stream: Stream = "function") -> Record:
    """Read one line taken at noon."""
    return read_record(LogLine(time_ns=ns(0), stream=stream, record=text))


def test_a_plain_line_is_a_body() -> None:
    """A print is a body without severity, without its line end."""
    assert read("hello\n") == Record(
        time_ns=ns(0), observed_ns=ns(0), stream="function", body="hello"
    )


def test_python_text() -> None:
    """Python's logging: level, time, request id, message, which may have several lines."""
    record = read(f"[WARNING]\t2026-01-01T12:00:00.250Z\t{REQUEST}\tlow\n  on fuel\n")
    assert (record.severity, record.severity_text) == (13, "WARNING")
    assert (record.time_ns, record.observed_ns) == (ns(0.25), ns(0))
    assert (record.request_id, record.body) == (REQUEST, "low\n  on fuel")


def test_python_text_outside_an_invocation() -> None:
    """During init there is no request id."""
    record = read("[INFO]\t2026-01-01T12:00:00.250Z\t\tloading\n")
    assert (record.request_id, record.body, record.severity) == ("", "loading", 9)


def test_node_text() -> None:
    """Node's console: time, request id, level, message."""
    record = read(f"2026-01-01T12:00:00.250Z\t{REQUEST}\tERROR\tno such user\n")
    assert (record.severity, record.request_id, record.body) == (17, REQUEST, "no such user")
    assert record.error is None


@pytest.mark.parametrize("as_text", [True, False])
def test_json(*, as_text: bool) -> None:
    """A JSON line, as text or as the object of the JSON log format; the rest are attributes."""
    fields = {"timestamp": "2026-01-01T12:00:00.250Z", "level": "INFO", "requestId": REQUEST,
            "message": "paid", "order": 42, "items": ["a"]}  # fmt: skip
    record = read(json.dumps(fields) + "\n" if as_text else fields)
    assert (record.severity, record.request_id, record.body) == (9, REQUEST, "paid")
    assert record.time_ns == ns(0.25)
    assert record.attributes == {"requestId": REQUEST, "order": 42, "items": ["a"]}


def test_the_id_of_a_request_that_is_known_is_no_attribute() -> None:
    """The record has it under another name."""
    line = LogLine(time_ns=ns(0), stream="function", record={"message": "x", "requestId": REQUEST})
    assert read_record(line, knows=REQUEST.__eq__).attributes == {}


@pytest.mark.parametrize(
    ("fields", "body", "severity"),
    [
        ({"msg": "hello", "severity": "debug"}, "hello", 5),
        ({"message": "hello", "log_level": "CRITICAL"}, "hello", 21),
        ({"message": {"a": 1}, "level": "FATAL"}, '{"a": 1}', 21),
        ({"message": None, "level": 30}, '{"message": null, "level": 30}', 9),
        ({"order": 42}, '{"order": 42}', 0),
    ],
)
def test_json_of_other_loggers(fields: dict[str, Any], body: str, severity: int) -> None:
    """The usual names of message and level are known; without a message the JSON is the body."""
    record = read(fields)
    assert (record.body, record.severity) == (body, severity)


def test_half_characters_inside_a_line_do_not_survive() -> None:
    """A JSON line spells what its delivery does not: no encoder could send it."""
    record = read('{"message": "a\\ud800b", "\\udc00": ["\\ud800"]}\n')
    assert (record.body, record.attributes) == ("a?b", {"?": ["?"]})


@pytest.mark.parametrize("text", ["{not json", "{'a': 1}", "[1, 2]", "\t\t\t", "[ERROR]", ""])
def test_what_looks_like_a_form_but_is_none_is_a_body(text: str) -> None:
    """Nothing raises, nothing is lost."""
    assert read(text).body == text


def test_a_time_without_fraction_does_not_replace_the_platforms() -> None:
    """Python's JSON log has whole seconds, which would tear the order of lines."""
    assert read({"message": "x", "timestamp": "2026-01-01T12:00:09Z"}).time_ns == ns(0)


def test_python_exception_that_left_the_handler() -> None:
    """The runtime's own report, with the line ends and indents it uses to keep it one event."""
    text = (
        "[ERROR] KeyError: 'user'\rTraceback (most recent call last):\r"
        '\u00a0\u00a0File "/var/task/app.py", line 5, in handler\r\u00a0\u00a0\u00a0\u00a0raise\n'
    )
    record = read(text)
    assert record.severity == 17
    assert record.error == HandlerError(
        type="KeyError",
        message="'user'",
        stack='Traceback (most recent call last):\n  File "/var/task/app.py", line 5, in handler\n'
        "    raise",
    )


def test_python_exception_without_a_message() -> None:
    """`raise ValueError` has a type alone."""
    record = read("[ERROR] ValueError\nTraceback (most recent call last):\n  File …\n")
    assert record.error is not None
    assert (record.error.type, record.error.message) == ("ValueError", "")


def test_python_exception_in_the_json_log_format() -> None:
    """The runtime's JSON report has type, message and stack, and no message of a logger."""
    record = read(
        {
            "timestamp": "2026-01-01T12:00:00Z",
            "level": "ERROR",
            "errorMessage": "boom",
            "errorType": "ValueError",
            "requestId": REQUEST,
            "stackTrace": ["  File a\n", "  File b\n"],
        }
    )
    assert record.error == HandlerError(
        type="ValueError", message="boom", stack="  File a\n  File b"
    )
    assert record.body == "ValueError: boom"


def test_node_exception_that_left_the_handler() -> None:
    """Node reports an `Invoke Error` with the error as JSON."""
    fields = {"errorType": "TypeError", "errorMessage": "x", "stack": ["TypeError: x", "    at f"]}
    record = read(
        f"2026-01-01T12:00:00.250Z\t{REQUEST}\tERROR\tInvoke Error \t{json.dumps(fields)}\n"
    )
    assert record.error == HandlerError(
        type="TypeError", message="x", stack="TypeError: x\n    at f"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"[ERROR]\t2026-01-01T12:00:00.250Z\t{REQUEST}\tfailed\nTraceback (most recent call last):",
        f"2026-01-01T12:00:00.250Z\t{REQUEST}\tERROR\tTypeError: x\n    at f",
        {"level": "ERROR", "message": "handled", "errorType": "ValueError", "stackTrace": ["x"]},
        "[ERROR] something the user printed",
    ],
)
def test_an_error_the_function_logged_itself_is_no_failure(text: Any) -> None:
    """A handler that logs an exception and goes on has not failed."""
    assert read(text).evidence == ""


@pytest.mark.parametrize(
    ("stream", "record", "own"),
    [
        ("extension", '{"extension": "lambda-dispatch", "level": "INFO"}\n', True),
        ("extension", {"extension": "lambda-dispatch", "level": "INFO"}, True),
        ("extension", "another extension\n", False),
        ("function", '{"extension": "lambda-dispatch"}', False),
    ],
)
def test_own_lines_are_recognised(stream: Stream, record: Any, *, own: bool) -> None:
    """Our own lines come back on the extension stream and must not go round."""
    assert is_own(stream, record) is own


@pytest.mark.parametrize(
    ("record", "expected"),
    [("", 64), ("paid", 68), ({"message": "paid", "order": 12345, "of": "a"}, 64 + 4 + 10 + 3)],
)
def test_a_record_holds_its_texts(record: Any, expected: int) -> None:
    """Body, keys and values, and something for itself."""
    assert size(read(record)) == expected


def test_an_attribute_without_a_name_is_no_request_id() -> None:
    """The id stood in an object, so no attribute is left out for it."""
    fields = {"message": "x", "contextMap": {"AWSRequestId": REQUEST}, "": 1}
    line = LogLine(time_ns=ns(0), stream="function", record=fields)
    record = read_record(line, knows=REQUEST.__eq__)
    assert (record.request_id, record.attributes) == (
        REQUEST, {"contextMap": {"AWSRequestId": REQUEST}, "": 1}
    )  # fmt: skip


def test_a_record_in_the_place_of_another_is_there_alone() -> None:
    """Also where the other one was more than a line: with an exception, for instance."""
    plain = Record(time_ns=1, observed_ns=1, stream="function", body="paid")
    other = plain._replace(stream="extension", body="failed")
    for first, second in ((other, plain), (plain, other)):
        records = in_columns([plain, first, plain])
        records.put(1, second)
        assert [*records] == [plain, second, plain]
