"""PURE: a structured line, whichever logger wrote it.

What is used becomes a part of the record; what is not stays an attribute. Where no text is found
the JSON itself is the text, so that filters and people have something to look at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from extension.telemetry.reading.aliases import (
    GELF,
    SERILOG_TIME,
    Field,
    Fields,
    Plain,
    find,
    value_of,
    without,
)
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.exceptions import EXCEPTION_PARTS, take_exception
from extension.telemetry.reading.handler_errors import from_json
from extension.telemetry.reading.levels import ERROR, INFORMATION, LEVELS, UNREAD, Level, read_level
from extension.telemetry.reading.line_parts import LineParts
from extension.telemetry.reading.native_errors import from_go, from_rust_fields
from extension.telemetry.reading.read_json import read_json
from extension.telemetry.reading.times import MILLISECONDS, NEAR_NS, own_time
from extension.telemetry.reading.trace_fields import read_trace

GO_KEYS = {"time", "level", "msg"}
"""Of slog, when it writes what was logged by the package `log`."""

ERROR_FIELDS = ("errorType", "errorMessage", "stackTrace")
NO_PLAIN_TEXT = ("", "{")
"""How a text begins that is none, or may be JSON itself."""

NEW = tuple.__new__
"""Makes a NamedTuple in half the time that its class takes."""

ERROR_SEVERITY = ERROR.severity
UUID_LENGTH = 36
TOO_DEEP = "[nested too deeply]"


def read_object(
    payload: Mapping[str, Any], *, platform_ns: int, text: str = "", is_inner: bool = False
) -> LineParts:
    """Read a JSON object, and one more inside its text; `text` is how it was written, if known."""
    found, plain = find(payload)
    parts = read_plain(payload, plain, platform_ns) if plain else None
    return parts or read_any(payload, found, platform_ns, text=text, is_inner=is_inner)


def read_plain(payload: Mapping[str, Any], keys: Plain, platform_ns: int) -> LineParts | None:
    """Read a line as nearly all are; None if it needs the closer look of `read_any`.

    Both read such a line alike; this one takes half the time.
    """
    text_key, level_key, time_key, request_key = keys
    rest = dict(payload)
    body, level, time_ns, request_id = rest.pop(text_key), UNREAD, 0, ""
    if not isinstance(body, str) or body[:1] in NO_PLAIN_TEXT:
        return None
    if level_key:
        value = rest.pop(level_key)
        if isinstance(value, str):
            level = LEVELS.get(value, UNREAD)
        else:
            level = read_level(value, key=level_key)
        if not 0 < level.severity < ERROR_SEVERITY:
            return None
    if time_key:
        value = rest.pop(time_key)
        time_ns = (MILLISECONDS.get(value) if isinstance(value, str) else None) or 0
        if not -NEAR_NS <= time_ns - platform_ns <= NEAR_NS:
            time = own_time(value, platform_ns=platform_ns)
            if time is None:
                return None
            time_ns = time
    if request_key:
        request_id = rest[request_key]
        if not request_id or not isinstance(request_id, str):
            return None
    severity, severity_text = level
    parts = body, severity, severity_text, time_ns, request_id, request_key, rest, None, "", None
    return NEW(LineParts, parts)


def read_any(
    payload: Mapping[str, Any], found: Fields, platform_ns: int, *, text: str, is_inner: bool
) -> LineParts:
    """Read a line that may have each part under several names, nested ones too, or an error."""
    rest = dict(payload)
    level = _take_level(payload, found["level"], rest) if "level" in found else _default(found)
    time_ns = _take_time(payload, found["time"], rest, platform_ns) if "time" in found else 0
    body = _take_text(payload, found, rest, has_level=level is not UNREAD)
    request_id, request_key = (
        _request(payload, found["request"]) if "request" in found else ("", "")
    )
    report = inner = None
    if level.severity == ERROR_SEVERITY or body is None:
        report = from_json(payload) or from_rust_fields(payload)
    if not is_inner and not (isinstance(body, str) and body[:1] != "{"):
        inner = read_inner(body, platform_ns=platform_ns)
        if inner and isinstance(body, str) and payload.keys() == GO_KEYS:
            report = from_go(read_json(body))
    if report:
        for name in ERROR_FIELDS:
            rest.pop(name, None)
        level = ERROR if level is UNREAD else level  # Ruby's report has none
    error: HandlerError | None = None
    if report:
        error = report.error
    elif not EXCEPTION_PARTS.isdisjoint(found):
        error = take_exception(payload, found, rest)
    if not body or not isinstance(body, str):
        is_alone = rest.keys() <= {request_key}
        body = _body(body, payload, error, text=text, is_alone=is_alone)
    parts = LineParts(
        body,
        level.severity,
        level.text,
        time_ns,
        request_id,
        request_key,
        rest,
        error,
        report.evidence if report else "",
        read_trace(payload, found) if "trace_id" in found else None,
    )
    return around(inner, parts) if inner else parts


def read_inner(body: Any, *, platform_ns: int) -> LineParts | None:
    """Read the JSON object that a text is, or that is in its place; None if it is none."""
    if isinstance(body, dict):
        return read_object(body, platform_ns=platform_ns, is_inner=True)
    if not isinstance(body, str) or not body.startswith("{"):
        return None
    return read_json_text(body, platform_ns, is_inner=True)


def read_json_text(text: str, platform_ns: int, *, is_inner: bool = False) -> LineParts | None:
    """Read a text that begins as a JSON object does; None if it is none."""
    try:
        payload = read_json(text)
    except ValueError:
        return None
    return read_object(payload, platform_ns=platform_ns, text=text, is_inner=is_inner)


def around(inner: LineParts, outer: LineParts) -> LineParts:
    """Return what both say: the function's own logger knows better than what wrapped its line."""
    return outer._replace(
        body=inner.body,
        severity=inner.severity or outer.severity,
        severity_text=inner.severity_text or outer.severity_text,
        time_ns=inner.time_ns or outer.time_ns,
        request_id=outer.request_id or inner.request_id,
        request_key=outer.request_key if outer.request_id else inner.request_key,
        attributes={**outer.attributes, **inner.attributes},
        error=outer.error or inner.error,
        trace=inner.trace or outer.trace,
    )


