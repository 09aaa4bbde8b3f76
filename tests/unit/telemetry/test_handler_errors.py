"""An exception that left the handler, in the words of each managed runtime."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.handler_errors import names_memory
from extension.telemetry.reading.records import read_record

REQUEST = "8286a188-ba32-4475-8077-530cd35c09a9"
TIME = "2026-01-01T12:00:00.250Z"


def error_in(record: Any) -> HandlerError | None:
    """Return the error that a line tells of."""
    return read_record(LogLine(time_ns=0, stream="function", record=record)).error


def test_java() -> None:
    """Java writes message and type, then the stack trace, at no level."""
    stack = (
        "java.lang.IllegalStateException: no stock\n"
        "\tat shop.Handler.handleRequest(Handler.java:12)\n\tat java.base/x"
    )
    text = f"no stock: java.lang.IllegalStateException\n{stack}\n"
    expected = HandlerError(type="java.lang.IllegalStateException", message="no stock", stack=stack)
    assert error_in(text) == expected
    fields = {
        "timestamp": TIME,
        "level": "ERROR",
        "AWSRequestId": REQUEST,
        "message": text.rstrip(),
    }
    assert error_in(fields) == expected


def test_ruby() -> None:
    """Ruby writes the error as indented JSON; its type is wrapped in the word Function."""
    fields = {
        "errorMessage": "no stock",
        "errorType": "Function<OutOfStock>",
        "stackTrace": ["a:1"],
    }
    expected = HandlerError(type="OutOfStock", message="no stock", stack="a:1")
    assert error_in(json.dumps(fields, indent=2) + "\n") == expected
    assert error_in(fields) == expected


def test_dotnet() -> None:
    """.NET writes the exception at the level `fail`, or `Error` in JSON."""
    body = "Shop.OutOfStockException: no stock\n   at Shop.Function.Handler() in /src/F.cs:line 9"
    expected = HandlerError(
        type="Shop.OutOfStockException",
        message="no stock",
        stack="   at Shop.Function.Handler() in /src/F.cs:line 9",
    )
    assert error_in(f"{TIME}\t{REQUEST}\tfail\t{body}\n") == expected
    assert error_in({"level": "Error", "requestId": REQUEST, "message": body}) == expected


def test_dotnet_without_the_indent_of_its_stack() -> None:
    """A line that says "at" is no frame: that names a method, with its parameters."""
    stack = "at Shop.F.<Run>d__0`1.MoveNext() in /src/F.cs:line 9\n   at Shop.G(String s)"
    for message in ("no stock", "none left\nat the warehouse (Berlin)"):
        body = f"Shop.OutOfStockException: {message}\n{stack}"
        expected = HandlerError(type="Shop.OutOfStockException", message=message, stack=stack)
        assert error_in(f"{TIME}\t{REQUEST}\tfail\t{body}\n") == expected


def test_node_json() -> None:
    """Node's JSON log format puts the error under the message."""
    error = {"errorType": "TypeError", "errorMessage": "x", "stackTrace": ["TypeError: x", " at f"]}
    fields = {"timestamp": TIME, "level": "ERROR", "requestId": REQUEST, "message": error}
    expected = HandlerError(type="TypeError", message="x", stack="TypeError: x\n at f")
    assert error_in(fields) == expected
    assert error_in({"log_level": "ERROR", "message": error}) == expected


@pytest.mark.parametrize(
    "record",
    [
        f"{TIME}\t{REQUEST}\tinfo\tA.BException: x\n   at A.B()",
        {"level": "INFO", "message": "x: java.lang.E\njava.lang.E: x\n\tat a"},
        "no stock: java.lang.IllegalStateException",
        {"errorType": "api", "errorMessage": "from another author"},
        {"message": {"errorType": "api"}, "logger": "app"},
        f"{TIME}\t{REQUEST}\tINFO\tInvoke Error \t{{}}",
        {"level": "INFO", "message": {"errorType": "E", "errorMessage": "x", "stackTrace": []}},
        {"errorType": "States.Timeout", "errorMessage": "downstream", "stackTrace": []},
        {"level": "INFO", "message": {"errorType": "CARD_DECLINED", "orderId": 7}},
        {"level": "SEVERE", "message": "x: java.lang.E\njava.lang.E: x\n\tat a"},
        {"level": "INFO", "message": '{"errorType": "E", "errorMessage": "x"}', "order": 7},
        {"level": "ERROR", "message": "A.BException: x\n   at A.B()", "logger": "app"},
        {
            "timestamp": TIME,
            "level": "INFO",
            "errorType": "E",
            "errorMessage": "x",
            "stackTrace": ["a"],
        },
        'ERROR OrderError("42")',
        " INFO Lambda runtime invoke{}: NotFound",
        {"level": "ERROR", "message": 7},
        "[ERROR] 5 things failed\nTraceback (most recent call last):\n  a",
        "[ERROR] shop.orders: not paid\nTraceback (most recent call last):\n  a\nOSError: no",
        "[ERROR] failed\nTraceback (most recent call last):\n  a\nOSError: no\n    more",
        {"errorMessage": "x", "errorType": "E", "stackTrace": {"path": "a"}},
        {"errorMessage": "x", "errorType": "E", "stackTrace": [{"class": "a.B", "method": "c"}]},
        {"level": "ERROR", "fields": "x", "span": {"name": "Lambda runtime invoke"}},
        {
            "level": "INFO",
            "fields": {"message": "user handler panicked"},
            "span": {"name": "Lambda runtime invoke"},
        },
        {"level": "ERROR", "fields": {"message": "user handler panicked"}, "span": "x"},
    ],
)
def test_what_only_looks_like_it(record: Any) -> None:
    """A line of the function's own that resembles a report is no failure."""
    assert read_record(LogLine(time_ns=0, stream="function", record=record)).evidence == ""


