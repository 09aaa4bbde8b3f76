"""What a back end takes in one request."""

from __future__ import annotations

import pytest

from extension.telemetry.export.buffer import PendingItem
from extension.telemetry.export.request_limits import AWS, UNLIMITED, Load, RequestLimits

LIMITS = RequestLimits(weight=10, items=3, spread_ns=100)


@pytest.mark.parametrize(
    ("weight", "items", "times_ns", "holds"),
    [
        (10, 3, (50, 150), True),
        (11, 3, (50, 150), False),
        (10, 4, (50, 150), False),
        (10, 3, (50, 151), False),
    ],
)
def test_a_limit_is_the_most_that_is_taken(
    weight: int, items: int, times_ns: tuple[int, ...], *, holds: bool
) -> None:
    """Of weight, of items, and of the time between the first and the last."""
    assert LIMITS.hold(weight, items, times_ns) is holds


def test_aws_takes_what_its_documentation_says() -> None:
    """A MB is a million bytes, and a spread a day.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
    """
    day_ns = 86_400 * 10**9
    assert {name: (each.weight, each.items, each.spread_ns) for name, each in AWS.items()} == {
        "traces": (5_000_000, 10_000, day_ns),
        "logs": (1_000_000, 10_000, day_ns),
        "metrics": (1_000_000, 1_000, UNLIMITED),
    }


def test_what_has_no_times_has_no_spread() -> None:
    """So it may travel where only one moment may."""
    moment = RequestLimits(spread_ns=0)
    assert moment.hold(1, 1, ())
    assert moment.hold(1, 1, (7, 7))
    assert not moment.hold(1, 1, (7, 8))


def item(*, weight: int = 1, count: int = 1, times_ns: tuple[int, ...] = ()) -> PendingItem:
    """Return an item."""
    return PendingItem(signal="logs", body=b"x", count=count, weight=weight, times_ns=times_ns)


def test_the_first_item_is_taken_whatever_it_holds() -> None:
    """It could not travel otherwise; after it nothing fits."""
    load = Load(LIMITS)
    assert load.takes(item(weight=11))
    assert not load.takes(item(weight=0, count=0))


def test_items_are_taken_as_long_as_their_sum_is_within_the_limits() -> None:
    """What was not taken does not count."""
    load = Load(LIMITS)
    assert load.takes(item(weight=4, times_ns=(100, 150)))
    assert not load.takes(item(weight=7))
    assert not load.takes(item(count=3))
    assert not load.takes(item(times_ns=(0, 49)))
    assert load.takes(item(weight=6, times_ns=(60, 160)))
    assert load.takes(item(weight=0))
    assert not load.takes(item(weight=0))
