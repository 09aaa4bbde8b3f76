"""The error that a runtime reports is read as its language writes it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.tap.partial_json import Excerpt
from extension.telemetry.tap.reported_error import (
    TYPE_HEADER,
    XRAY_HEADER,
    read_error,
    read_trailers,
    shorten,
)

XRAY = json.dumps(
    {
        "working_directory": "/var/task",
        "exceptions": [
            {
                "type": "TeaError",
                "message": "too cold",
                "stack": [{"path": "tea.py", "line": 7, "label": "brew"}],
            }
        ],
        "paths": ["tea.py"],
    }
)


def error(body: Any, **headers: str) -> HandlerError:
    """Return what a report with this body says."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return read_error(Excerpt(data), headers=named)


@pytest.mark.parametrize(
    ("body", "kind", "stack"),
    [
        (
            {
                "errorMessage": "too cold",
                "errorType": "TeaError",
                "requestId": "1",
                "stackTrace": ['  File "tea.py", line 7, in brew\n    boil()\n'],
            },
            "TeaError",
            '  File "tea.py", line 7, in brew\n    boil()',
        ),
        (
            {
                "errorType": "TeaError",
                "errorMessage": "too cold",
                "trace": ["TeaError: too cold", "    at brew (tea.js:7:1)"],
            },
            "TeaError",
            "TeaError: too cold\n    at brew (tea.js:7:1)",
        ),
        (
            {
                "errorMessage": "too cold",
                "errorType": "shop.TeaException",
                "stackTrace": ["shop.Tea.brew(Tea.java:7)"],
            },
            "shop.TeaException",
            "shop.Tea.brew(Tea.java:7)",
        ),
        (
            {
                "errorMessage": "too cold",
                "errorType": "Function<TeaError>",
                "stackTrace": ["tea.rb:7:in `brew'"],
            },
            "TeaError",
            "tea.rb:7:in `brew'",
        ),
        (
            {
                "errorMessage": "too cold",
                "errorType": "errorString",
                "stackTrace": [{"path": "tea.go", "line": 7, "label": "brew"}],
            },
            "errorString",
            "brew\n\ttea.go:7",
        ),
        (
            {"errorType": "&alloc::boxed::Box<dyn core::error::Error>", "errorMessage": "too cold"},
            "alloc::boxed::Box<dyn core::error::Error>",
            "",
        ),
    ],
    ids=["Python", "Node.js", "Java", "Ruby", "Go", "Rust"],
)
def test_each_runtime_is_understood(body: Any, kind: str, stack: str) -> None:
    """Type, message and stack are those of the exception."""
    found = error(body)
    assert (found.type, found.message, found.stack.strip("\n")) == (kind, "too cold", stack)


def test_the_body_says_more_than_the_header() -> None:
    """Java's header has one word for all exceptions of users."""
    body = {"errorMessage": "too cold", "errorType": "shop.TeaException"}
    headers = {TYPE_HEADER: "Runtime.UserException"}
    assert (
        read_error(Excerpt(json.dumps(body).encode()), headers=headers).type == "shop.TeaException"
    )


@pytest.mark.parametrize("body", [b"", b"tea", b"null", b"[]", b"7", b'{"errorType": 7}'])
def test_the_header_says_it_where_the_body_does_not(body: bytes) -> None:
    """A runtime of one's own may write anything into the body."""
    assert read_error(Excerpt(body), headers={TYPE_HEADER: "Tea.Cold"}).type == "Tea.Cold"
    assert read_error(Excerpt(body), headers={}).type == "Error"


def test_the_header_has_the_type_where_the_body_has_a_message_alone() -> None:
    """The body's message and the header's type belong together."""
    data = json.dumps({"errorMessage": "too cold", "name": "cup"}).encode()
    found = read_error(Excerpt(data), headers={TYPE_HEADER: "Tea.Cold"})
    assert (found.type, found.message) == ("Tea.Cold", "too cold")


def test_a_type_of_another_name_counts_where_nothing_else_says_it() -> None:
    """Loggers call it otherwise than runtimes."""
    assert error({"errorMessage": "too cold", "name": "TeaError"}).type == "TeaError"


def test_the_cause_for_xray_says_it_where_neither_does() -> None:
    """It has the stack, too."""
    found = read_error(Excerpt(b""), headers={XRAY_HEADER: XRAY})
    assert found == HandlerError(type="TeaError", message="too cold", stack="brew\n\ttea.py:7")


@pytest.mark.parametrize("header", ["", "tea", "{}", '{"exceptions": 7}', "x" * 1_000_000])
def test_a_cause_of_another_form_says_nothing(header: str) -> None:
    """It may be a megabyte long."""
    assert read_error(Excerpt(b""), headers={XRAY_HEADER: header}) == HandlerError(type="Error")


@pytest.mark.parametrize(("length", "is_read"), [(65_536, True), (65_537, False)])
def test_a_cause_for_xray_of_a_bounded_length_is_read(length: int, *, is_read: bool) -> None:
    """The platform does not keep a longer one either."""
    found = read_error(Excerpt(b""), headers={XRAY_HEADER: XRAY.ljust(length)})
    assert found.type == ("TeaError" if is_read else "Error")


def test_a_report_that_was_cut_has_type_and_message() -> None:
    """They stand before the stack, whose beginning is kept."""
    body = {"errorMessage": "too cold", "errorType": "TeaError", "stackTrace": ["a\n"] * 90_000}
    data = json.dumps(body).encode()
    found = read_error(Excerpt(data[:65_536], data[-100:], len(data)), headers={})
    assert (found.type, found.message) == ("TeaError", "too cold")
    assert found.stack.startswith("a\na\n")


def test_a_response_that_breaks_off_reports_in_its_trailers() -> None:
    """The body is base64 there."""
    body = base64.b64encode(json.dumps({"errorType": "TeaError", "errorMessage": "spilt"}).encode())
    trailers = {
        TYPE_HEADER: "Runtime.StreamError",
        "lambda-runtime-function-error-body": body.decode(),
    }
    found = read_trailers(trailers)
    assert found is not None
    assert (found.type, found.message) == ("TeaError", "spilt")


@pytest.mark.parametrize("body", ["", "tea", "===", "e30="])
def test_trailers_with_a_type_alone_are_an_error(body: str) -> None:
    """Whatever the body is."""
    found = read_trailers({TYPE_HEADER: "TeaError", "lambda-runtime-function-error-body": body})
    assert found is not None
    assert found.type == "TeaError"


@pytest.mark.parametrize("trailers", [{}, {TYPE_HEADER: ""}, {"x": "y"}])
def test_go_announces_trailers_and_sends_none(trailers: dict[str, str]) -> None:
    """So that is no error."""
    assert read_trailers(trailers) is None


def test_a_type_is_bounded() -> None:
    """It names a group of errors, and there is no end of long ones."""
    assert len(shorten(error({"errorType": "x" * 10_000, "errorMessage": "y"})).type) == 256
