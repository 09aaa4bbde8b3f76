"""PURE: many lines at once, to records without secrets.

All texts of a delivery are searched for secrets together, because one search costs what a few lines
cost. What makes that sound: every text that leaves is a part of a text that was searched, or was
searched itself. A line in which something was found goes the careful way, text by text, and so
does a line that has anything encoded in it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from extension.redaction.redactor import Redacted
from extension.telemetry.reading.columns import Columns
from extension.telemetry.reading.cut_lines import CutLines
from extension.telemetry.reading.event_columns import in_events
from extension.telemetry.reading.events import Event, LogLine
from extension.telemetry.reading.quick_lines import read_quickly
from extension.telemetry.reading.records import Knows, Record, is_own, read_record
from extension.telemetry.reading.redact import LONGEST_LEVEL, redact_record, redacting_once

APART = "\0"
"""Stands between two texts that are searched together."""

ENCODED = "\\"
"""Has a text looked at closely."""


class Redaction(Protocol):
    """What knows the secrets: a `Redactor`."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to hide."""

    def redact(self, text: str) -> Redacted:
        """Return a text without secrets."""

    def suspects(self, texts: Sequence[str]) -> Collection[int]:
        """Return the places of those texts in which a secret may stand; the others hold none."""


class LineReader:
    """Reads the lines of one sandbox."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._cut_lines = CutLines()

    def read(self, lines: Iterable[Event], *, knows: Knows) -> Columns:
        """Return the records of some lines, our own left out.

        A line's request id stays an attribute, because it may belong to another service, unless
        `knows` finds it.
        """
        lines = in_events(lines)
        of_extensions = "extension" in lines.streams
        if of_extensions:
            lines = lines.where([not own for own in map(is_own, lines.streams, lines.records)])
        times_ns, streams, payloads = lines.times_ns, lines.streams, lines.records
        if self._cut_lines.concerns(payloads):
            both = zip(payloads, streams, strict=True)
            payloads = [self._cut_lines.clean(each, stream=stream) for each, stream in both]
        records, others = read_quickly(payloads, times_ns, knows=knows)
        if of_extensions:
            others.update([at for at, stream in enumerate(streams) if stream != "function"])
        for at in others:
            line = LogLine(times_ns[at], streams[at], payloads[at])
            records.put(at, read_record(line, knows=knows))
        self._clean(records, payloads, others)
        return records

    def _clean(self, records: Columns, payloads: Sequence[Any], others: Collection[int]) -> None:
        """Take secrets out of records; those in some places need a text of their own to search."""
        if self._redaction.is_idle:
            levels = records.levels
            suspects: Collection[int] = [at for at in others if len(levels[at][1]) > LONGEST_LEVEL]
        else:
            texts = [*payloads]
            objects = [at for at, each in enumerate(payloads) if type(each) is dict]
            own = {*others, *objects}
            for at in (*own, *_decoded(payloads, own)):
                texts[at] = _text_of(records[at])
            suspects = self._redaction.suspects(texts)
        redact = redacting_once(self._redaction.redact)
        for at in suspects:
            records.put(at, redact_record(records[at], redact))


def _decoded(payloads: Sequence[Any], others: Collection[int]) -> list[int]:
    """Return which lines of JSON, besides others, have texts that are not parts of the line."""
    return [
        at
        for at, text in enumerate(payloads)
        if at not in others and text[:1] == "{" and ENCODED in text
    ]


def has_long_level(record: Record) -> bool:
    """Return whether what calls itself a level is none."""
    return len(record.severity_text) > LONGEST_LEVEL


def _text_of(record: Record) -> str:
    """Return a text in which each text of a record is as it was written."""
    if record.error or has_long_level(record):
        return ENCODED
    attributes = record.attributes
    values = [each if isinstance(each, str) else _dump(each) for each in attributes.values()]
    return APART.join([record.body, record.severity_text, record.request_id, *attributes, *values])


def _dump(value: Any) -> str:
    """Return a nested value; what is escaped in it has it looked at closely."""
    if not isinstance(value, dict | list):
        return ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ENCODED
