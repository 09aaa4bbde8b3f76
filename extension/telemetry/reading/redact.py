"""PURE: takes secrets out of records and events before anything is made of them.

Every text in a value is cleaned, whatever its field is called: a field that is added later is
cleaned, too. So is a list of numbers, which may be the bytes of a text, and an object that has a
number for each place: JavaScript's Buffer and typed arrays become these in JSON. What is left alone
are the words by which the platform says what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, TypeVar

from extension.process.frozen import Frozen, replace
from extension.redaction.redactor import Redacted
from extension.redaction.unpack import numbers_without_secrets
from extension.telemetry.reading.records import Record

Redact = Callable[[str], Redacted]
Clean = Callable[[str], str]
Value = TypeVar("Value", bound=Frozen)

LONGEST_LEVEL = 32
"""Characters of what calls itself a level."""

LONGEST_REMEMBERED = 64
"""Characters of a text that is likely to be there several times."""

TOO_DEEP = "[nested too deeply]"

PLATFORM_WORDS = frozenset(
    [
        "success", "failure", "error", "timeout", "init", "invoke", "restore", "function",
        "extension", "mark", "shape", "on-demand", "provisioned-concurrency", "snap-start",
        "lambda-managed-instances",
    ]
)  # fmt: skip
"""What fields of events are compared with: a secret may be one of these words."""


def redact_record(record: Record, redact: Redact) -> Record:
    """Return the record without secrets, and with the names of those it held."""
    names: dict[str, None] = {}

    def clean(text: str) -> str:
        redacted = redact(text)
        if redacted.names:
            names.update(dict.fromkeys(redacted.names))
        return redacted.text

    changes = _changed(_texts_of(record), clean)
    if len(level := changes.get("severity_text", record.severity_text)) > LONGEST_LEVEL:
        changes["severity_text"] = level[:LONGEST_LEVEL]  # cut, no secret would be recognised
    if not changes and not names:
        return record
    return record._replace(**changes, leaks=tuple(names))


def _texts_of(record: Record) -> dict[str, Any]:
    """Return the fields in which there may be a text; nearly all lines have these three."""
    if record.attributes or record.error or record.trace:
        return record._asdict()
    return {
        "body": record.body,
        "severity_text": record.severity_text,
        "request_id": record.request_id,
    }


def redacting_once(redact: Redact) -> Redact:
    """Return what cleans each short text once: many lines have the same level, ids and keys.

    For lines that are read together, since a secret may be learned afterwards.
    """
    known: dict[str, Redacted] = {}

    def clean(text: str) -> Redacted:
        if len(text) > LONGEST_REMEMBERED:
            return redact(text)
        redacted = known.get(text)
        if redacted is None:
            redacted = known[text] = redact(text)
        return redacted

    return clean


def redact_event(event: Value, redact: Redact) -> Value:
    """Return an event of the platform or of the cache without secrets in any of its texts."""
    changes = _changes(event, lambda text: redact(text).text)
    return replace(event, **changes) if changes else event


def redact_json(value: Any, redact: Redact) -> Any:
    """Return an event with the secrets taken out of every text in it, keys included.

    What JSON cannot write, numbers that are not finite, becomes text.
    """
    return _clean(value, lambda text: redact(text).text)


def _changes(value: Frozen, clean: Clean) -> dict[str, Any]:
    """Return the fields that look different when they are clean."""
    return _changed(vars(value), clean)


def _changed(fields: Mapping[str, Any], clean: Clean) -> dict[str, Any]:
    changes = {}
    for name, payload in fields.items():
        if payload and not isinstance(payload, int):
            cleaned = _clean(payload, clean)
            if cleaned is not payload:
                changes[name] = cleaned
    return changes


def _clean(value: Any, clean: Clean) -> Any:
    """Clean a value, each field of an object by itself."""
    if type(value) is str:  # nearly all are, and telling that none is a mapping takes long
        return _clean_each(value, clean)
    if isinstance(value, Mapping):
        value = _without_bytes(value, clean)
        return {clean(str(key)): _clean_or_drop(each, clean) for key, each in value.items()}
    return _clean_or_drop(value, clean)


def _clean_or_drop(value: Any, clean: Clean) -> Any:
    """Clean a value; what cannot be looked through does not leave."""
    try:
        return _clean_each(value, clean)
    except RecursionError:
        return TOO_DEEP


def _clean_each(value: Any, clean: Clean) -> Any:
    match value:
        case str():
            return value if value in PLATFORM_WORDS else clean(value)
        case dict():
            value = _without_bytes(value, clean)
            return {
                _clean_each(key, clean): _clean_each(each, clean) for key, each in value.items()
            }
        case list():
            are_numbers = {*map(type, value)} == {int}
            if are_numbers and (cleaned := numbers_without_secrets(value, clean)):
                return cleaned
            return [_clean_each(each, clean) for each in value]
        case tuple() if hasattr(value, "_make"):
            return type(value)._make(_clean_each(each, clean) for each in value)
        case tuple():
            return tuple(_clean_each(each, clean) for each in value)
        case Frozen():
            changes = _changes(value, clean)
            return replace(value, **changes) if changes else value
        case float() if not isfinite(value):
            return str(value)
    return value


def _without_bytes(value: Mapping[Any, Any], clean: Clean) -> Mapping[Any, Any]:
    """Return an object with the first of its numbered members in place of all, if a secret is."""
    if "0" not in value:
        return value
    numbered = {
        key: each for key, each in value.items() if type(each) is int and str(key).isdecimal()
    }
    cleaned = numbers_without_secrets(numbered, clean)
    if not cleaned:
        return value
    return {"0": cleaned} | {key: each for key, each in value.items() if key not in numbered}
