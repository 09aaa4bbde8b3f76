"""PURE: what precedes a text: a level, a time, a request id."""

from __future__ import annotations

from extension.telemetry.reading.json_lines import around, read_inner
from extension.telemetry.reading.levels import LEVELS, UNREAD
from extension.telemetry.reading.line_parts import LineParts
from extension.telemetry.reading.times import own_time

TIME = "time"
"""The attribute of a time that is not believed."""


def with_head(
    body: str, level: str, time: str, request_id: str | None, platform_ns: int
) -> LineParts:
    """Return a line of a form that is certain; empty is what its head does not have."""
    severity, _ = LEVELS.get(level, UNREAD)
    time_ns = own_time(time, platform_ns=platform_ns) if time else 0
    parts = LineParts(body, severity, level, time_ns or 0, request_id or "")
    if time_ns is None:
        parts = parts._replace(attributes={TIME: time})
    return with_inner(parts, platform_ns)


def with_inner(parts: LineParts, platform_ns: int) -> LineParts:
    """Read the JSON that a head precedes."""
    inner = read_inner(parts.body, platform_ns=platform_ns) if parts.body[:1] == "{" else None
    return around(inner, parts) if inner else parts