@pytest.mark.parametrize(
    ("body", "memory"),
    [
        ("FATAL ERROR: JavaScript heap out of memory", True),
        ("java.lang.OutOfMemoryError: Java heap space", True),
        ("[ERROR] MemoryError", True),
        ("RequestId: r Error: Runtime exited with error: signal: killed", True),
        ("the memory of a good day", False),
    ],
)
def test_death_for_want_of_memory(body: str, *, memory: bool) -> None:
    """The runtimes have words of their own for it."""
    assert names_memory(body) is memory


@pytest.mark.parametrize(("same", "is_report"), [(1024, True), (1023, False)])
def test_java_repeats_the_beginning_of_a_message(same: int, *, is_report: bool) -> None:
    """A long one is compared so far: what it holds costs no more."""
    message, repeated = "m" * 2000, "m" * same + "n" * 976
    text = f"{message}: shop.OutOfStock\nshop.OutOfStock: {repeated}\n\tat shop.F.f(F.java:1)\n"
    error = error_in(text)
    assert (error is not None) is is_report
    assert error is None or error.message == message


@pytest.mark.parametrize("message", ["null", "shop.OutOfStock"])
def test_java_without_a_message(message: str) -> None:
    """Written line by line, the trace begins with the type alone."""
    stack = "shop.OutOfStock\n\tat shop.Handler.f(H.java:1)"
    expected = HandlerError(type="shop.OutOfStock", message=message, stack=stack)
    assert error_in(f"{message}: shop.OutOfStock\n{stack}\n") == expected


def test_dotnet_with_another_exception_inside() -> None:
    """What it was caused by stands before the frames, and is a part of the stack."""
    inner = " ---> System.IO.IOException: disk\n   at Shop.G()"
    stack = f"{inner}\n   --- End of inner exception stack trace ---\n   at Shop.F()"
    expected = HandlerError(type="Shop.SaveException", message="not saved", stack=stack)
    body = f"Shop.SaveException: not saved\n{stack}"
    assert error_in(f"{TIME}\t{REQUEST}\tfail\t{body}\n") == expected


def test_an_error_whose_type_is_no_text_is_an_error() -> None:
    """Its message and stack are still worth having."""
    told = {"type": 5, "message": "no", "stack": "at f"}
    expected = HandlerError(type="Error", message="no", stack="at f")
    assert error_in({"level": "ERROR", "message": "failed", "err": told}) == expected


def test_text_of_python_that_the_platform_wraps() -> None:
    """Where logs are JSON, what is printed has the level INFO."""
    text = "[ERROR] KeyError: 'a'\nTraceback (most recent call last):\n  a"
    fields = {"timestamp": TIME, "level": "INFO", "requestId": REQUEST, "message": text}
    record = read_record(LogLine(time_ns=0, stream="function", record=fields))
    assert (record.evidence, record.error and record.error.type) == ("mark", "KeyError")


def test_a_report_of_node_that_tells_no_type_is_an_error_all_the_same() -> None:
    """An error may decide itself what it is in JSON, or be no error at all."""
    for told in ('{"code": 7}', '"no stock"', "not JSON"):
        expected = HandlerError(type="Error", message=told)
        assert error_in(f"{TIME}\t{REQUEST}\tERROR\tInvoke Error \t{told}\n") == expected


def test_a_report_of_node_at_a_time_far_away_happened_when_the_platform_took_it() -> None:
    """The clock of the runtime is wrong, or the line is an old one."""
    line = f"2019-01-01T12:00:00.250Z\t{REQUEST}\tERROR\tInvoke Error \t{{}}\n"
    record = read_record(LogLine(time_ns=7, stream="function", record=line))
    assert (record.time_ns, record.evidence) == (7, "mark")


def test_dotnet_without_a_message() -> None:
    """The type is all there is before the frames."""
    expected = HandlerError(type="Shop.SaveException", stack="   at Shop.F()")
    body = "Shop.SaveException\n   at Shop.F()"
    assert error_in(f"{TIME}\t{REQUEST}\tfail\t{body}\n") == expected


def test_a_handler_that_java_does_not_find_where_logs_are_json() -> None:
    """What its client writes has no type and no stack."""
    said = "No public method named f with appropriate method signature found on class shop.Handler"
    expected = HandlerError(type="Runtime.HandlerNotFound", message=said)
    assert error_in({"level": "ERROR", "message": said}) == expected


def test_an_error_whose_type_is_empty_is_an_error() -> None:
    """Its message and stack are still worth having."""
    told = {"type": "", "message": "no", "stack": "at f"}
    expected = HandlerError(type="Error", message="no", stack="at f")
    assert error_in({"level": "ERROR", "message": "failed", "err": told}) == expected
