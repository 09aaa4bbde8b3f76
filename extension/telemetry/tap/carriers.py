"""PURE: extracts carriers of trace context from headers, message attributes and bodies.

Only the names in `READABLE` are extracted, in any case; the other fields are the user's. The value
of `_datadog` is a carrier itself: an object, JSON as text, or that in base64.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from itertools import islice
from typing import Any

from extension.telemetry.reading.read_json import read_json
from extension.telemetry.tap.json_paths import at, list_at, mapping_at, text_at
from extension.telemetry.tap.trace_context import (
    READABLE,
    Carrier,
    RemoteSpan,
    read_context,
    read_ids,
)

MOST_NAMES = 256
"""Headers or attributes of one message that are read."""
MOST_BODY = 262_144
"""Characters of a body; longer bodies are not parsed."""
LONGEST_NAME = 64
LONGEST_VALUE = 8192
NESTED = "_datadog"
PLACES_IN_BODY = ((), ("metadata",), ("headers",), ("_datadog",))
"""Where publishers usually put a trace context into their JSON."""
WORDS_IN_BODY = (
    "raceparent", "_datadog", "x-datadog-trace-id", "-amzn-trace-id", "-Amzn-Trace-Id", '"b3"',
)  # fmt: skip
"""A body that contains none of these is not parsed."""

TraceFields = tuple[str, ...]
"""Paths of both ids in a body, such as `("meta.trace_id", "meta.span_id")`, or none."""


def from_pairs(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """Return the carrier of names and texts; a list counts as its first item."""
    carrier: dict[str, str] = {}
    inner: dict[str, str] = {}
    for name, value in islice(pairs, MOST_NAMES):
        key = name.lower() if isinstance(name, str) and len(name) < LONGEST_NAME else ""
        if key not in READABLE:
            continue
        first = value[0] if isinstance(value, list) and value else value
        if key == NESTED:
            inner = _nested(first)
        elif isinstance(first, str) and 0 < len(first) <= LONGEST_VALUE:
            carrier[key] = first
    return inner | carrier


def from_object(value: Any) -> Carrier:
    """Return the carrier of an object's own fields."""
    return from_pairs(value.items()) if isinstance(value, dict) else {}


def from_headers(event: Any) -> Carrier:
    """Return the carrier of an HTTP event; `headers` override `multiValueHeaders`."""
    return {
        **from_object(at(event, "multiValueHeaders")),
        **from_object(at(event, "headers")),
    }


def from_attributes(attributes: Any, *, text: str, binary: str) -> Carrier:
    """Return the carrier of message attributes: objects whose `text` or `binary` is the value."""
    pairs = islice(mapping_at(attributes).items(), MOST_NAMES)
    return from_pairs(
        (name, text_at(each, text) or decode_base64(text_at(each, binary)))
        for name, each in pairs
        if name.lower() in READABLE
    )


def from_typed_attributes(attributes: Any) -> Carrier:
    """Return the carrier of SNS attributes, `{"Type": "String" or "Binary", "Value": …}`."""
    pairs = islice(mapping_at(attributes).items(), MOST_NAMES)
    return from_pairs(
        (
            name,
            decode_base64(text_at(each, "Value"))
            if text_at(each, "Type") == "Binary"
            else text_at(each, "Value"),
        )
        for name, each in pairs
        if name.lower() in READABLE
    )


def context_in_body(body: Any, fields: TraceFields) -> RemoteSpan | None:
    """Return the span in a message's JSON: from the configured fields, or in the usual places.

    `body`: JSON as text, or what it was parsed to.
    """
    if isinstance(body, str):
        body = parse_body(body, words=(*WORDS_IN_BODY, *(path.split(".")[-1] for path in fields)))
    if not isinstance(body, dict):
        return None
    if fields:
        trace, span = (at(body, *path.split(".")) for path in fields)
        if found := read_ids(trace, span):
            return found
    found_by_habit = (read_context(from_object(at(body, *place))) for place in PLACES_IN_BODY)
    return next((each for each in found_by_habit if each), None)


def parse_body(text: str, *, words: Iterable[str]) -> Any:
    """Return the JSON object in a text that contains one of the words; None for anything else."""
    if len(text) > MOST_BODY or text.lstrip()[:1] != "{":
        return None
    if not any(word in text for word in words):
        return None
    try:
        return read_json(text)
    except ValueError:
        return None


def decode_base64(text: str) -> str:
    """Return the text in base64, empty if it is not text."""
    if not text or len(text) > MOST_BODY:
        return ""
    try:
        return binascii.a2b_base64(text).decode()
    except ValueError:
        return ""


def text_of_bytes(numbers: Any) -> str:
    """Return the text of bytes that are written as numbers; those of Java may be negative."""
    values = list_at(numbers)
    if len(values) > LONGEST_VALUE or not all(type(each) is int for each in values):
        return ""
    try:
        return bytes(each & 0xFF for each in values).decode()
    except ValueError:
        return ""


def _nested(value: Any) -> dict[str, str]:
    """Return the carrier in `_datadog`; carriers within that one are not read."""
    if isinstance(value, str):
        text = value[: LONGEST_VALUE + 1]
        value = parse_body(text, words=("",)) or parse_body(decode_base64(text), words=("",))
    pairs = value.items() if isinstance(value, dict) else ()
    return from_pairs((name, text) for name, text in pairs if name.lower() != NESTED)
