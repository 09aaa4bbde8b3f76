"""PURE: records that a runtime wrote in several lines, each of them an event, put together.

Outside AWS's own images a runtime may write to a plain pipe, where each line is a record of its
own: Java's stack traces, and the indented JSON in which Ruby reports an error. Lines are joined
within a delivery, where they follow one another.

On Managed Instances the report of a request may stand before lines of the same moment; they are
put before it, for the report ends the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from extension.process.frozen import replace
from extension.telemetry.reading.events import Event, LogLine, Report

JAVA_CONTINUES = ("\tat ", "\t... ", "Caused by: ", "\tSuppressed: ")
RUBY_BEGINS = '  "errorMessage": '
APART_NS = 50_000_000
"""How far apart the lines of one record may be."""

MOST_RUBY_LINES = 512
MOST_REPORTS = 16
"""That stand between a line and the place where it belongs."""


def in_order(events: Sequence[Event]) -> Sequence[Event]:
    """Return the events of a delivery with split records joined, and lines before their report."""
    if not any(_is_part(event) for event in events):
        return events
    joined: list[Event] = []
    for group in _groups(events):
        event = _join(group)
        _insert(joined, event)
    return joined


def _is_part(event: Event) -> bool:
    """Tell whether an event may have to be joined or moved; most deliveries hold none."""
    if isinstance(event, LogLine):
        text = event.record
        return isinstance(text, str) and text.startswith(("\t", "Caused by: ", "{\n"))
    return isinstance(event, Report)


def _groups(events: Sequence[Event]) -> Iterable[list[Event]]:
    """Yield what belongs together; nearly always one event."""
    group: list[Event] = []
    held: list[Event] = []
    """The line before the group, which may be its head."""
    end_of_ruby = 0
    for index, event in enumerate(events):
        if index < end_of_ruby or (group and _continues(group[-1], event)):
            if len(group) == 1 and held and _is_head(held[-1], group[0]):
                group.insert(0, held.pop())
            group.append(event)
            continue
        yield from ([each] for each in held)
        if len(group) > 1:
            yield group
            held = []
        else:
            held = group
        group = [event]
        end_of_ruby = _ruby_end(events, index)
    yield from ([each] for each in held)
    if group:
        yield group


def _continues(before: Event, event: Event) -> bool:
    return (
        isinstance(event, LogLine)
        and isinstance(event.record, str)
        and event.record.startswith(JAVA_CONTINUES)
        and isinstance(before, LogLine)
        and isinstance(before.record, str)
        and before.stream == event.stream
        and abs(event.time_ns - before.time_ns) <= APART_NS
    )


def _is_head(before: Event, first: Event) -> bool:
    """Tell whether a line ends with the type that the first line of a stack trace begins with."""
    if not isinstance(before, LogLine) or not isinstance(first, LogLine):
        return False
    if not isinstance(before.record, str) or not isinstance(first.record, str):
        return False
    kind = first.record.partition(":")[0].strip()
    return bool(kind) and before.record.rstrip("\r\n").endswith(f": {kind}")


def _ruby_end(events: Sequence[Event], begin: int) -> int:
    """Return where the indented report that begins here ends; 0 if none begins."""
    if _text(events, begin) != "{" or not _text(events, begin + 1).startswith(RUBY_BEGINS):
        return 0
    for index in range(begin + 1, min(begin + MOST_RUBY_LINES, len(events))):
        text = _text(events, index)
        if text == "}":
            return index + 1
        if not text.startswith("  "):
            return 0
    return 0


def _text(events: Sequence[Event], index: int) -> str:
    event = events[index] if index < len(events) else None
    is_text = isinstance(event, LogLine) and isinstance(event.record, str)
    return event.record.rstrip("\r\n") if is_text else ""  # type: ignore[union-attr]


def _join(group: list[Event]) -> Event:
    first = group[0]
    if len(group) == 1 or not isinstance(first, LogLine):
        return first
    lines = [each.record for each in group if isinstance(each, LogLine)]
    texts = [str(line).rstrip("\r\n") for line in lines]
    return replace(first, record="\n".join(texts) + "\n")


def _insert(joined: list[Event], event: Event) -> None:
    """Append an event; a line goes before the reports of the same moment or later."""
    at = len(joined)
    if isinstance(event, LogLine):
        while at and len(joined) - at < MOST_REPORTS and _ends_later(joined[at - 1], event):
            at -= 1
    joined.insert(at, event)


def _ends_later(before: Event, line: LogLine) -> bool:
    return isinstance(before, Report) and before.time_ns >= line.time_ns
