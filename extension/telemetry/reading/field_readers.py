"""PURE: one field of a platform event, by the annotation that it has in `events`.

A known field of a wrong type is absent; only a request id must be there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from extension.telemetry.reading.events import PhaseSpan, Tracing
from extension.telemetry.reading.times import parse_time

LARGEST_NUMBER = 2**53
"""Beyond it JSON numbers are not exact, and no duration or size of Lambda comes near."""

MOST_DIGITS = 16
"""Of a number written as text; fewer than `LARGEST_NUMBER` has."""

NUMBERS = frozenset({int, float})
"""Types of JSON's numbers; a bool is none."""

Fields = Mapping[str, Any]


def _request_id(record: Fields, key: str) -> str:
    request_id = record[key]
    if not isinstance(request_id, str) or not request_id:
        raise ValueError("no request id")
    return request_id


def _text(record: Fields, key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _texts(record: Fields, key: str) -> tuple[str, ...]:
    value = record.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _whole(record: Fields, key: str) -> int:
    """Read a count; the documentation calls some of them strings."""
    value = record.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < MOST_DIGITS:
        return int(value)
    return int(value) if value is not None and _is_number(value) else 0


def _metric(record: Fields, key: str) -> float | None:
    metrics = record.get("metrics")
    value: float | None = metrics.get(key) if isinstance(metrics, dict) else None
    return value if _is_number(value) else None


def _whole_metric(record: Fields, key: str) -> int | None:
    value = _metric(record, key)
    return None if value is None else int(value)


def _phase_spans(record: Fields, key: str) -> tuple[PhaseSpan, ...]:
    value = record.get(key)
    read = map(_phase_span, value if isinstance(value, list) else ())
    return tuple(span for span in read if span is not None)


def _phase_span(phase: Any) -> PhaseSpan | None:
    """Read one of `spans`; one whose start is no time is left out."""
    try:
        start_ns, duration_ms = parse_time(phase["start"]), phase["durationMs"]
        if not _is_number(duration_ms) or duration_ms < 0:
            return None
        return PhaseSpan(name=str(phase["name"]), start_ns=start_ns, duration_ms=duration_ms)
    except (ValueError, TypeError, KeyError):
        return None


def _tracing(record: Fields, key: str) -> Tracing | None:
    tracing = record.get(key)
    if not isinstance(tracing, dict) or not isinstance(tracing.get("value"), str):
        return None
    return Tracing(header=tracing["value"], span_id=_text(tracing, "spanId"))


def _is_number(value: Any) -> bool:
    return type(value) in NUMBERS and abs(value) < LARGEST_NUMBER


READERS: Mapping[str, Callable[[Fields, str], Any]] = {
    "RequestId": _request_id,
    "str": _text,
    "tuple[str, ...]": _texts,
    "int": _whole,
    "Metric": _metric,
    "WholeMetric": _whole_metric,
    "tuple[PhaseSpan, ...]": _phase_spans,
    "Tracing | None": _tracing,
}


def json_name(name: str) -> str:
    """Return the JSON name of a field: memory_size_mb is memorySizeMB."""
    first, *rest = name.split("_")
    return first + "".join("MB" if word == "mb" else word.capitalize() for word in rest)
