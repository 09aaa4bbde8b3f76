"""What a line has besides its text, as attributes; both span events and log records have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from extension.telemetry.otlp import attributes as names
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.records import Record

LARGEST_INTEGER = 2**63
"""From here on OTLP has no integers; JSON, and so a log line, does."""


def add_line_attributes(
    attributes: dict[str, Any],
    record: Record,
    *,
    convert: Callable[[Any], Any] = lambda value: value,
    without: Collection[str] = (),
) -> None:
    """Add the line's own fields, where ours do not have their names."""
    if record.stream != "function":
        attributes[names.LOG_SOURCE] = record.stream
    for key, value in record.attributes.items():
        if value is None or not key or key in attributes or key in without:
            continue
        attributes[key] = value if isinstance(value, str) else convert(value)


def exception_attributes(error: HandlerError) -> dict[str, Any]:
    """Return an exception by the names of the conventions."""
    attributes = {
        names.EXCEPTION_TYPE: error.type,
        names.EXCEPTION_MESSAGE: error.message,
        names.EXCEPTION_STACKTRACE: error.stack,
    }
    return {name: value for name, value in attributes.items() if value}


def flat(value: Any) -> str | bool | int | float:
    """Return a value as an attribute of a span can have it: what is nested as its JSON text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= LARGEST_INTEGER:
        return str(value)
    return value if isinstance(value, bool | int | float) else json.dumps(value)


def nested(value: Any) -> Any:
    """Return a value as an attribute of a log record can have it: what is nested stays so."""
    match value:
        case dict():
            return {key: nested(each) for key, each in value.items() if key}
        case list():
            return [nested(each) for each in value]
        case None:
            return None
    return flat(value)
