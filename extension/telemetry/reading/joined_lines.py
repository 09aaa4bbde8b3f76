"""PURE: records that a runtime wrote in several lines, each of them an event, put together.

Outside AWS's own images a runtime may write to a plain pipe, where each line is a record of its
own: Java's stack traces, and the indented JSON in which Ruby reports an error. Where logs are JSON
the platform wraps each line of a stack trace that is printed. Lines are joined where they follow
one another, wherever the platform has cut its deliveries: what the next delivery may continue is
kept back until it is here, or `flush` says that none is to come.

Python, Node.js and .NET in AWS's images write each record whole: nothing waits for more there.

On Managed Instances the report of a request may stand before lines of the same moment; they are
put before it, because the report ends the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from extension.telemetry.reading.event_columns import Events, in_events
from extension.telemetry.reading.events import Event, InitStart, LogLine, Report
from extension.telemetry.reading.form import INITIAL

JAVA_CAUSE = "Caused by: "
JAVA_INDENTED = ("at ", "... ", "Suppressed: ", JAVA_CAUSE)
"""What is suppressed is indented once more, with its frames and its own causes."""
RUBY_BEGINS = '  "errorMessage": '
PARTS = ("\t", JAVA_CAUSE, "{\n", "{\r")
"""How a line begins that may be a part of something; most deliveries hold none."""
FIRST_OF_PARTS = frozenset(part[0] for part in PARTS)

WHOLE = ("python", "nodejs", "dotnet")
"""How the versions of AWS's runtimes begin that write each record whole, stack traces too."""

WRAPPER = frozenset(("timestamp", "level", "message", "requestId"))
WRAPPED_LEVEL = "INFO"
"""What the platform gives each line of text."""

APART_NS = 50_000_000
"""How far apart the lines of one record may be."""

MOST_JAVA_LINES = 4096
"""Four stack traces of the depth at which Java ends them."""

MOST_RUBY_LINES = 512
MOST_CHARACTERS = 1_048_576
"""Of one record: whatever is kept back is held in memory."""

MOST_REPORTS = 16
"""That stand between a line and the place where it belongs."""


