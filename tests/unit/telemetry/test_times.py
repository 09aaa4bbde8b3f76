"""The time that a line gives itself."""

from __future__ import annotations

from typing import Any

import pytest

from extension.telemetry.reading.times import own_time
from tests.platform_events import ns


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T12:00:00.250Z",
        "2026-01-01 12:00:00,250",
        "2026-01-01T14:00:00.250+0200",
        "2026-01-01T12:00:00.250000000Z",
        1767268800.25,
        1767268800250,
        1767268800250000,
        1767268800250000000,
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
        10**400, True, None, ["2026-01-01T12:00:00.250Z"], "2026-01-01T12:00:09Z",
    ],
)  # fmt: skip
def test_any_other_time_is_not(value: Any) -> None:
    """Too far away, no time at all, or whole seconds that do not match."""
    assert own_time(value, platform_ns=ns(0)) is None


@pytest.mark.parametrize("value", ["2026-01-01T12:00:00Z", "2026-01-01 12:00:01", 1767268800])
def test_whole_seconds_say_nothing_that_the_platform_does_not(value: Any) -> None:
    """They are used up, but the record keeps the platform's time, which is finer."""
    assert own_time(value, platform_ns=ns(0.25)) == 0
