"""PURE: one delivery of the Telemetry API, JSON to the values of `events`.

Rule of the room: whatever arrives, nothing is raised. A record that cannot be read is counted
and costs nobody else; a type that is not known is kept as `Unknown`; unknown fields are ignored,
for the platform adds some without a new schema version; a known field of a wrong type is absent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from extension.frozen import Frozen, fields
from extension.telemetry.reading.elements import elements
from extension.telemetry.reading.events import (
    Event,
    ExtensionState,
    InitReport,
    InitRuntimeDone,
    InitStart,
    LogLine,
    LogsDropped,
    PhaseSpan,
    Report,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    RuntimeDone,
    Start,
    Stream,
    TelemetrySubscription,
    Tracing,
    Unknown,
)
from extension.telemetry.reading.read_json import read_json
from extension.telemetry.reading.split_record import is_first_part

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATEST_NS = 2**63
LARGEST_NUMBER = 2**53
"""Beyond it JSON numbers are not exact, and no duration or size of Lambda comes near."""

MOST_DIGITS = 16
"""Of a number told as text; fewer than `LARGEST_NUMBER` has."""

Fields = Mapping[str, Any]


class Batch(Frozen):
    """The readable events of one delivery, in its order, and how many were not readable."""

    events: tuple[Event, ...]
    bad: int = 0
    items: tuple[Any, ...] = ()
    """The JSON objects that the events were read from, for who sends them on as they are."""
    first_part: bytes = b""
    """An element at its end that the next delivery may continue; not in `bad`."""


def parse(body: bytes, *, received_ns: int = 0) -> Batch:
    """Read one delivery: a JSON array of events.

    An event whose time cannot be read happened when it was received, if that is given: an end
    without a time is still an end.
    """
    first_part = b""
    try:
        whole: Any = read_json(body)
        items, unreadable = (whole if isinstance(whole, list) else [whole]), 0
    except ValueError:
        items, unreadable, first_part = _each(body)
    read = [_event(item, received_ns) for item in items]
    good = tuple(event for event in read if event is not None)
    return Batch(
        events=good,
        bad=len(read) - len(good) + unreadable,
        items=tuple(items),
        first_part=first_part,
    )


def _each(body: bytes) -> tuple[list[Any], int, bytes]:
    """Read the elements one by one; return them, how many cannot be read, and a first part.

    Something is unreadable, else the whole would have been read.
    """
    items: list[Any] = []
    unreadable: list[bytes] = []
    for element in elements(body):
        try:
            items.append(read_json(element))
        except ValueError:
            unreadable.append(element)
    if unreadable and is_first_part(unreadable[-1]) and body.endswith(unreadable[-1]):
        return items, len(unreadable) - 1, unreadable[-1]
    return items, max(len(unreadable), 1), b""


def parse_time(text: str) -> int:
    """Return epoch nanoseconds of an RFC 3339 time; without an offset it is UTC.

    Raises:
        ValueError: it is no time, or none of this age (.NET writes the year 1 for no time).
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    time_ns = (moment - EPOCH) // MICROSECOND * 1000
    if not 0 <= time_ns < LATEST_NS:
        raise ValueError("before 1970 or after 2262, which no encoder can send")
    return time_ns


def _event(item: Any, received_ns: int) -> Event | None:
    try:
        kind, record = item["type"], item.get("record")
        time_ns = _time(item, received_ns)
        if kind in ("function", "extension"):
            return _log_line(kind, time_ns, record)
        if kind not in LAYOUTS:
            return Unknown(time_ns=time_ns, type=str(kind), record=record)
        shape, layout = LAYOUTS[kind]
        told = {name: read(record, key) for name, key, read in layout}
        event: Event = shape(time_ns=time_ns, **told)
        return event
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _time(item: Any, otherwise_ns: int) -> int:
    try:
        return parse_time(item["time"])
    except (ValueError, TypeError, KeyError, OverflowError):
        if otherwise_ns:
            return otherwise_ns
        raise


def _log_line(stream: Stream, time_ns: int, record: Any) -> LogLine:
    if not isinstance(record, str | dict):
        record = json.dumps(record)
    return LogLine(time_ns=time_ns, stream=stream, record=record)


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


def _phase_span(given: Any) -> PhaseSpan | None:
    """Read one of `spans`; one whose start is no time is left out."""
    try:
        start_ns, duration_ms = parse_time(given["start"]), given["durationMs"]
        if not _is_number(duration_ms) or duration_ms < 0:
            return None
        return PhaseSpan(name=str(given["name"]), start_ns=start_ns, duration_ms=duration_ms)
    except (ValueError, TypeError, KeyError):
        return None


def _tracing(record: Fields, key: str) -> Tracing | None:
    given = record.get(key)
    if not isinstance(given, dict) or not isinstance(given.get("value"), str):
        return None
    return Tracing(header=given["value"], span_id=_text(given, "spanId"))


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < LARGEST_NUMBER


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


def _key(name: str) -> str:
    """Return the JSON name of a field: memory_size_mb is memorySizeMB."""
    first, *rest = name.split("_")
    return first + "".join("MB" if word == "mb" else word.capitalize() for word in rest)


def _layout(shape: type[Any]) -> tuple[Any, tuple[tuple[str, str, Callable[..., Any]], ...]]:
    timeless = [name for name in fields(shape) if name != "time_ns"]
    types = shape.__annotations__
    return shape, tuple((name, _key(name), READERS[types[name]]) for name in timeless)


LAYOUTS = {
    "platform.initStart": _layout(InitStart),
    "platform.initRuntimeDone": _layout(InitRuntimeDone),
    "platform.initReport": _layout(InitReport),
    "platform.restoreStart": _layout(RestoreStart),
    "platform.restoreRuntimeDone": _layout(RestoreRuntimeDone),
    "platform.restoreReport": _layout(RestoreReport),
    "platform.start": _layout(Start),
    "platform.runtimeDone": _layout(RuntimeDone),
    "platform.report": _layout(Report),
    "platform.extension": _layout(ExtensionState),
    "platform.telemetrySubscription": _layout(TelemetrySubscription),
    "platform.logsDropped": _layout(LogsDropped),
}
