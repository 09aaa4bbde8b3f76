"""PURE: the forms that nearly all lines have, read as columns: all lines of one form at once.

A line in which anything is unusual, an error, a time or a level that is not known, JSON after the
prefix, is left to `records.read_record`. That would read all others just as these functions do; a
test holds them against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from extension.telemetry.reading.columns import NO_LEVEL, Columns, LineLevel
from extension.telemetry.reading.levels import LEVELS
from extension.telemetry.reading.records import LINE_ENDS
from extension.telemetry.reading.text_lines import NODE_LEVELS, READERS, UUID
from extension.telemetry.reading.times import MILLISECONDS, NEAR_NS

REQUEST_ID = re.compile(f"(?:{UUID})?")

PYTHON_LEVELS: dict[str, LineLevel] = {
    f"[{text}]": (level.severity, text) for text, level in LEVELS.items() if text.isupper()
}
NODE_LEVELS_OF_NO_ERROR: dict[str, LineLevel] = {
    text: (LEVELS[text].severity, text)
    for text in {*NODE_LEVELS, *filter(str.isupper, LEVELS)} - {"ERROR", "fail"}
}

PARTS = 4
NO_PARTS = [""] * PARTS
"""In place of a line that has another number of parts; no level is empty."""

FIRST = itemgetter(slice(0, 1))
"""Gives the first character of a text, nothing of an empty one."""


class Form(NamedTuple):
    """Lines of one form as columns, and the places of those that are not of it after all."""

    times_ns: Sequence[int | None]
    bodies: Sequence[str]
    levels: Sequence[LineLevel | None]
    request_ids: Sequence[str]
    unusual: Iterable[int] = ()


Reader = Callable[[Sequence[str], Sequence[int]], Form | None]
"""Takes texts and when the platform took each; None: all of them are unusual."""


@lru_cache(maxsize=256)
def is_request_id(text: str) -> bool:
    """Tell whether a text is the id of a request, or nothing."""
    return REQUEST_ID.fullmatch(text) is not None


def read_plain_text(texts: Sequence[str], platform_ns: Sequence[int]) -> Form:
    """Read lines without a form."""
    bodies = [*map(str.rstrip, texts, repeat(LINE_ENDS))]
    together = "".join(bodies)
    unusual: list[int] = []
    if "\n" in together or "\r" in together:
        unusual = [at for at, body in enumerate(bodies) if "\n" in body or "\r" in body]
    nothing = len(texts)
    return Form(platform_ns, bodies, [NO_LEVEL] * nothing, [""] * nothing, unusual)


def read_unusual(texts: Sequence[str], platform_ns: Sequence[int]) -> None:
    """Leave lines to `read_record`."""


def _python(texts: Sequence[str], platform_ns: Sequence[int]) -> Form:
    """Read `[LEVEL]`, time, request id, and text, with tabs between them."""
    levels, times, request_ids, bodies = _parts(texts)
    return _form(bodies, [*map(PYTHON_LEVELS.get, levels)], times, request_ids, platform_ns)


def _node(texts: Sequence[str], platform_ns: Sequence[int]) -> Form:
    """Read time, request id, level, and text, with tabs between them."""
    times, request_ids, levels, bodies = _parts(texts)
    if "undefined" in request_ids:
        request_ids = tuple("" if each == "undefined" else each for each in request_ids)
    read_levels = [*map(NODE_LEVELS_OF_NO_ERROR.get, levels)]
    return _form(bodies, read_levels, times, request_ids, platform_ns)


def _parts(texts: Sequence[str]) -> Iterable[tuple[str, ...]]:
    """Return the columns that tabs are between."""
    rows = [*map(str.split, texts, repeat("\t"), repeat(PARTS - 1))]
    if {*map(len, rows)} != {PARTS}:
        rows = [row if len(row) == PARTS else NO_PARTS for row in rows]
    return zip(*rows, strict=True)


def _form(
    bodies: Sequence[str],
    levels: Sequence[LineLevel | None],
    times: Sequence[str],
    request_ids: Sequence[str],
    platform_ns: Sequence[int],
) -> Form:
    times_ns = [*map(MILLISECONDS.__getitem__, times)]
    unusual = [*_without_value(levels), *_far_off(times_ns, platform_ns)]
    if any(map(str.startswith, bodies, repeat("{"))):
        unusual += [at for at, body in enumerate(bodies) if body.startswith("{")]
    if others := {each for each in {*request_ids} if not is_request_id(each)}:
        unusual += [at for at, each in enumerate(request_ids) if each in others]
    return Form(
        times_ns, [*map(str.rstrip, bodies, repeat(LINE_ENDS))], levels, request_ids, unusual
    )


def _without_value(column: Sequence[object]) -> list[int]:
    return [at for at, each in enumerate(column) if each is None] if None in column else []


def _far_off(times_ns: Sequence[Any], platform_ns: Sequence[int]) -> list[int]:
    """Return where a time is none, or not near the platform's."""
    try:
        all_ns = *times_ns, *platform_ns
        if max(all_ns) - min(all_ns) <= NEAR_NS:
            return []  # nearly always
    except TypeError:  # one is none
        pass
    both = enumerate(zip(times_ns, platform_ns, strict=True))
    return [at for at, (own, ns) in both if own is None or not -NEAR_NS <= own - ns <= NEAR_NS]


QUICK_READERS: dict[str, Reader] = {
    **dict.fromkeys(READERS, read_unusual),
    **dict.fromkeys("0123456789", _node),
    "[": _python,
}
"""By the first character of a line; a line that begins otherwise is plain text."""


def read_quickly(lines: Sequence[Any], platform_ns: Sequence[int]) -> tuple[Columns, set[int]]:
    """Read lines, texts or objects; return records, and the places of those still to be read."""
    columns = Columns.blank(platform_ns)
    unusual: set[int] = set()
    for reader, places in _by_reader(lines):
        texts, times_ns = lines, platform_ns
        if len(places) < len(lines):
            texts, times_ns = [lines[at] for at in places], [platform_ns[at] for at in places]
        form = reader(texts, times_ns)
        if form is None:
            unusual.update(places)
            continue
        unusual.update([places[at] for at in form.unusual])
        _fill(columns, places, form)
    return columns, unusual


def _by_reader(lines: Sequence[Any]) -> Iterable[tuple[Reader, Sequence[int]]]:
    """Return which reader is for which places."""
    if {*map(type, lines)} == {str}:
        readers = {QUICK_READERS.get(first, read_plain_text) for first in {*map(FIRST, lines)}}
        if len(readers) == 1:
            return [(readers.pop(), range(len(lines)))]
    places: dict[Reader, list[int]] = {}
    for at, line in enumerate(lines):
        is_text = type(line) is str
        reader = QUICK_READERS.get(line[:1], read_plain_text) if is_text else read_unusual
        places.setdefault(reader, []).append(at)
    return places.items()


def _fill(columns: Columns, places: Sequence[int], form: Form) -> None:
    _put(form.times_ns, places, into=columns.times_ns)
    _put(form.bodies, places, into=columns.bodies)
    _put(form.levels, places, into=columns.levels)
    _put(form.request_ids, places, into=columns.request_ids)


def _put(values: Sequence[Any], places: Sequence[int], *, into: list[Any]) -> None:
    if len(places) == len(into):
        into[:] = values
        return
    for at, value in zip(places, values, strict=True):
        into[at] = value
