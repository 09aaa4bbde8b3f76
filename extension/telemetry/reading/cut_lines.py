"""PURE: lines that the platform has cut: a secret at the cut is in neither of the two.

A line longer than an event of CloudWatch Logs arrives in pieces, each an event of its own. What is
around a cut does not leave: half a secret is known by nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHORTEST_PIECE, LONGEST_PIECE = 261_120, 262_150
"""Bytes of a piece: 256 KiB, less what the platform adds to it; characters that are cut are longer.
Source: quotas of CloudWatch Logs."""

FEWEST_CHARACTERS = SHORTEST_PIECE // 4
"""Of a piece: no character has more than four bytes."""

HIDDEN = 4096
"""Characters on each side: a secret of a kibibyte in its longest form."""

MARK = f"[{HIDDEN} characters at a cut left out]"


class CutLines:
    """Reads the lines of all streams in their order."""

    def __init__(self) -> None:
        self._go_on: set[str] = set()
        """Streams whose last line ended in a cut."""

    def concerns(self, records: Sequence[Any]) -> bool:
        """Return whether one of many records may be a piece, or follow one."""
        texts = records
        if {*map(type, records)} != {str}:
            texts = [each if type(each) is str else _message(each) for each in records]
        return bool(self._go_on) or max(map(len, texts), default=0) >= FEWEST_CHARACTERS

    def clean(self, record: Any, *, stream: str) -> Any:
        """Return a line's record without what is around a cut; nearly always it is as it came."""
        text = record.get("message") if isinstance(record, Mapping) else record
        if not isinstance(text, str):
            self._go_on.discard(stream)
            return record
        is_cut = len(text) >= FEWEST_CHARACTERS and _is_cut(text)
        if not is_cut and stream not in self._go_on:
            return record
        if stream in self._go_on:
            text = MARK + text[HIDDEN:]
        if is_cut:
            text = text[:-HIDDEN] + MARK
            self._go_on.add(stream)
        else:
            self._go_on.discard(stream)
        return {**record, "message": text} if isinstance(record, Mapping) else text


def _message(record: Any) -> str:
    text = record.get("message")
    return text if isinstance(text, str) else ""


def _is_cut(text: str) -> bool:
    size = len(text.encode("utf-8", "surrogatepass"))
    return SHORTEST_PIECE <= size <= LONGEST_PIECE and not text.endswith("\n")
