"""PURE: the trace context that a structured line has, in the names of OpenTelemetry and others.

Source: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extension.telemetry.reading.aliases import Field, Fields, value_of
from extension.telemetry.reading.line_parts import LineTrace

TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")
NOT_SAMPLED = {"00", "0", "0x0", 0, "false", "False"}
"""And False, which equals 0."""


def read_trace(payload: Mapping[str, Any], found: Fields) -> LineTrace | None:
    """Return the span that the line names; both ids, and neither of zeros, or nothing."""
    trace, span = _first(payload, found, "trace_id"), _first(payload, found, "span_id")
    if trace is None or span is None:
        return None
    trace_text, span_text = _hexadecimal(trace[1]), _hexadecimal(span[1])
    if not (TRACE_ID.fullmatch(trace_text) and SPAN_ID.fullmatch(span_text)):
        return None
    trace_id, span_id = int(trace_text, 16), int(span_text, 16)
    if not (trace_id and span_id):
        return None
    flags = _first(payload, found, "trace_flags")
    fields = [each[0] for each in (trace, span, flags) if each]
    return LineTrace(
        trace_id,
        span_id,
        sampled=flags is None or flags[1] not in NOT_SAMPLED,
        keys=tuple(outer for outer, inner in fields if not inner),
    )


def _hexadecimal(value: str | int) -> str:
    """Return an id without what Python's SDK and Google's layouts write before it."""
    text = str(value)
    if "/traces/" in text:
        text = text.rpartition("/")[2]
    return text.removeprefix("0x")


def _first(payload: Mapping[str, Any], found: Fields, part: str) -> tuple[Field, Any] | None:
    for field in found.get(part, ()):
        value = value_of(payload, field)
        if isinstance(value, str | int):
            return field, value
    return None
