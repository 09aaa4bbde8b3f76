"""Times, names and lists are read from JSON; what has another form is empty."""

from __future__ import annotations

from typing import Any

import pytest

from extension.telemetry.reading.times import LATEST_NS
from extension.telemetry.tap.json_paths import (
    MS,
    US,
    S,
    arn_name,
    at,
    epoch_ns,
    lists_in,
    time_ns,
)
from tests.unit.telemetry.tap.samples import SENT, SENT_MS, SENT_NS


@pytest.mark.parametrize(
    ("value", "unit_ns"),
    [
        (SENT_MS, MS),
        (str(SENT_MS), MS),
        (SENT_MS * 1000, US),
        (SENT_MS // 1000, S),
        (SENT_MS / 1000, S),
        (f"{SENT_MS // 1000}.000", S),
    ],
)
def test_a_time_is_a_number_of_a_unit_or_its_text(value: Any, unit_ns: int) -> None:
    """Each of them is the same moment."""
    assert epoch_ns(value, unit_ns=unit_ns) == SENT_NS


def test_a_fraction_of_a_second_counts_to_the_microsecond() -> None:
    """Binary fractions have no more digits that mean anything."""
    assert epoch_ns(1_764_230_400.123456, unit_ns=S) == 1_764_230_400_123_456_000


@pytest.mark.parametrize(
    "value",
    [
        0, -1, -0.5, True, None, [SENT_MS], "", "-1", "0", "1e9", "now", "٣",
        float("nan"), float("inf"), LATEST_NS // MS, 10**30,
    ],
)  # fmt: skip
def test_what_is_no_time_is_0(value: Any) -> None:
    """Nor is a moment that lies further ahead than any that can be written."""
    assert epoch_ns(value, unit_ns=MS) == 0


@pytest.mark.parametrize("text", ["", "now", SENT + " " * 40, f"{SENT[:19]}.{'0' * 20}Z"])
def test_a_text_that_is_no_time_or_too_long_is_0(text: str) -> None:
    """A text of more than 40 characters is not looked at."""
    assert time_ns(SENT) == SENT_NS
    assert time_ns(text) == 0


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:sqs:eu-central-1:111122223333:orders", "orders"),
        ("arn:aws:dynamodb:eu-central-1:111122223333:table/Orders/stream/1", "Orders"),
        ("arn:aws:sns:eu-central-1:111122223333:topic:subscription", "topic"),
        ("arn:aws:s3:::pictures", "pictures"),
        ("orders", ""),
        ("", ""),
    ],
)
def test_the_name_in_an_arn(arn: str, name: str) -> None:
    """The part after the first slash, else that before the first colon."""
    assert arn_name(arn) == name


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), {"a": [1, {"b": 2}]}),
        (("a", 0), 1),
        (("a", 1, "b"), 2),
        (("a", 2), None),
        (("a", "b"), None),
        ((0,), None),
        (("b",), None),
        (("a", 0, "b"), None),
    ],
)
def test_what_stands_at_a_path(path: tuple[str | int, ...], found: Any) -> None:
    """None if nothing does."""
    assert at({"a": [1, {"b": 2}]}, *path) == found


def test_no_more_items_are_taken_from_lists_than_were_asked_for() -> None:
    """They are those of the first lists; what is no list has none."""
    value = {"a": [1, 2], "b": "cd", "e": [3, 4]}
    assert lists_in(value, most=3) == [1, 2, 3]
    assert lists_in(value, most=9) == [1, 2, 3, 4]
