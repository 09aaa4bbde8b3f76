"""A line's own fields as attributes."""

from __future__ import annotations

from typing import Any

import pytest

from extension.telemetry.otlp.line_attributes import (
    add_line_attributes,
    exception_attributes,
    flat,
    nested,
)
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.records import Record


def record(fields: dict[str, Any], *, stream: Any = "function") -> Record:
    """Return a structured line."""
    return Record(time_ns=0, observed_ns=0, stream=stream, body="b", attributes=fields)


def test_ours_come_first() -> None:
    """A line's own field with one of our names is left out, and so is one without a value."""
    attributes: dict[str, Any] = {"faas.invocation_id": "ours"}
    line = record({"faas.invocation_id": "theirs", "a": 1, "b": None, "": 2, "c": "", "d": "x"})
    add_line_attributes(attributes, line, convert=lambda value: (value,), without=("d",))
    assert attributes == {"faas.invocation_id": "ours", "a": (1,), "c": ""}


@pytest.mark.parametrize(
    ("stream", "named"),
    [("function", {}), ("extension", {"lambda_dispatch.log.source": "extension"})],
)
def test_lines_of_others_than_the_function_say_whose_they_are(
    stream: str, named: dict[str, str]
) -> None:
    """The function's are the usual ones."""
    attributes: dict[str, Any] = {}
    add_line_attributes(attributes, record({"a": [1]}, stream=stream))
    assert attributes == {**named, "a": [1]}


@pytest.mark.parametrize(
    ("value", "as_attribute"),
    [
        ("x", "x"),
        (True, True),
        (1.5, 1.5),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (-(2**63), str(-(2**63))),
        (2**64, str(2**64)),
        ([1, {"a": None}], '[1, {"a": null}]'),
        (None, "null"),
    ],
)
def test_attributes_of_spans_are_flat(value: Any, as_attribute: Any) -> None:
    """What is nested is JSON; OTLP has no larger integers than those of 64 bits."""
    found = flat(value)
    assert found == as_attribute
    assert type(found) is type(as_attribute)


def test_attributes_of_records_may_be_nested() -> None:
    """A name has to be there, and a null stays one."""
    value = {"a": [1, 2**63, {"": 1, "b": None}], "": 2}
    assert nested(value) == {"a": [1, str(2**63), {"b": None}]}


def test_an_exception_has_what_is_known_of_it() -> None:
    """By the names of the conventions."""
    assert exception_attributes(HandlerError(type="E", message="", stack="s")) == {
        "exception.type": "E", "exception.stacktrace": "s",
    }  # fmt: skip
