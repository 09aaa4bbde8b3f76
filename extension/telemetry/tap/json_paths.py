"""PURE: looks into JSON of an expected shape: what is absent, or of another type, is empty.

Nothing here raises, so that an event of any shape has a cause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from extension.process.clock import NS_PER_MS, NS_PER_S
from extension.telemetry.reading.times import LATEST_NS, parse_time

MS = NS_PER_MS
US = 1000
S = NS_PER_S
"""Nanoseconds of the units that events count time in."""

NAME = re.compile(r"[^\s?&=]{1,256}")
TITLE = re.compile(r"[^\t-\r?&=]{1,128}")
KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}", re.ASCII)
"""Names of resources, titles in words, and a service's own kinds of events. No query, and no
`Bearer` token, looks like a name or a kind."""
NUMBER = re.compile(r"\d{1,20}(?:\.\d{1,9})?", re.ASCII)
ARN = re.compile(r"arn:[a-z-]{3,20}:[a-z0-9-]{1,40}:[a-z0-9-]*:\d*:([^\s?#]{1,1024})", re.ASCII)
NOTHING: Mapping[str, Any] = {}


def at(value: Any, *path: str | int) -> Any:
    """Return what is at the path of keys and indexes, None if nothing is."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        elif isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text_at(value: Any, *path: str | int) -> str:
    """Return the text at the path, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def name_at(value: Any, *path: str | int) -> str:
    """Return the name or id at the path, empty if the text does not have that form."""
    found = text_at(value, *path)
    return found if NAME.fullmatch(found) else ""


def title_at(value: Any, *path: str | int) -> str:
    """Return the title at the path, empty if the text does not have that form."""
    found = text_at(value, *path)
    return found if TITLE.fullmatch(found) else ""


def kind_at(value: Any, *path: str | int) -> str:
    """Return the kind of event at the path, empty if the text does not have that form."""
    found = text_at(value, *path)
    return found if KIND.fullmatch(found) else ""


def mapping_at(value: Any, *path: str | int) -> Mapping[str, Any]:
    """Return the object at the path, empty for anything else."""
    found = at(value, *path)
    return found if isinstance(found, dict) else NOTHING


def list_at(value: Any, *path: str | int) -> Sequence[Any]:
    """Return the list at the path, empty for anything else."""
    found = at(value, *path)
    return found if isinstance(found, list) else ()


def lists_in(value: Mapping[str, Any], *, most: int) -> list[Any]:
    """Return the first `most` items of the lists in an object."""
    lists = (each for each in value.values() if isinstance(each, list))
    return list(islice((item for each in lists for item in each), most))


def epoch_ns(value: Any, *, unit_ns: int) -> int:
    """Return epoch nanoseconds of a number or its text, 0 if it is not a time."""
    if isinstance(value, str):
        value = float(value) if NUMBER.fullmatch(value) and "." in value else _whole(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if not 0 < value < LATEST_NS // unit_ns:  # false for NaN too
        return 0
    # A float of seconds is exact to the microsecond.
    return value * unit_ns if isinstance(value, int) else round(value * unit_ns / US) * US


def time_ns(text: str) -> int:
    """Return epoch nanoseconds of an RFC 3339 time, 0 if it is not one."""
    try:
        return parse_time(text) if len(text) <= 40 else 0
    except (ValueError, OverflowError):
        return 0


def arn_name(arn: str) -> str:
    """Return the name of a queue, topic, stream, table: `arn:…:table/NAME/stream/…` is NAME."""
    found = ARN.fullmatch(arn)
    if found is None:
        return ""
    first, slash, rest = found[1].partition("/")
    return rest.partition("/")[0] if slash else first.partition(":")[0]


def is_arn(text: str) -> bool:
    """Return whether a text is an ARN."""
    return ARN.fullmatch(text) is not None


def _whole(text: str) -> int:
    return int(text) if NUMBER.fullmatch(text) else 0
