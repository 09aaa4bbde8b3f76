"""PURE: times as the platform and loggers write them, to epoch nanoseconds.

A line may say any time: of an order from last year, or of a clock that is wrong. Back ends refuse
records that are too old or in the future, some of them with everything that came along. So a time
in a line counts only near the time at which the platform took the line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from extension.process.clock import NS_PER_MS, NS_PER_S

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_NS = 2**63

NEAR_NS = 5 * 60 * NS_PER_S
"""How far a line's own time may be from the platform's."""

ROUNDING_NS = 2 * NS_PER_S
"""A time in whole seconds this near the platform's says nothing that the platform's does not."""

UNITS_NS = tuple((unit_ns, LATEST_NS / unit_ns) for unit_ns in (NS_PER_S, NS_PER_MS, 1000, 1))
"""Seconds, milliseconds, microseconds, nanoseconds: what loggers count in, and its end."""

NUMBERS = (int, float)


IN_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
"""How the platform and the runtimes write a time."""
SECOND = slice(0, 20)
FRACTION = slice(20, None)
DAY = slice(0, 10)
MOST_REMEMBERED, MOST_SECONDS = 2000, 64
"""Times, or milliseconds of a second; and seconds, of which a delivery spans few: each that passes
would be one more until they are forgotten."""

_seconds: dict[str, int] = {}
_fractions: dict[str, int] = {}
"""Times of the form above, and their parts: two of them are such a time again."""


class _Milliseconds(dict[str, int | None]):
    """Times as the platform writes them, to epoch nanoseconds; any other text has None."""

    def __missing__(self, text: str) -> int | None:
        second, fraction = _seconds.get(text[SECOND]), _fractions.get(text[FRACTION])
        if second is None or fraction is None:
            return _remembered(text) if IN_MILLISECONDS.fullmatch(text) else None
        time_ns = second + fraction
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        self[text] = time_ns
        return time_ns


MILLISECONDS = _Milliseconds()


def parse_time(text: str) -> int:
    """Return epoch nanoseconds of an RFC 3339 time; without an offset it is UTC.

    Raises:
        ValueError: it is no time, or none of this age (.NET writes the year 1 for no time).
    """
    time_ns = MILLISECONDS[text]
    return _parse_any(text) if time_ns is None else time_ns


def _remembered(text: str) -> int | None:
    try:
        time_ns = _day_ns(text[DAY]) + _of_day_ns(text)
    except ValueError:
        return None
    if time_ns >= LATEST_NS - NS_PER_S:  # its second may not be sent to its end
        return None
    fraction = time_ns % NS_PER_S
    _remember(_seconds, text[SECOND], time_ns - fraction, most=MOST_SECONDS)
    _remember(_fractions, text[FRACTION], fraction, most=MOST_REMEMBERED)
    return time_ns


def _remember(parts: dict[str, int], part: str, value_ns: int, *, most: int) -> None:
    if len(parts) >= most:
        parts.clear()
    parts[part] = value_ns


@lru_cache(maxsize=4)
def _day_ns(text: str) -> int:
    return _parse_any(text)


def _of_day_ns(text: str) -> int:
    """Return what has passed of the day; raises ValueError for what is no time of one."""
    hours, minutes, seconds = int(text[11:13]), int(text[14:16]), int(text[17:19])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError("no time of a day")
    whole_s = hours * 3600 + minutes * 60 + seconds
    return whole_s * NS_PER_S + int(text[20:23]) * NS_PER_MS


@lru_cache(maxsize=16)
def _parse_any(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - EPOCH
    time_ns = (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000
    if not 0 <= time_ns < LATEST_NS:
        raise ValueError("before 1970 or after 2262, which no encoder can send")
    return time_ns


def own_time(value: Any, *, platform_ns: int) -> int | None:
    """Read the time that a line gives itself: text, a number in any of the usual units, an object.

    Returns:
        Epoch nanoseconds; 0 where the platform's time says all that the line's does, because one
        in whole seconds would tear the order of lines; None for what is no time of this line.
    """
    if isinstance(value, str):
        try:
            time_ns = parse_time(value)
        except (ValueError, OverflowError):
            return None
        if "." not in value and "," not in value:
            return 0 if -ROUNDING_NS <= time_ns - platform_ns <= ROUNDING_NS else None
        return time_ns if -NEAR_NS <= time_ns - platform_ns <= NEAR_NS else None
    if isinstance(value, dict):
        value = _of_object(value)
    if isinstance(value, NUMBERS) and not isinstance(value, bool):
        return _of_number(value, platform_ns)
    return None


def _of_object(value: Mapping[str, Any]) -> Any:
    """Return the number in an object: log4j2's and Google's have two parts, loguru's has one."""
    match value:
        case {"epochSecond": int(seconds), "nanoOfSecond": int(nanoseconds)}:
            return seconds * NS_PER_S + nanoseconds
        case {"seconds": int(seconds), "nanos": int(nanoseconds)}:
            return seconds * NS_PER_S + nanoseconds
    return value.get("timestamp")


def _of_number(value: float, platform_ns: int) -> int | None:
    for unit_ns, end in UNITS_NS:
        if not 0 < value < end:
            continue
        # A float of seconds is exact to the microsecond.
        time_ns = (
            value * unit_ns if isinstance(value, int) else round(value * unit_ns / 1000) * 1000
        )
        if not -NEAR_NS <= time_ns - platform_ns <= NEAR_NS:
            continue
        if time_ns % NS_PER_S:
            return time_ns
        return 0 if abs(time_ns - platform_ns) <= ROUNDING_NS else None
    return None
