"""How long and how many attributes may be; back ends refuse, or cut silently, what is beyond.

A text that is too long loses its middle, because the end of a stack trace says as much as its
beginning, and says how much is missing. Attributes beyond the number are left out; those that are
ours go first, so a line's own are left out. Both are counted.
Source: https://opentelemetry.io/docs/specs/otel/common/#attribute-limits
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

LONGEST = 4095
"""Characters of a value; New Relic takes no more."""

MOST = 128
"""Attributes of a span, event or record; Loki takes no more, and OpenTelemetry has the same."""

SHORTEST_CUT = 64
"""Within a shorter limit nothing says what is missing."""

NESTED = (list, dict, tuple)
"""Types of values in which there may be long texts."""


class Limits:
    """Those of one signal; what they cost is counted in `cut`."""

    def __init__(
        self, *, length: int = LONGEST, count: int = MOST, cut: Counter[str] | None = None
    ) -> None:
        self.length = length
        self.count = count
        self._counts: Counter[str] = Counter() if cut is None else cut

    def apply(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return attributes within the limits; the last ones are left out."""
        if len(attributes) > self.count:
            self.count_left_out(len(attributes) - self.count)
            attributes = dict(list(attributes.items())[: self.count])
        longest = self.length
        for value in attributes.values():
            if isinstance(value, str):
                if len(value) <= longest:
                    continue
            elif not isinstance(value, NESTED):
                continue
            return {key: self._value(each) for key, each in attributes.items()}
        return attributes

    def count_left_out(self, number: int = 1) -> None:
        """Count attributes beyond the limit of number."""
        self._counts["attributes"] += number

    def text(self, text: str) -> str:
        """Return a text within the limit of length."""
        return text if len(text) <= self.length else self._cut(text)

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case list() | tuple():
                return [self._value(each) for each in value]
            case Mapping():
                return {key: self._value(each) for key, each in value.items()}
        return value

    def _cut(self, text: str) -> str:
        self._counts["values"] += 1
        if self.length < SHORTEST_CUT:
            return text[: self.length]
        mark = f"…[{len(text) - self.length} characters cut]…"
        kept = self.length - len(mark)
        return text[: kept - kept // 2] + mark + text[len(text) - kept // 2 :]


NO_LIMITS = Limits(length=sys.maxsize, count=sys.maxsize)
"""For what is within its limits already."""
