"""PURE: what the lines of one request say of an exception that left the handler.

A report with a mark counts. One that has the shape alone counts while it is the last line: the
runtime writes it just before it answers the platform, and a function that logged a handled error
mostly goes on. Where the two look the same, a last line that looks like the runtime's report is
taken for it. Where the platform itself reports the handler's result, no line overrules it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from extension.telemetry.assembly.finished import TimedError
from extension.telemetry.reading.columns import in_columns
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.native_errors import (
    PANIC,
    PANIC_TRAILER,
    PANIC_WORDS,
    LastPanic,
)
from extension.telemetry.reading.records import Record

EVIDENCE = attrgetter("evidence")
JAVA_FRAME = "\n\tat "


class Failure:
    """Learns line by line; only lines of the function count."""

    def __init__(self) -> None:
        self._report: TimedError | None = None
        self._has_mark = False
        self._is_last = False
        self._panic = LastPanic()
        self._panic_ns = 0

    def may_learn(self, records: Sequence[Record], text: str) -> bool:
        """Return whether one of several lines may say anything; `text` has all their bodies."""
        return (
            self._is_last
            or self._panic.is_open
            or any(words in text for words in PANIC_WORDS)
            or any(map(EVIDENCE, in_columns(records).others.values()))
        )

    def learn(self, record: Record, *, is_kept: bool = True) -> None:
        """Take a line; `is_kept` unless the user's filters drop it."""
        if record.stream != "function":
            return
        if not record.evidence and self._panic.might_take(record.body):
            self._panic.learn(record.body)
            self._panic_ns = record.time_ns
        if record.evidence and record.error:
            self._take(record, record.error, is_kept=is_kept)
        elif self._is_last and record.body.strip() and not self._goes_on(record.body):
            self._is_last = False

    def left_handler(self, *, status: str, platform_decides: bool) -> TimedError | None:
        """Return what left the handler, given what the platform says of the request."""
        if platform_decides and status == "success":
            return None
        is_believed = self._has_mark or (self._is_last and status != "timeout")
        if is_believed:
            return self._report
        crash = self._panic.ended_process
        if crash is None or status in ("success", "timeout", ""):
            return None
        return TimedError(time_ns=self._panic_ns, error=crash, has_record=False)

    def _goes_on(self, body: str) -> bool:
        """Whether a line is more of the report.

        A cause in Java whose message has two lines interrupts the trace, where each is a record.
        """
        stack = self._report.error.stack if self._report else ""
        return body == PANIC_TRAILER or (JAVA_FRAME in body and JAVA_FRAME in stack)

    def _take(self, record: Record, error: HandlerError, *, is_kept: bool) -> None:
        if self._has_mark and record.evidence != "mark":
            return
        if error.type == PANIC:
            error = self._panic.error or error
        self._has_mark = record.evidence == "mark"
        self._is_last = True
        self._report = TimedError(time_ns=record.time_ns, error=error, has_record=is_kept)
