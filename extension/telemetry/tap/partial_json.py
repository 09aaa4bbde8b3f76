"""PURE: reads JSON of which only the head and the tail were copied.

The head is read up to its last complete value, and the objects and lists that are open there are
closed. In the tail, a quotation mark without a backslash before it begins or ends a text, so a
member's name that is found between two of them is never inside a text; and the brackets at the end
say how deep in that member is. So nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from extension.telemetry.reading.read_json import DECODER, read_json

TO_BRACKET = re.compile(
    rb"""(?: [^",{}\[\]]++ | "(?:[^"\\]++|\\.)*+(?:"|\\?+\Z) | (,) )*""", re.DOTALL | re.VERBOSE
)
"""What comes before the next bracket or the end; the group is the last comma outside of a text."""
OPENED = {b"{": b"}", b"[": b"]"}
MOST_BRACKETS = 20_000
"""Brackets that are read in a head."""
DEEPEST = 64
MOST_ANCHORS = 32
"""Places in a tail from which reading is tried."""
MOST_TRIED = 262_144
"""Characters that are read from all of them together."""


class Excerpt(NamedTuple):
    """A message's first bytes, its last bytes beyond those, and its size."""

    head: bytes
    tail: bytes = b""
    size: int = -1
    """Bytes of the whole message; -1: the head is all of it."""

    @property
    def is_whole(self) -> bool:
        """Whether head and tail are the whole message."""
        return self.size <= len(self.head) + len(self.tail)

    @property
    def whole_size(self) -> int:
        """Bytes of the whole message."""
        return max(self.size, len(self.head) + len(self.tail))


def read_excerpt(excerpt: Excerpt) -> Any:
    """Return the message, or what its head says; None if that is not JSON."""
    if not excerpt.is_whole:
        return read_head(excerpt.head)
    try:
        return read_json(excerpt.head + excerpt.tail)
    except ValueError:
        return None


def read_head(head: bytes) -> Any:
    """Return the complete part of the JSON that begins here; None if it is not JSON."""
    end, closers = _last_whole(head)
    try:
        return read_json((head[:end] + b"".join(reversed(closers))).decode("utf-8", "replace"))
    except ValueError:
        return None


def members_at_end(tail: bytes, keys: Iterable[str], *, closed_by: str) -> Mapping[str, Any]:
    """Return the last members of the object that ends before `closed_by`, from one of `keys` on.

    `closed_by`: "" for the message itself, "]}" for the last item of a list in it.
    """
    text = tail.decode("utf-8", "replace")
    anchor = re.compile(rf'(?<!\\)"(?:{"|".join(map(re.escape, keys))})"\s*:')
    left = MOST_TRIED
    for found in islice(anchor.finditer(text), MOST_ANCHORS):
        if left <= 0:
            break
        # This brace stands for the one that was cut off.
        try:
            members, end = DECODER.raw_decode("{" + text[found.start() :])
        except (ValueError, RecursionError) as error:
            left -= getattr(error, "pos", len(text))
            continue
        left -= end
        rest = text[found.start() + end - 1 :]
        if "".join(rest.split()) == closed_by and isinstance(members, dict):
            return members
    return {}


def _last_whole(head: bytes) -> tuple[int, list[bytes]]:
    """Return where the last complete value ends, and what is open there, innermost last."""
    is_open: list[bytes] = []
    end, comma = 0, -1
    for _ in range(MOST_BRACKETS):
        run = TO_BRACKET.match(head, end)
        place, comma = (run.end(), run.start(1)) if run else (end, -1)
        bracket = head[place : place + 1]
        if bracket in OPENED and len(is_open) < DEEPEST:
            is_open.append(OPENED[bracket])
        elif is_open and bracket == is_open[-1]:
            is_open.pop()
        else:  # the end, or no JSON
            break
        end = place + 1
        if not is_open:
            return end, is_open
    return max(end, comma), is_open
