"""PURE: what a line of the function's output says: severity, time, request id, body, attributes.

The managed runtimes write text or JSON, each in a form of its own; a line in none of them is a
body without severity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from extension.frozen import Frozen
from extension.log import MARKER
from extension.telemetry.reading.decode import parse_time
from extension.telemetry.reading.events import LogLine, Stream
from extension.telemetry.reading.handler_errors import (
    HandlerError,
    from_dotnet_body,
    from_json,
    from_node_body,
    from_text,
)
from extension.telemetry.reading.read_json import read_json

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
PYTHON_LINE = re.compile(rf"\[([A-Z]+)\]\t(\S+Z)\t({UUID})?\t(.*)", re.DOTALL)
NODE_LINE = re.compile(rf"(\d\S+Z)\t({UUID}|undefined)\t([A-Z]+)\t(.*)", re.DOTALL)
DOTNET_LINE = re.compile(rf"(\d\S+Z)\t({UUID})?\t(trce|dbug|info|warn|fail|crit)\t(.*)", re.DOTALL)
RECORD_BYTES = 64
"""What a record holds besides its texts."""

BODY_KEYS = ("message", "msg")
SEVERITY_KEYS = ("level", "log_level", "severity")
TIME_KEYS = ("timestamp", "time")
REQUEST_KEYS = ("requestId", "AWSRequestId")

SEVERITIES = {
    "TRACE": 1,
    "DEBUG": 5,
    "INFO": 9,
    "INFORMATION": 9,
    "WARN": 13,
    "WARNING": 13,
    "ERROR": 17,
    "CRITICAL": 21,
    "FATAL": 21,
    "TRCE": 1,
    "DBUG": 5,
    "FAIL": 17,
    "CRIT": 21,
}
"""Names to severity numbers of OpenTelemetry's log data model; 0 is unspecified."""


class Record(Frozen):
    """One record: severity number and text, body, attributes, and whose it is if it says so."""

    time_ns: int
    """The time the record gives itself, else when the platform took it."""
    observed_ns: int
    """When the platform took it; decides which invocation it belongs to."""
    stream: Stream
    body: str
    severity: int = 0
    severity_text: str = ""
    request_id: str = ""
    attributes: Mapping[str, Any] = MappingProxyType({})
    error: HandlerError | None = None
    leaks: tuple[str, ...] = ()
    """Names of the secrets that were taken out of it."""


def size(record: Record) -> int:
    """Estimate the bytes that a record holds."""
    fields = sum(len(key) + len(str(value)) for key, value in record.attributes.items())
    return RECORD_BYTES + len(record.body) + fields


def is_own(line: LogLine) -> bool:
    """Tell whether the line is one of ours, which must not come back as telemetry."""
    return line.stream == "extension" and has_marker(line.record)


def has_marker(record: object) -> bool:
    """Tell whether a line of some extension, a text or a JSON object, carries our marker."""
    if isinstance(record, Mapping):
        return record.get("extension") == MARKER
    return isinstance(record, str) and record.startswith(f'{{"extension": "{MARKER}"')


def read_record(line: LogLine) -> Record:
    """Read one line in whichever of the known forms it has."""
    if isinstance(line.record, Mapping):
        return _from_json(line, line.record)
    text = line.record.rstrip("\r\n")
    if text.startswith("{"):
        try:
            told = read_json(text)
        except ValueError:
            told = None
        if isinstance(told, dict):
            return _from_json(line, told)
    return _from_text(line, text)


def _from_text(line: LogLine, text: str) -> Record:
    if match := PYTHON_LINE.fullmatch(text):
        level, time, request_id, body = match.groups()
        return _record(line, body=body, level=level, time=time, request_id=request_id or "")
    if match := NODE_LINE.fullmatch(text):
        time, request_id, level, body = match.groups()
        known = "" if request_id == "undefined" else request_id
        error = from_node_body(body)
        return _record(line, body=body, level=level, time=time, request_id=known, error=error)
    if match := DOTNET_LINE.fullmatch(text):
        time, request_id, level, body = match.groups()
        error = from_dotnet_body(body) if level == "fail" else None
        return _record(
            line, body=body, level=level, time=time, request_id=request_id or "", error=error
        )
    error = from_text(text)
    return _record(line, body=text, level="ERROR" if error else "", error=error)


def _from_json(line: LogLine, told: Mapping[str, Any]) -> Record:
    rest = dict(told)
    body = _take(rest, BODY_KEYS)
    return _record(
        line,
        body=_body(body, told),
        level=str(_take(rest, SEVERITY_KEYS) or ""),
        time=str(_take(rest, TIME_KEYS) or ""),
        request_id=str(_take(rest, REQUEST_KEYS) or ""),
        attributes=rest,
        error=from_json(told),
    )


def _body(body: Any, told: Mapping[str, Any]) -> str:
    if body is None and "errorMessage" in told:
        return f"{told.get('errorType', 'Error')}: {told['errorMessage']}"
    if body is None:
        return ""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def _take(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Remove and return the first of some fields; the others stay attributes."""
    for name in names:
        if name in fields:
            return fields.pop(name)
    return None


def _record(  # the fields of a record are what they are
    line: LogLine,
    *,
    body: str,
    level: str = "",
    time: str = "",
    request_id: str = "",
    attributes: Mapping[str, Any] | None = None,
    error: HandlerError | None = None,
) -> Record:
    return Record(
        time_ns=_time(time) or line.time_ns,
        observed_ns=line.time_ns,
        stream=line.stream,
        body=body,
        severity=SEVERITIES.get(level.upper(), 0),
        severity_text=level,
        request_id=request_id,
        attributes=attributes or {},
        error=error,
    )


def _time(text: str) -> int:
    """Return the time a record gives itself, unless it has no fraction: then the platform's."""
    try:
        return parse_time(text) if "." in text else 0
    except ValueError:
        return 0
