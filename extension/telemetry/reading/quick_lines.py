"""PURE: the forms that nearly all lines have, read in a third of the time that the others take.

Each function reads one form, or returns None for a line in which anything is unusual: an error, a
time or a level that is not known, JSON after the prefix. `records.read_record` reads those, and
would read all others just as these functions do; a test holds them against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.json_lines import NEW
from extension.telemetry.reading.levels import LEVELS
from extension.telemetry.reading.line_parts import NOTHING
from extension.telemetry.reading.records import LINE_ENDS, Record
from extension.telemetry.reading.text_lines import NODE_LEVELS, READERS, UUID
from extension.telemetry.reading.times import NEAR_NS, parse_milliseconds

REQUEST_ID = re.compile(f"(?:{UUID})?")

PYTHON_LEVELS = {
    f"[{text}]": (level.severity, text) for text, level in LEVELS.items() if text.isupper()
}
NODE_LEVELS_OF_NO_ERROR = {
    text: (LEVELS[text].severity, text)
    for text in {*NODE_LEVELS, *filter(str.isupper, LEVELS)} - {"ERROR", "fail"}
}


@lru_cache(maxsize=256)
def is_request_id(text: str) -> bool:
    """Tell whether a text is the id of a request, or nothing."""
    return REQUEST_ID.fullmatch(text) is not None


def read_plain_text(line: LogLine, text: str) -> Record | None:
    """Read a line without a form."""
    text = text.rstrip(LINE_ENDS)
    if "\n" in text or "\r" in text:
        return None
    time_ns, stream, _ = line
    return NEW(Record, (time_ns, time_ns, stream, text, 0, "", "", NOTHING, None, "", None, ()))


def read_unusual(line: LogLine, text: str) -> Record | None:
    """Leave a line to `read_record`."""


def _python(line: LogLine, text: str) -> Record | None:
    """Read `[LEVEL]`, time, request id, and text, with tabs between them."""
    try:
        level, time, request_id, body = text.split("\t", 3)
        severity, severity_text = PYTHON_LEVELS[level]
    except (ValueError, KeyError):
        return None
    return _record(line, body, severity, severity_text, time, request_id)


def _node(line: LogLine, text: str) -> Record | None:
    """Read time, request id, level, and text, with tabs between them."""
    try:
        time, request_id, level, body = text.split("\t", 3)
        severity, severity_text = NODE_LEVELS_OF_NO_ERROR[level]
    except (ValueError, KeyError):
        return None
    known = "" if request_id == "undefined" else request_id
    return _record(line, body, severity, severity_text, time, known)


def _record(
    line: LogLine, body: str, severity: int, severity_text: str, time: str, request_id: str
) -> Record | None:
    platform_ns, stream, _ = line
    own_ns = parse_milliseconds(time)
    if (
        own_ns is None
        or not -NEAR_NS <= own_ns - platform_ns <= NEAR_NS
        or body[:1] == "{"
        or not is_request_id(request_id)
    ):
        return None
    body = body.rstrip(LINE_ENDS)
    fields = (
        own_ns, platform_ns, stream, body, severity, severity_text, request_id,
        NOTHING, None, "", None, (),
    )  # fmt: skip
    return NEW(Record, fields)


QUICK_READERS: dict[str, Callable[[LogLine, str], Record | None]] = {
    **dict.fromkeys(READERS, read_unusual),
    **dict.fromkeys("0123456789", _node),
    "[": _python,
}
"""By the first character of a line; a line that begins otherwise is plain text."""
