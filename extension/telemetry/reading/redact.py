"""PURE: takes secrets out of records and events before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extension.frozen import replace
from extension.redaction.redactor import Redacted
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.records import Record

Redact = Callable[[str], Redacted]

LONGEST_LEVEL = 32
"""Characters of what calls itself a level."""

TOO_DEEP = "[nested too deeply]"


def redact_record(record: Record, redact: Redact) -> Record:
    """Return the record without secrets, and with the names of those it held."""
    names: dict[str, None] = {}

    def clean(text: str) -> str:
        redacted = redact(text)
        names.update(dict.fromkeys(redacted.names))
        return redacted.text

    error = record.error and HandlerError(
        type=clean(record.error.type),
        message=clean(record.error.message),
        stack=clean(record.error.stack),
    )
    body = clean(record.body)
    level = clean(record.severity_text)[:LONGEST_LEVEL]  # cut, no secret would be recognised
    # Each by itself: a field that is nested too deeply costs no other.
    attributes = {clean(key): _clean(each, clean) for key, each in record.attributes.items()}
    return replace(
        record,
        body=body,
        severity_text=level,
        attributes=attributes,
        error=error,
        leaks=tuple(names),
    )


def redact_json(value: Any, redact: Redact) -> Any:
    """Return an event with the secrets taken out of every text in it, keys included."""

    def clean(text: str) -> str:
        return redact(text).text

    if not isinstance(value, dict):
        return _clean(value, clean)
    return {clean(key): _clean(each, clean) for key, each in value.items()}


def _clean(value: Any, clean: Callable[[str], str]) -> Any:
    """Clean a JSON value; what cannot be looked through does not leave."""
    try:
        return _clean_each(value, clean)
    except RecursionError:
        return TOO_DEEP


def _clean_each(value: Any, clean: Callable[[str], str]) -> Any:
    match value:
        case str():
            return clean(value)
        case dict():
            return {
                _clean_each(key, clean): _clean_each(each, clean) for key, each in value.items()
            }
        case list():
            return [_clean_each(each, clean) for each in value]
    return value
