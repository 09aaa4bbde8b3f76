"""The time that a line gives itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from extension.telemetry.reading import times
from extension.telemetry.reading.times import (
    MILLISECONDS,
    own_time,
    parse_time,
)
from tests.platform_events import iso, ns


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T12:00:00.250Z",
        "2026-01-01 12:00:00,250",
        "2026-01-01T14:00:00.250+0200",
        "2026-01-01T12:00:00.250000000Z",
        1767268800.25,
        1767268800250.0,
        1767268800250000.0,
        1767268800250000000.0,
        1767268800250,
        1767268800250000,
        1767268800250000000,
        {"epochSecond": 1767268800, "nanoOfSecond": 250000000},  # log4j2
        {"seconds": 1767268800, "nanos": 250000000},  # Google's layouts
        {"timestamp": 1767268800.25, "repr": "x"},  # loguru
    ],
)
def test_a_time_near_the_platforms_is_the_lines(value: Any) -> None:
    """Text with a fraction, or a number of seconds, milli-, micro- or nanoseconds."""
    assert own_time(value, platform_ns=ns(0)) == ns(0.25)


@pytest.mark.parametrize(
    "value",
    [
        "2019-06-01T12:00:00.000Z", "2199-01-01T00:00:00.5Z", "1999-01-01T00:00:00.5Z",
        "2026-01-01T12:05:00.001Z", "0001-01-01T00:00:00.5Z", "tomorrow", "", 153, 0, -1.5, 1e300,
        10**400, 153.5, 1559390400250, {}, {"timestamp": "x"}, True, None,
        ["2026-01-01T12:00:00.250Z"], "2026-01-01T12:00:09Z",
    ],
)  # fmt: skip
def test_any_other_time_is_not(value: Any) -> None:
    """Too far away, no time at all, or whole seconds that do not match."""
    assert own_time(value, platform_ns=ns(0)) is None


@pytest.mark.parametrize("value", ["2026-01-01T12:00:00Z", "2026-01-01 12:00:01", 1767268800])
def test_whole_seconds_say_nothing_that_the_platform_does_not(value: Any) -> None:
    """They are used up, but the record keeps the platform's time, which is finer."""
    assert own_time(value, platform_ns=ns(0.25)) == 0


def test_a_time_may_be_five_minutes_from_the_platforms() -> None:
    """Before it and after it, as a text or a number; no further."""
    for off in (-300.0, 300.0):
        assert own_time(iso(off), platform_ns=ns(0)) == ns(off)
        assert own_time(ns(off + 0.5), platform_ns=ns(0.5)) == ns(off + 0.5)
    for off in (-300.001, 300.001):
        assert own_time(iso(off), platform_ns=ns(0)) is None
        assert own_time(ns(off), platform_ns=ns(0)) is None


@pytest.mark.parametrize("value", ["2026-01-01T12:00:00Z", 1767268800])
def test_whole_seconds_may_be_two_seconds_from_the_platforms(value: Any) -> None:
    """Before it and after it; no further."""
    assert [own_time(value, platform_ns=ns(off)) for off in (-2, 2)] == [0, 0]
    assert [own_time(value, platform_ns=ns(off)) for off in (-2.001, 2.001)] == [None, None]


def test_only_so_many_times_are_remembered() -> None:
    """A process lives for hours, and each line has another time."""
    for number in range(2005):
        text = iso(number / 1000)
        assert parse_time(text) == MILLISECONDS[text] == ns(0) + number * 1_000_000
        assert parse_time(iso(number)) == ns(number)
        assert len(times._seconds) <= 64  # of which a long life has ever more
    for remembered in (MILLISECONDS, times._fractions):
        assert len(remembered) <= 2000


def test_each_digit_of_a_time_counts() -> None:
    """Parts of times are remembered, and no two times are taken for one another."""
    text = iso(0.111)
    assert parse_time(text) == parse_time(text) == ns(0.111)
    for at in [at for at, each in enumerate(text) if each.isdigit()]:
        other = f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}"
        try:
            moment_ns = round(datetime.fromisoformat(other).timestamp() * 1000) * 1_000_000
        except ValueError:
            moment_ns = -1
        if 0 <= moment_ns < 2**63:
            assert parse_time(other) == moment_ns
        else:
            with pytest.raises(ValueError, match=r"before 1970|must be|out of range"):
                parse_time(other)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-28T23:59:59.999Z", "2024-02-29T00:00:00.000Z", "1970-01-01T00:00:00.001Z",
        "2262-04-11T23:47:16.854Z",
    ],
)  # fmt: skip
def test_a_new_day_and_its_seconds_are_added_up(text: str) -> None:
    """As the standard library does, to the millisecond; a time is read twice, by its parts too."""
    moment = datetime.fromisoformat(text)
    since = moment - times.EPOCH
    expected = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
    for _ in range(2):
        assert parse_time(text) == expected
        MILLISECONDS.clear()


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T25:00:00.000Z", "2026-01-01T12:60:00.000Z", "2026-01-01T12:00:61.000Z",
        "2026-02-30T12:00:00.000Z", "1969-12-31T23:59:59.999Z", "2262-04-11T23:47:16.855Z",
    ],
)  # fmt: skip
def test_what_no_clock_shows_is_no_time(text: str) -> None:
    """Nor what no encoder can send."""
    assert MILLISECONDS[text] is None
    with pytest.raises(ValueError, match=r"must be in|out of range|before 1970|Invalid"):
        parse_time(text)
