"""PURE: lines of one form, read together: their parts as columns, and which are not of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from extension.telemetry.reading.columns import Keys, LineLevel
from extension.telemetry.reading.records import Knows
from extension.telemetry.reading.times import NEAR_NS

FIRST: Callable[[str], str] = itemgetter(slice(0, 1))
"""Gives the first character of a text, nothing of an empty one."""

INITIAL: Callable[[Any], str] = itemgetter(0)
"""The same in half the time; raises LookupError for an empty text, and for an object."""


class Form(NamedTuple):
    """The parts of lines in some `places` among those that were read."""

    places: Sequence[int]
    times_ns: Sequence[int | None]
    bodies: Sequence[str]
    levels: Sequence[LineLevel | None]
    request_ids: Sequence[str]
    keys: Keys = ()
    """The names of the fields that all of them have."""
    values: Sequence[tuple[Any, ...]] = ()
    unusual: Iterable[int] = ()
    """Which of them, counted from 0, are not of this form after all."""


Reader = Callable[[Sequence[Any], Sequence[int], Knows], Iterable[Form]]
"""Takes texts or objects, when the platform took each, and what knows which request ids are ours;
lines that are in no form are unusual."""


def far_off(times_ns: Sequence[Any], platform_ns: Sequence[int]) -> list[int]:
    """Return where a time is none, or not near the platform's."""
    try:
        all_ns = *times_ns, *platform_ns
        if max(all_ns) - min(all_ns) <= NEAR_NS:
            return []  # nearly always
    except TypeError:  # one is none
        pass
    both = enumerate(zip(times_ns, platform_ns, strict=True))
    return [at for at, (own, ns) in both if own is None or not -NEAR_NS <= own - ns <= NEAR_NS]


def without_value(column: Sequence[object]) -> Sequence[int]:
    """Return where a column has nothing; nearly always nowhere."""
    return () if all(column) else [at for at, each in enumerate(column) if each is None]
