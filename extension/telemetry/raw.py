"""The JSON format: the platform's events as they came, a JSON array a POST.

The contract of AWS's own sample extension, for endpoints written for it. The invocations are still
assembled, because they decide when to export.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NamedTuple

from extension.process.waits import Budget
from extension.redaction.redactor import Redacted
from extension.telemetry.encoder import Encoder
from extension.telemetry.export.buffer import REQUEST_BYTES, PendingItem, Signal
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.health import Health
from extension.telemetry.reading.cut_lines import CutLines
from extension.telemetry.reading.decode import RECORD_TYPES, runs_by_type
from extension.telemetry.reading.line_reader import ENCODED, Redaction
from extension.telemetry.reading.records import is_own
from extension.telemetry.reading.redact import redact_json
from extension.telemetry.reading.times import IN_MILLISECONDS

CONTENT_TYPE = "application/json"

GROUP = 100
"""Events that are put together at once: about as many as fit into a request."""

LINES = ("function", "extension")
LINE_KEYS = {"time", "type", "record"}

TIME, RECORD = map(itemgetter, ("time", "record"))

WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class FunctionLines(NamedTuple):
    """What lines of the function say that have a time, a type and a record, and nothing else."""

    times: list[str]
    records: list[Any]

    def written(self) -> list[str]:
        """Write them as `WRITER` does; it takes twice as long for an object of three fields.

        Raises:
            ValueError: a number is not finite.
        """
        records = [
            encode_basestring(each) if type(each) is str else WRITER.encode(each)
            for each in self.records
        ]
        times = map(encode_basestring, self.times)
        return [
            f'{{"time":{time},"type":"function","record":{record}}}'
            for time, record in zip(times, records, strict=True)
        ]

    def texts(self) -> list[str]:
        """Return what secrets are looked for in; what is more than a text is looked at closely."""
        are_plain = map(IN_MILLISECONDS.fullmatch, self.times)
        return [
            record if is_plain and type(record) is str else ENCODED
            for record, is_plain in zip(self.records, are_plain, strict=True)
        ]


class RawEncoder(Encoder):
    """Passes events on as they are."""

    reads_lines = False

    def __init__(self, redaction: Redaction, *, health: Health) -> None:
        self._redaction = redaction
        self._health = health
        self._cut_lines = CutLines()

    def encode_events(self, events: Sequence[Any]) -> list[PendingItem]:
        """Return each event, less our own lines."""
        runs = runs_by_type(events)
        written = [text for kind, run in runs for text in self._written(kind, run)]
        groups = (written[at : at + GROUP] for at in range(0, len(written), GROUP))
        return [item for group in groups for item in _requests(group)]

    def _written(self, kind: Any, events: list[Any]) -> list[str]:
        """Write events of one type."""
        lines = _function_lines(events) if kind == "function" else None
        if lines is None or self._cut_lines.concerns(lines.records):
            return self._written_one_by_one(events)
        try:
            written = lines.written()
        except ValueError:
            return self._written_one_by_one(events)
        if not self._redaction.is_idle:
            for at in self._redaction.suspects(lines.texts()):
                written[at] = _write(self._without_secrets(events[at]))
        return written

    def _written_one_by_one(self, events: list[Any]) -> list[str]:
        clean = [item for item in events if not _is_own(item)]
        if self._cut_lines.concerns([_line_of(item) for item in clean]):
            clean = [self._without_cuts(item) for item in clean]
        if not self._redaction.is_idle:
            for at in self._redaction.suspects([_text_of(item) for item in clean]):
                clean[at] = self._without_secrets(clean[at])
        return [_write(item) for item in clean]

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


def _function_lines(events: list[Any]) -> FunctionLines | None:
    """Return lines of the function, None if one is unusual."""
    try:
        lines = FunctionLines([*map(TIME, events)], [*map(RECORD, events)])
    except (TypeError, KeyError):
        return None
    is_usual = (
        {*map(len, events)} == {len(LINE_KEYS)}
        and {*map(type, lines.times)} == {str}
        and {*map(type, lines.records)} <= RECORD_TYPES
    )
    return lines if is_usual else None


def _requests(written: list[str]) -> Iterator[PendingItem]:
    """Yield requests of `REQUEST_BYTES`, at most; a larger event is alone."""
    body = ",".join(written).encode()
    if len(body) <= REQUEST_BYTES or len(written) == 1:
        yield PendingItem(signal="events", body=body, count=len(written))
        return
    middle = len(written) // 2
    yield from _requests(written[:middle])
    yield from _requests(written[middle:])


def _write(event: Any) -> str:
    try:
        return WRITER.encode(event)
    except ValueError:  # a number that is not finite
        return WRITER.encode(redact_json(event, Redacted))


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
        first, *others = bodies
        parts = [b"[", first, *(part for body in others for part in (b",", body)), b"]"]
        return await self._post.send(signal, parts, content_type=CONTENT_TYPE, budget=budget)


def _is_own(item: Any) -> bool:
    return isinstance(item, dict) and is_own(item.get("type"), item.get("record"))
