"""The JSON format: the platform's events as they came, a JSON array a POST.

The contract of AWS's own sample extension, for endpoints written for it. The invocations are still
assembled, for they decide when to export.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from extension.process.waits import Budget
from extension.redaction.redactor import Redacted
from extension.telemetry.encoder import Encoder
from extension.telemetry.export.buffer import REQUEST_BYTES, PendingItem, Signal
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.health import Health
from extension.telemetry.reading.cut_lines import CutLines
from extension.telemetry.reading.line_reader import ENCODED, Redaction
from extension.telemetry.reading.records import is_own
from extension.telemetry.reading.redact import redact_json
from extension.telemetry.reading.times import IN_MILLISECONDS

CONTENT_TYPE = "application/json"

GROUP = 100
"""Events that are written together: about as many as fit into a request."""

LINES = ("function", "extension")
LINE_KEYS = {"time", "type", "record"}

TYPE, RECORD = map(itemgetter, ("type", "record"))

WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class RawEncoder(Encoder):
    """Passes events on as they are."""

    reads_lines = False

    def __init__(self, redaction: Redaction, *, health: Health) -> None:
        self._redaction = redaction
        self._health = health
        self._cut_lines = CutLines()

    def encode_events(self, events: Sequence[Any]) -> list[PendingItem]:
        """Return each event, less our own lines."""
        clean, lines = _lines_of(events)
        if self._cut_lines.concerns(lines):
            clean = [self._without_cuts(item) for item in clean]
        if not self._redaction.is_idle:
            for at in self._redaction.suspects([_text_of(item) for item in clean]):
                clean[at] = self._without_secrets(clean[at])
        groups = (clean[at : at + GROUP] for at in range(0, len(clean), GROUP))
        return [item for group in groups for item in self._requests(group)]

    def _without_cuts(self, item: Any) -> Any:
        """Return an event without what is around a cut, if it is a line that was cut."""
        kind = item.get("type") if isinstance(item, dict) else None
        if kind not in LINES:
            return item
        record = self._cut_lines.clean(item.get("record"), stream=kind)
        return item if record is item.get("record") else {**item, "record": record}

    def _without_secrets(self, item: Any) -> Any:
        names: set[str] = set()

        def redact(text: str) -> Redacted:
            redacted = self._redaction.redact(text)
            names.update(redacted.names)
            return redacted

        clean = redact_json(item, redact)
        self._health.leaks += bool(names)
        return clean

    def _requests(self, events: Sequence[Any]) -> Iterator[PendingItem]:
        """Yield requests of `REQUEST_BYTES`, at most; a larger event is alone."""
        body = _dump(events)
        if len(body) <= REQUEST_BYTES or len(events) == 1:
            yield PendingItem(signal="events", body=body, count=len(events))
            return
        middle = len(events) // 2
        yield from self._requests(events[:middle])
        yield from self._requests(events[middle:])


def _dump(events: Sequence[Any]) -> bytes:
    """Return events with commas between them."""
    try:
        text = WRITER.encode(events)
    except ValueError:  # a number that is not finite
        text = WRITER.encode([redact_json(item, Redacted) for item in events])
    return text[1:-1].encode()


def _lines_of(events: Sequence[Any]) -> tuple[list[Any], Sequence[Any]]:
    """Return events without our own lines, and what may be cut in them: nearly all are texts."""
    try:
        kinds = {*map(TYPE, events)}
        records = [*map(RECORD, events)]
    except (TypeError, KeyError):  # something is no event
        kinds, records = {""}, []
    if kinds == {"function"} and {*map(type, records)} <= {str, dict}:
        return [*events], records
    clean = [item for item in events if not _is_own(item)]
    return clean, [_line_of(item) for item in clean]


def _line_of(item: Any) -> Any:
    is_line = isinstance(item, dict) and item.get("type") in LINES
    record = item.get("record") if is_line else ""
    return record if isinstance(record, str | dict) else ""


def _text_of(item: Any) -> str:
    """Return the text of a line; any other event is looked at closely."""
    is_line = isinstance(item, dict) and item.keys() == LINE_KEYS and item["type"] in LINES
    record = item["record"] if is_line else None
    if not isinstance(record, str) or not IN_MILLISECONDS.fullmatch(str(item["time"])):
        return ENCODED
    return record


class RawExporter:
    """Posts events as one JSON array."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def export(self, signal: Signal, bodies: Sequence[bytes], *, budget: Budget) -> Outcome:
        """Send one batch within the budget; never raises for what the endpoint does."""
        body = b"[" + b",".join(bodies) + b"]"
        return await self._post.send(signal, body, content_type=CONTENT_TYPE, budget=budget)


def _is_own(item: Any) -> bool:
    return isinstance(item, dict) and is_own(item.get("type"), item.get("record"))
