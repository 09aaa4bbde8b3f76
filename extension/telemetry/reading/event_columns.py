"""PURE: the events of deliveries as columns: a `LogLine` is made only where somebody looks at one.

Nearly all events are lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from extension.telemetry.reading.events import Event, LogLine, PlatformEvent, Stream
from extension.telemetry.reading.table import NONE, Table

NO_LINE = "-"
"""In place of the record of an event that is no line: a text that looks like nothing special."""


class Events(Table[Event]):
    """Events in their order; `others` has those that are no lines."""

    __slots__ = ("records", "streams", "times_ns")

    def __init__(
        self, columns: Iterable[list[Any]] = (), *, others: Mapping[int, Event] = NONE
    ) -> None:
        super().__init__(columns or ([], [], []), others=others)
        self.times_ns: list[int] = self.columns[0]
        self.streams: list[Stream] = self.columns[1]
        self.records: list[Any] = self.columns[2]

    @classmethod
    def blank(cls, number: int) -> Events:
        """Return lines of which nothing is known but their number."""
        return cls(([0] * number, ["function"] * number, [NO_LINE] * number))

    def without_lines(self) -> Events:
        """Return the events that are no lines."""
        return self.at(sorted(self.others))

    def runs(self) -> Iterator[Events | PlatformEvent]:
        """Yield, in their order, lines that follow one another together, any other event alone."""
        if not self.others:
            yield self
            return
        begin = 0
        for at in sorted(self.others):
            if begin < at:
                yield self[begin:at]
            yield self.others[at]  # type: ignore[misc]  # no line is among them
            begin = at + 1
        if begin < len(self):
            yield self[begin:]

    def _row(self, event: Event) -> tuple[Any, ...]:
        return event if isinstance(event, LogLine) else (event.time_ns, "function", NO_LINE)

    def _is_more(self, event: Event) -> bool:
        return not isinstance(event, LogLine)

    def _plain(self, at: int) -> LogLine:
        return LogLine(self.times_ns[at], self.streams[at], self.records[at])


def in_events(events: Iterable[Event]) -> Events:
    """Return events as columns; nearly always they are already."""
    if isinstance(events, Events):
        return events
    columns = Events()
    for event in events:
        columns.append(event)
    return columns
