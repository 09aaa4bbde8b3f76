"""PURE: many texts with escapes in them, which are undone and looked through together.

A text in which anything is found, or might be read in one more way, is left to the close look at it
alone, `readings`; of the others that look would give these very layers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate

from extension.redaction.undo import layers
from extension.redaction.unpack import has_lists, means_anything, tokens

APART = ",\0,"
"""Stands between two texts. Behind and before a comma a doubled quote is what it is at the end and
at the beginning of a text; nothing that is encoded goes on over the zero."""

CUT_ESCAPE = "\\" + APART
"""A backslash at the end of a text stands for itself; between two texts it looks like an escape."""

BREAK = "\n"
"""Nearly all texts end with one, and nothing continues after it."""

Search = Callable[[str], Iterable[int]]
"""Gives a place in each occurrence of a secret, as it is in a text."""


def suspects(texts: Sequence[str], *, search: Search) -> Collection[int]:
    """Return the places of those texts that need a close look; the others hold no secret."""
    together = "".join([text.removesuffix(BREAK) + APART for text in texts])
    found: set[int] = set()
    for reading in (together, *(layer.text for layer in layers(together))):
        if reading.count(APART) != len(texts):
            return range(len(texts))  # one was encoded in a text
        raw = reading.encode("utf-8", "surrogatepass")
        places = [*search(reading), *packed(reading, raw), *_each(reading, CUT_ESCAPE)]
        if has_lists(raw):
            places += _with_lists(reading)
        if places:
            begins = [0, *accumulate([len(text) + len(APART) for text in reading.split(APART)])]
            found.update([bisect_right(begins, place) - 1 for place in places])
    return found


def packed(text: str, raw: bytes) -> Iterator[int]:
    """Yield the places of runs that stand for anything; most are base64 or hexadecimal of nothing.

    `raw` is the text in UTF-8.
    """
    for token in filter(means_anything, tokens(raw)):
        yield from _each(text, token.decode())


def _with_lists(reading: str) -> Iterator[int]:
    """Yield where those texts begin that may have bytes in them, written one by one."""
    begin = 0
    for text in reading.split(APART):
        if has_lists(text.encode("utf-8", "surrogatepass")):
            yield begin
        begin += len(text) + len(APART)


def _each(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + len(wanted))
