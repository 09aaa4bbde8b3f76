"""PURE: which of many texts may have anything encoded in them; all are looked at together.

A secret is in the others unchanged, so one search through all of them finds it. Most of what
looks encoded only looks so: a path, a URL, a trace id stand for nothing but themselves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from extension.redaction.undo import BEGINS
from extension.redaction.undone import BREAK, packed
from extension.redaction.unpack import PAIR, PAIRS, has_runs, may_be_packed, may_have_lists

APART = "\0"
"""Separates two texts: nothing that is encoded continues after it."""

BEGINS_OF_OTHERS = tuple(begin for begin in BEGINS if begin != BREAK)


class Together:
    """Several texts as one."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.text = APART.join(texts)
        self._texts = texts
        self._raw = self.text.encode("utf-8", "surrogatepass")

    def of_characters(self, places: Sequence[int]) -> set[int]:
        """Return which texts some places, counted in characters, are in."""
        return self._at(places, [len(text) + 1 for text in self._texts]) if places else set()

    @property
    def has_runs(self) -> bool:
        """Whether a run of characters looks encoded in any of them: a path, a URL, a trace id."""
        return has_runs(self._raw)

    def packed(self) -> list[int]:
        """Return places of such runs that stand for anything, counted in characters."""
        return [*packed(self.text, self._raw)]

    def escaped(self) -> set[int]:
        """Return which texts may have escapes in them."""
        found = self._with_breaks()
        for begin in BEGINS_OF_OTHERS:
            # Its first character alone is searched for in a tenth of the time.
            if begin[0] in self.text and (len(begin) == 1 or begin in self.text):
                found.update([at for at, text in enumerate(self._texts) if begin in text])
        return found

    def with_lists(self) -> set[int]:
        """Return which texts may have bytes in them that are written one by one."""
        places = [*_each(self._raw.translate(PAIRS), PAIR)]
        found: set[int] = set()
        if places:
            lengths = [len(text.encode("utf-8", "surrogatepass")) + 1 for text in self._texts]
            found = self._at(places, lengths)
        if may_have_lists(self._raw):
            found |= {at for at, text in enumerate(self._texts) if may_be_packed(text)}
        return found

    def _with_breaks(self) -> set[int]:
        """Return which texts have a line break before their end; nearly all have one there."""
        if self.text.count(BREAK) == [text[-1:] for text in self._texts].count(BREAK):
            return set()
        return {at for at, text in enumerate(self._texts) if _has_break_within(text)}

    def _at(self, places: Sequence[int], lengths: Sequence[int]) -> set[int]:
        begins = [0, *accumulate(lengths)]
        return {bisect_right(begins, place) - 1 for place in places}


def _has_break_within(text: str) -> bool:
    return text.count(BREAK) > text.count(BREAK + APART) + text.endswith(BREAK)


def _each(raw: bytes, wanted: bytes) -> Iterator[int]:
    """Yield places where there is something, one in each text at least."""
    at = raw.find(wanted)
    while at >= 0:
        yield at
        at = raw.find(wanted, at + len(wanted))