def _default(found: Fields) -> Level:
    """Return the level of a line that has none: Serilog's compact form leaves one out."""
    is_serilog = SERILOG_TIME in found.get("time", ()) and "text" in found
    return INFORMATION if is_serilog else UNREAD


def _take_level(payload: Mapping[str, Any], fields: Iterable[Field], rest: dict[str, Any]) -> Level:
    for outer, inner in fields:
        value = value_of(payload, (outer, inner)) if inner else payload[outer]
        level = LEVELS.get(value) if isinstance(value, str) else None
        level = level or read_level(value, key=outer, is_gelf=GELF in payload)
        if level is not UNREAD:
            without(rest, (outer, inner))
            return level
    return UNREAD


def _take_time(
    payload: Mapping[str, Any], fields: Iterable[Field], rest: dict[str, Any], platform_ns: int
) -> int:
    for outer, inner in fields:
        value = value_of(payload, (outer, inner)) if inner else payload[outer]
        time_ns = own_time(value, platform_ns=platform_ns)
        if time_ns is not None:
            without(rest, (outer, inner))
            return time_ns
    return 0


def _take_text(
    payload: Mapping[str, Any], found: Fields, rest: dict[str, Any], *, has_level: bool
) -> Any:
    """Return the text, an empty one only if there is no other; None if there is none."""
    empty: Field | None = None
    for field in found.get("text", ()):
        outer, inner = field
        value = value_of(payload, field) if inner else payload[outer]
        if value or value in (0, False):
            without(rest, field)
            return value
        if value is not None:
            empty = empty or field
    if has_level and "weak_text" in found:
        for field in found["weak_text"]:
            value = value_of(payload, field)
            if value and isinstance(value, str):
                without(rest, field)
                return value
    if empty:
        without(rest, empty)
    return "" if empty else None


def _request(payload: Mapping[str, Any], fields: Iterable[Field]) -> tuple[str, str]:
    """Return the request id and the attribute that has it; others' seldom have Lambda's form."""
    first = ("", "")
    for outer, inner in fields:
        value = value_of(payload, (outer, inner)) if inner else payload[outer]
        if value and isinstance(value, str):
            request = (value, "" if inner else outer)
            if len(value) == UUID_LENGTH:
                return request
            first = first if first[0] else request
    return first


def _body(
    body: Any, payload: Mapping[str, Any], error: HandlerError | None, *, text: str, is_alone: bool
) -> str:
    """Return a text for a line that has none, or whose text is a value."""
    if body is None and error:
        return f"{error.type}: {error.message}" if error.message else error.type
    if body is None or (body == "" and not is_alone):
        return text or _dump(payload)
    return "" if body == "" else _dump(body)


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return TOO_DEEP
