"""PURE: lines of JSON as loggers write them: those with the same keys are read together.

A logger's lines have few shapes. What is unusual in one, an error, a level or a time that is not
known, JSON in the text, is left to `json_lines`, which would read all others just as is done here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import repeat
from operator import ne
from typing import Any

from extension.telemetry.reading.aliases import Plain, find
from extension.telemetry.reading.columns import NO_LEVEL, LineLevel
from extension.telemetry.reading.form import FIRST, Form, far_off, without_value
from extension.telemetry.reading.json_lines import ERROR_SEVERITY
from extension.telemetry.reading.json_lines import NO_PLAIN_TEXT as NO_TEXT
from extension.telemetry.reading.levels import LEVELS, UNREAD, read_level
from extension.telemetry.reading.read_json import SCAN, may_have_halves
from extension.telemetry.reading.records import LINE_ENDS, PLATFORM_KEYS, Knows
from extension.telemetry.reading.table import places_of
from extension.telemetry.reading.text_lines import TEXT_FORMS
from extension.telemetry.reading.times import MILLISECONDS, own_time

FEW = 4
"""Fewer objects are read sooner one by one."""


def read_json_lines(
    texts: Sequence[str], platform_ns: Sequence[int], knows: Knows
) -> Iterator[Form]:
    """Read lines that are JSON objects."""
    stripped = [*map(str.rstrip, texts, repeat(LINE_ENDS))]
    objects, ends = zip(*_scanned(stripped), strict=True)
    unusual: set[int] = set()
    if ends != (lengths := tuple(map(len, stripped))):
        unusual = {at for at, more in enumerate(map(ne, ends, lengths)) if more}
    if may_have_halves("".join(texts)):
        unusual |= {at for at, text in enumerate(texts) if may_have_halves(text)}
    if unusual:
        objects = tuple({} if at in unusual else each for at, each in enumerate(objects))
    yield from _forms(objects, platform_ns, knows)


def read_object_lines(
    objects: Sequence[dict[str, Any]], platform_ns: Sequence[int], knows: Knows
) -> Iterator[Form]:
    """Read lines that the platform delivers as objects; a text that it has put into one is left."""
    if len(objects) < FEW:
        return
    for form in _forms(objects, platform_ns, knows):
        unusual = {*form.unusual}
        if objects[form.places[0]].keys() <= PLATFORM_KEYS:
            texts = enumerate(map(str, form.bodies))
            unusual.update([at for at, text in texts if text[:1] in TEXT_FORMS])
        yield form._replace(unusual=unusual)


def _forms(
    objects: Sequence[dict[str, Any]], platform_ns: Sequence[int], knows: Knows
) -> Iterator[Form]:
    """Read together what has the same keys."""
    for keys, places in places_of(map(tuple, objects)).items():
        alike, times_ns = objects, platform_ns
        if len(places) < len(objects):
            alike = tuple(objects[at] for at in places)
            times_ns = [platform_ns[at] for at in places]
        if plain := find(dict.fromkeys(keys)).plain:
            yield _read(keys, plain, alike, places=places, platform_ns=times_ns, knows=knows)


def _scanned(texts: Sequence[str]) -> Sequence[tuple[Any, int]]:
    """Return the value that each text begins with, and where it ends; nothing for what is none."""
    try:
        scanned = [*map(SCAN, texts, repeat(0))]
    except (ValueError, RecursionError):
        scanned = []
    if len(scanned) < len(texts):  # what is no JSON ends the map
        scanned = [*map(_scan, texts)]
    return scanned


def _scan(text: str) -> tuple[Any, int]:
    try:
        return SCAN(text, 0)
    except (StopIteration, ValueError, RecursionError):
        return None, -1


def _read(
    keys: Sequence[str],
    plain: Plain,
    objects: Sequence[dict[str, Any]],
    *,
    places: Sequence[int],
    platform_ns: Sequence[int],
    knows: Knows,
) -> Form:
    """Read objects of the same keys, as `json_lines.read_plain` reads one."""
    values: dict[str, Sequence[Any]]
    values = dict(zip(keys, zip(*map(dict.values, objects), strict=True), strict=True))
    bodies = values.pop(plain.text)
    unusual = {*_no_texts(bodies)}
    levels: Sequence[LineLevel | None] = [NO_LEVEL] * len(objects)
    times: Sequence[int | None] = platform_ns
    request_ids: Sequence[str] = [""] * len(objects)
    if plain.level:
        levels = _levels(values.pop(plain.level), plain.level)
        unusual.update(without_value(levels))
    if plain.time:
        times = _times(values.pop(plain.time), platform_ns)
        unusual.update(without_value(times))
    if plain.request:
        request_ids = _texts(values[plain.request])
        ours = {each for each in {*request_ids} if each and knows(each)}
        if ours:
            values.pop(plain.request)
        unusual.update(_foreign(request_ids, ours))
    rows = [*zip(*values.values(), strict=True)]
    return Form(places, times, bodies, levels, request_ids, tuple(values), rows, unusual)


def _no_texts(bodies: Sequence[Any]) -> Collection[int]:
    """Return which bodies are no texts, or empty, or may be JSON themselves."""
    if {*map(type, bodies)} == {str} and {*NO_TEXT}.isdisjoint(map(FIRST, bodies)):
        return ()
    both = enumerate(bodies)
    return [at for at, body in both if type(body) is not str or body[:1] in NO_TEXT]


def _texts(values: Sequence[Any]) -> Sequence[str]:
    """Return values, nothing in place of those that are no texts."""
    if {*map(type, values)} == {str}:
        return values
    return [value if type(value) is str else "" for value in values]


def _foreign(request_ids: Sequence[str], ours: set[str]) -> Sequence[int]:
    """Return where there is no id, or another service's among ours."""
    if "" not in request_ids and (not ours or {*request_ids} <= ours):
        return ()
    return [at for at, each in enumerate(request_ids) if not each or (ours and each not in ours)]


def _levels(values: Sequence[Any], key: str) -> Sequence[LineLevel | None]:
    """Return levels below errors; what is none is unusual."""
    types = {*map(type, values)}
    if types == {str}:
        read = {value: LEVELS.get(value, UNREAD) for value in {*values}}
    elif types == {int}:
        read = {value: read_level(value, key=key) for value in {*values}}
    else:
        return [None] * len(values)
    usual = {value: level for value, level in read.items() if 0 < level.severity < ERROR_SEVERITY}
    return [*map(usual.get, values)]


def _times(values: Sequence[Any], platform_ns: Sequence[int]) -> Sequence[int | None]:
    """Return the lines' own times, the platform's where these say as much."""
    if {*map(type, values)} == {str}:
        times = [*map(MILLISECONDS.__getitem__, values)]
        if not far_off(times, platform_ns):
            return times
    both = zip(values, platform_ns, strict=True)
    own = [own_time(value, platform_ns=ns) for value, ns in both]
    return [ns if time == 0 else time for time, ns in zip(own, platform_ns, strict=True)]
