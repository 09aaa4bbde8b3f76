"""PURE: one delivery of the Telemetry API, JSON to the values of `events`.

Whatever arrives, nothing is raised. A record that cannot be read is counted and costs no other
record; a type that is not known is kept as `Unknown`; unknown fields are ignored,
for the platform adds some without a new schema version; a known field of a wrong type is absent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from extension.process.frozen import Frozen, fields
from extension.telemetry.reading.elements import elements
from extension.telemetry.reading.event_columns import Events
from extension.telemetry.reading.events import (
    Event,
    ExtensionState,
    InitReport,
    InitRuntimeDone,
    InitStart,
    LogLine,
    LogsDropped,
    Report,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    RuntimeDone,
    Start,
    Stream,
    TelemetrySubscription,
    Unknown,
)
from extension.telemetry.reading.field_readers import READERS, json_name
from extension.telemetry.reading.read_json import read_json
from extension.telemetry.reading.split_record import is_first_part
from extension.telemetry.reading.times import MILLISECONDS, parse_time

RECORD_TYPES = {str, dict}
"""What the record of a line is."""

TYPE, TIME, RECORD = map(itemgetter, ("type", "time", "record"))

MOST_EVENTS = 10_000
"""In one delivery: ten times what is subscribed to. Those beyond are counted, not read."""

MOST_UNREADABLE = 100
"""Elements that cannot be read; each costs an exception, and a stranger may post a million."""


class Batch(Frozen):
    """The readable events of one delivery, in its order, and how many were not readable."""

    events: Events
    bad: int = 0
    items: tuple[Any, ...] = ()
    """The JSON objects that the events were read from, for the format that keeps them."""
    first_part: bytes = b""
    """An element at its end that the next delivery may continue; not in `bad`."""


def parse(body: bytes, *, received_ns: int = 0, reads_lines: bool = True) -> Batch:
    """Read one delivery: a JSON array of events.

    An event whose time cannot be read happened when it was received, if that is known: an end
    without a time is still an end. Without `reads_lines`, lines of the function are only counted.
    """
    first_part = b""
    try:
        whole: Any = read_json(body)
        items = whole if isinstance(whole, list) else [whole]
        unreadable = max(len(items) - MOST_EVENTS, 0)
        items = items[:MOST_EVENTS]
    except ValueError:
        items, unreadable, first_part = _each(body)
    good = _events(items, received_ns, reads_lines=reads_lines)
    return Batch(
        events=good,
        bad=len(items) - len(good) + unreadable,
        items=tuple(items),
        first_part=first_part,
    )


def _each(body: bytes) -> tuple[list[Any], int, bytes]:
    """Read the elements one by one; return them, how many cannot be read, and a first part.

    Something is unreadable, else the whole would have been read. Where too much is, what is left
    counts as one.
    """
    items: list[Any] = []
    unreadable: list[bytes] = []
    for element in elements(body):
        if len(items) >= MOST_EVENTS or len(unreadable) >= MOST_UNREADABLE:
            return items, len(unreadable) + 1, b""
        try:
            items.append(read_json(element))
        except ValueError:
            unreadable.append(element)
    if unreadable and is_first_part(unreadable[-1]) and body.endswith(unreadable[-1]):
        return items, len(unreadable) - 1, unreadable[-1]
    return items, max(len(unreadable), 1), b""


def _events(items: list[Any], received_ns: int, *, reads_lines: bool) -> Events:
    """Return the readable ones; nearly all are lines of the function, which are read together."""
    events = Events()
    for kind, run in runs_by_type(items):
        lines = None
        if kind == "function":
            lines = _lines(run) if reads_lines else Events.blank(len(run))
        if lines is not None:
            events.extend(lines)
            continue
        for item in run:
            if (event := _event(item, received_ns)) is not None:
                events.append(event)
    return events


def runs_by_type(items: Sequence[Any]) -> list[tuple[Any, list[Any]]]:
    """Return runs of items of one type, with it; all are one run without it if an item has none."""
    try:
        return [(kind, [*run]) for kind, run in groupby(items, key=TYPE)]
    except (TypeError, KeyError):  # something is no event
        return [("", [*items])]


def _lines(items: list[Any]) -> Events | None:
    """Read lines of the function, None if anything in one of them is unusual."""
    try:
        times_ns = [*map(MILLISECONDS.__getitem__, map(TIME, items))]
        records = [*map(RECORD, items)]
    except (TypeError, KeyError):
        return None
    if not (all(times_ns) and {*map(type, records)} <= RECORD_TYPES):
        return None
    return Events((times_ns, ["function"] * len(items), records))


def _event(item: Any, received_ns: int) -> Event | None:
    try:
        kind, record = item["type"], item.get("record")
        try:
            time_ns = parse_time(item["time"])
        except (ValueError, TypeError, KeyError, OverflowError):
            if not received_ns:
                raise
            time_ns = received_ns
        if kind in ("function", "extension"):
            return _log_line(kind, time_ns, record)
        if kind not in LAYOUTS:
            return Unknown(time_ns=time_ns, type=str(kind), record=record)
        shape, layout = LAYOUTS[kind]
        metrics = record.get("metrics")
        # The others have their defaults: asking for each of them takes a third of the time.
        told = {*record, *metrics} if isinstance(metrics, dict) else record
        payload = {name: read(record, key) for name, key, read in layout if key in told}
        event: Event = shape(time_ns=time_ns, **payload)
        return event
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _log_line(stream: Stream, time_ns: int, record: Any) -> LogLine:
    if type(record) not in RECORD_TYPES:
        record = json.dumps(record)
    return LogLine(time_ns, stream, record)


def _layout(shape: type[Any]) -> tuple[Any, tuple[tuple[str, str, Callable[..., Any]], ...]]:
    timeless = [name for name in fields(shape) if name != "time_ns"]
    types = shape.__annotations__
    return shape, tuple((name, json_name(name), READERS[types[name]]) for name in timeless)


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
