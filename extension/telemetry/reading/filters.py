"""PURE: which records are wanted: by severity, and by regular expressions on the body.

A record without a severity is kept: a print cannot say how important it is. What the runtime
reports of a failed handler decides over the span even where the line itself is filtered out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from extension.telemetry.reading.records import SEVERITIES, Record

FilterReason = Literal["severity", "excluded", "not_included"]


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """The user's wishes; without any, everything is kept."""

    min_level: str = ""
    exclude: str = ""
    include: str = ""
    _least: int = field(init=False, repr=False)
    _exclude: re.Pattern[str] | None = field(init=False, repr=False)
    _include: re.Pattern[str] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_least", SEVERITIES.get(self.min_level, 0))
        object.__setattr__(self, "_exclude", re.compile(self.exclude) if self.exclude else None)
        object.__setattr__(self, "_include", re.compile(self.include) if self.include else None)

    def refuses(self, record: Record) -> FilterReason | None:
        """Return why a record is not wanted, None if it is."""
        if 0 < record.severity < self._least:
            return "severity"
        if self._exclude and self._exclude.search(record.body):
            return "excluded"
        if self._include and not self._include.search(record.body):
            return "not_included"
        return None