class LineJoiner:
    """Takes the deliveries of one subscription; `concurrent` on Managed Instances."""

    def __init__(self, *, concurrent: bool = False) -> None:
        self._concurrent = concurrent
        self._joins = True
        """Whether lines may be parts; not after the platform has named a runtime without any."""
        self._out: list[Event] = []
        """What is decided; between two deliveries only reports that a line may go before."""
        self._before: LogLine | None = None
        """The line before the group, which may be its head."""
        self._group: list[LogLine] = []
        """A line, and those that continue it."""
        self._ruby: list[LogLine] = []
        """A report of Ruby that has begun."""
        self._characters = 0
        """Of the group, or of Ruby's report."""

    @property
    def waits(self) -> bool:
        """Whether anything is kept back."""
        return bool(self._group or self._ruby or self._out)

    def feed(self, events: Iterable[Event]) -> Events:
        """Return what is decided with this delivery, in its order."""
        events = in_events(events)
        if not self._joins:
            return events
        decided = Events()
        last = range(len(events))
        if len(events) > 2 and not (self._ruby or self._out or self._may_be_parts(events)):
            decided.append_all(self.flush())
            decided.extend(events[:-2])
            last = last[-2:]
        for at in last:
            self._take(events[at])
        decided.append_all(self._decided())
        if not self._concurrent and any(map(_is_of_whole_lines, events.others.values())):
            decided.append_all(self.flush())
            self._joins = False
        return decided

    def flush(self) -> list[Event]:
        """Return what was kept back, because nothing continues it."""
        self._give_up_ruby()
        self._close()
        decided, self._out = self._out, []
        return decided

    def _may_be_parts(self, events: Events) -> bool:
        """Return whether one of many events may have to be joined or moved."""
        if self._concurrent and any(isinstance(each, Report) for each in events.others.values()):
            return True
        texts = events.records
        try:
            firsts = {*map(INITIAL, texts)}
        except LookupError:  # one is empty, or an object
            texts = [text for each in texts if (text := _text_of(each)) is not None]
            firsts = {text[:1] for text in texts}
        return not FIRST_OF_PARTS.isdisjoint(firsts) and any(
            text.startswith(PARTS) or text == "{" for text in texts
        )

    def _take(self, event: Event) -> None:
        text = _text(event) if isinstance(event, LogLine) else None
        if text is None or not isinstance(event, LogLine):
            self._give_up_ruby()
            self._close()
            self._give(event)
        elif self._ruby:
            self._take_ruby(event, text)
        elif text.rstrip("\r\n") == "{" and event.record is text:
            self._close()
            self._ruby, self._characters = [event], 1
        else:
            self._take_line(event, text)

    def _take_ruby(self, line: LogLine, text: str) -> None:
        is_last = len(self._ruby) > 1 and text.rstrip("\r\n") == "}"
        expected = "  " if len(self._ruby) > 1 else RUBY_BEGINS
        self._characters += len(text)
        is_too_large = len(self._ruby) >= MOST_RUBY_LINES or self._characters > MOST_CHARACTERS
        is_part = (is_last or text.startswith(expected)) and line.record is text
        if is_too_large or not is_part:
            self._give_up_ruby()
            self._take(line)
            return
        self._ruby.append(line)
        if is_last:
            self._give(_join(self._ruby))
            self._ruby = []

    def _give_up_ruby(self) -> None:
        """Take the lines for what else they may be, because they are no report of Ruby."""
        lines, self._ruby = self._ruby, []
        for line in lines:
            self._take_line(line, str(line.record))

    def _take_line(self, line: LogLine, text: str) -> None:
        if self._is_continued_by(line, text):
            self._decide_before()
            if self._before:
                self._group.insert(0, self._before)
                self._before = None
            self._group.append(line)
            self._characters += len(text)
            return
        if len(self._group) == 1:
            [alone], self._group = self._group, []
            self._close()
            self._before = alone
        else:
            self._close()
        self._group, self._characters = [line], len(text)

    def _is_continued_by(self, line: LogLine, text: str) -> bool:
        if not self._group or not _continues_java(text):
            return False
        last = self._group[-1]
        return (
            _source(last) == _source(line)
            and abs(line.time_ns - last.time_ns) <= APART_NS
            and len(self._group) < MOST_JAVA_LINES
            and self._characters + len(text) <= MOST_CHARACTERS
        )

    def _decide_before(self) -> None:
        """Give the line before the group if it is no head of it."""
        if self._before and not _is_head(self._before, self._group[0]):
            self._give(self._before)
            self._before = None

    def _close(self) -> None:
        """Give the group, for something else follows."""
        if self._before:
            self._give(self._before)
        if self._group:
            self._give(_join(self._group))
        self._before, self._group = None, []

    def _give(self, event: Event) -> None:
        """Add an event; a line goes before the reports of the same moment or later."""
        at = len(self._out)
        if self._concurrent and isinstance(event, LogLine):
            while (
                at and len(self._out) - at < MOST_REPORTS and _ends_later(self._out[at - 1], event)
            ):
                at -= 1
        self._out.insert(at, event)

    def _decided(self) -> list[Event]:
        """Give away all but the reports at the end, before which a line may go."""
        self._decide_before()
        at = len(self._out)
        while self._concurrent and at and len(self._out) - at < MOST_REPORTS:
            if not isinstance(self._out[at - 1], Report):
                break
            at -= 1
        decided, self._out = self._out[:at], self._out[at:]
        return decided


def _is_of_whole_lines(event: Event) -> bool:
    """Return whether an event names a runtime that writes each record whole."""
    return isinstance(event, InitStart) and event.runtime_version.startswith(WHOLE)


def _text(line: LogLine) -> str | None:
    """Return a line's text: the record, or what the platform has wrapped; None if it is neither."""
    return _text_of(line.record)


def _text_of(record: object) -> str | None:
    return record if isinstance(record, str) else _wrapped_text(record)


def _wrapped_text(record: object) -> str | None:
    if type(record) is not dict or record.get("level") != WRAPPED_LEVEL:
        return None
    message = record.get("message")
    return message if isinstance(message, str) and record.keys() <= WRAPPER else None


def _source(line: LogLine) -> tuple[str, object]:
    """Return what lines of one record have in common."""
    record = line.record
    return line.stream, record.get("requestId", "") if isinstance(record, Mapping) else None


def _continues_java(text: str) -> bool:
    if text[:1] != "\t":
        return text.startswith(JAVA_CAUSE)
    return text.lstrip("\t").startswith(JAVA_INDENTED)


def _is_head(before: LogLine, first: LogLine) -> bool:
    """Return whether a line ends with the type that the first line of a stack trace begins with."""
    kind = str(_text(first)).partition(":")[0].strip()
    is_head = bool(kind) and str(_text(before)).rstrip("\r\n").endswith(f": {kind}")
    return is_head and _source(before) == _source(first)


def _join(group: Sequence[LogLine]) -> LogLine:
    first, *more = group
    if not more:
        return first
    text = "\n".join(str(_text(line)).rstrip("\r\n") for line in group)
    record = first.record
    if isinstance(record, Mapping):
        return first._replace(record={**record, "message": text})
    return first._replace(record=f"{text}\n")


def _ends_later(before: Event, line: LogLine) -> bool:
    return isinstance(before, Report) and before.time_ns >= line.time_ns
