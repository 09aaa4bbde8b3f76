"""PURE: the events of deliveries as columns: a `LogLine` is made only where one is looked at.

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

    times_ns: list[int]
    streams: list[Stream]
    records: list[Any]

    def __init__(
        self, columns: Iterable[list[Any]] = (), *, others: Mapping[int, Event] = NONE
    ) -> None:
        super().__init__(columns or ([], [], []), others=others)
        self.times_ns, self.streams, self.records = self.columns

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
        for at in [*sorted(self.others), len(self.records)]:
            if begin < at:
                yield Events([column[begin:at] for column in self.columns])
            if at in self.others:
                yield self.others[at]  # type: ignore[misc]  # no line is among them
            begin = at + 1

    def append(self, event: Event) -> None:
        """Put an event at the end."""
        if type(event) is LogLine:
            time_ns, stream, record = event
        else:
            time_ns, stream, record = event.time_ns, "function", NO_LINE
            self.others[len(self.records)] = event
        self.times_ns.append(time_ns)
        self.streams.append(stream)
        self.records.append(record)

    def append_all(self, events: Iterable[Event]) -> None:
        """Put events at the end, each by itself."""
        for event in events:
            self.append(event)

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
    columns.append_all(events)
    return columns
