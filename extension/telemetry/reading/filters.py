"""PURE: which records are wanted: by severity, and by regular expressions on the body.

A record without a severity is kept: a print cannot say how important it is. An empty line is not.
What the runtime reports of a failed handler decides over the span even where the line itself is
filtered out.
"""

from __future__ import annotations

import re
from typing import Literal

from extension.telemetry.reading.columns import Columns
from extension.telemetry.reading.levels import SEVERITIES
from extension.telemetry.reading.records import Record

FilterReason = Literal["severity", "excluded", "not_included", "empty"]


class RecordFilter:
    """The user's wishes; without any, all but empty lines are kept."""

    def __init__(self, *, min_level: str = "", exclude: str = "", include: str = "") -> None:
        self._least = SEVERITIES.get(min_level, 0)
        self._exclude = re.compile(exclude) if exclude else None
        self._include = re.compile(include) if include else None

    def refused(self, records: Columns) -> dict[int, FilterReason]:
        """Return which of many records are not wanted, by their places, and why."""
        if self._least or self._exclude or self._include:
            reasons = ((at, self.refuses(record)) for at, record in enumerate(records))
            return {at: reason for at, reason in reasons if reason}
        bodies = records.bodies
        if all(bodies) and not any(map(str.isspace, bodies)):
            return {}
        return {at: "empty" for at, body in enumerate(bodies) if not body or body.isspace()}

    def refuses(self, record: Record) -> FilterReason | None:
        """Return why a record is not wanted, None if it is."""
        if not record.body or record.body.isspace():
            return "empty"
        if 0 < record.severity < self._least:
            return "severity"
        if self._exclude and self._exclude.search(record.body):
            return "excluded"
        if self._include and not self._include.search(record.body):
            return "not_included"
        return None
