"""PURE: the forms that nearly all lines have, read as columns: all lines of one form at once.

A line in which anything is unusual, an error, a time or a level that is not known, JSON after the
prefix, is left to `records.read_record`. That would read all others just as these functions do; a
test holds them against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Any

from extension.telemetry.reading.columns import NO_LEVEL, Columns, LineLevel
from extension.telemetry.reading.form import FIRST, INITIAL, Form, Reader, far_off, without_value
from extension.telemetry.reading.levels import LEVELS
from extension.telemetry.reading.logger_lines import BEGINNINGS
from extension.telemetry.reading.quick_json import read_json_lines, read_object_lines
from extension.telemetry.reading.records import LINE_ENDS, Knows
from extension.telemetry.reading.table import put_all
from extension.telemetry.reading.text_lines import NODE_LEVELS, READERS, UUID
from extension.telemetry.reading.times import MILLISECONDS

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

WORD = itemgetter(slice(0, 3))
WORDS = frozenset(map(WORD, BEGINNINGS))
"""How lines of a form may begin whose first character says little."""


@lru_cache(maxsize=256)
def is_request_id(text: str) -> bool:
    """Return whether a text is the id of a request, or nothing."""
    return REQUEST_ID.fullmatch(text) is not None


def read_plain_text(texts: Sequence[str], platform_ns: Sequence[int], _: Knows) -> Iterator[Form]:
    """Read lines without a form."""
    bodies = [*map(str.rstrip, texts, repeat(LINE_ENDS))]
    together = "".join(bodies)
    unusual: list[int] = []
    if "\n" in together or "\r" in together:
        unusual = [at for at, body in enumerate(bodies) if "\n" in body or "\r" in body]
    if not WORDS.isdisjoint({*map(WORD, texts)}):
        unusual += [at for at, text in enumerate(texts) if text[:3] in WORDS]
    number = len(texts)
    levels, ids = [NO_LEVEL] * number, [""] * number
    yield Form(range(number), platform_ns, bodies, levels, ids, unusual=unusual)


def read_unusual(_: Sequence[str], __: Sequence[int], ___: Knows) -> Iterable[Form]:
    """Leave lines to `read_record`."""
    return ()


def _python(texts: Sequence[str], platform_ns: Sequence[int], _: Knows) -> Iterator[Form]:
    """Read `[LEVEL]`, time, request id, and text, with tabs between them."""
    levels, times, request_ids, bodies = _parts(texts)
    yield _form(bodies, [*map(PYTHON_LEVELS.get, levels)], times, request_ids, platform_ns)


def _node(texts: Sequence[str], platform_ns: Sequence[int], _: Knows) -> Iterator[Form]:
    """Read time, request id, level, and text, with tabs between them."""
    times, request_ids, levels, bodies = _parts(texts)
    if "undefined" in request_ids:
        request_ids = tuple("" if each == "undefined" else each for each in request_ids)
    read_levels = [*map(NODE_LEVELS_OF_NO_ERROR.get, levels)]
    yield _form(bodies, read_levels, times, request_ids, platform_ns)


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
    unusual = [*without_value(levels), *far_off(times_ns, platform_ns)]
    if "{" in {*map(FIRST, bodies)}:
        unusual += [at for at, body in enumerate(bodies) if body.startswith("{")]
    if others := {each for each in {*request_ids} if not is_request_id(each)}:
        unusual += [at for at, each in enumerate(request_ids) if each in others]
    bodies = [*map(str.rstrip, bodies, repeat(LINE_ENDS))]
    return Form(range(len(bodies)), times_ns, bodies, levels, request_ids, unusual=unusual)


QUICK_READERS: dict[str, Reader] = {
    **dict.fromkeys(READERS.keys() - {word[0] for word in WORDS}, read_unusual),
    **dict.fromkeys("0123456789", _node),
    "[": _python,
    "{": read_json_lines,
}
"""By the first character of a line; a line that begins otherwise is plain text."""


def read_quickly(
    lines: Sequence[Any], platform_ns: Sequence[int], *, knows: Knows
) -> tuple[Columns, set[int]]:
    """Read lines, texts or objects; return records, and the places of those still to be read."""
    columns = Columns.blank(platform_ns)
    unread = {*range(len(lines))}
    for reader, among in _by_reader(lines):
        texts, times_ns = lines, platform_ns
        if len(among) < len(lines):
            texts, times_ns = [lines[at] for at in among], [platform_ns[at] for at in among]
        for form in reader(texts, times_ns, knows):
            places = form.places
            if len(among) < len(lines):
                places = [among[at] for at in places]
            _fill(columns, places, form)
            unread.difference_update(places)
            unread.update([places[at] for at in form.unusual])
    return columns, unread


def _by_reader(lines: Sequence[Any]) -> Iterable[tuple[Reader, Sequence[int]]]:
    """Return which reader is for which places."""
    try:
        firsts = {*map(INITIAL, lines)}
    except LookupError:  # one is empty, or an object
        firsts = set()
    readers = {QUICK_READERS.get(first, read_plain_text) for first in firsts}
    if len(readers) == 1:
        return [(readers.pop(), range(len(lines)))]
    places: dict[Reader, list[int]] = {}
    for at, line in enumerate(lines):
        if type(line) is str:
            reader = QUICK_READERS.get(line[:1], read_plain_text)
        else:
            reader = read_object_lines
        places.setdefault(reader, []).append(at)
    return places.items()


def _fill(columns: Columns, places: Sequence[int], form: Form) -> None:
    _put(form.times_ns, places, into=columns.times_ns)
    _put(form.bodies, places, into=columns.bodies)
    _put(form.levels, places, into=columns.levels)
    _put(form.request_ids, places, into=columns.request_ids)
    if form.keys:
        _put(repeat(form.keys, len(places)), places, into=columns.keys)
        _put(form.values, places, into=columns.values)


def _put(values: Iterable[Any], places: Sequence[int], *, into: list[Any]) -> None:
    if len(places) == len(into):
        into[:] = values
    else:
        put_all(values, places, into=into)
