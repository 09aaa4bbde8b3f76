"""PURE: what a back end takes in one request, beside the bytes that every request is bounded by."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from extension.process.frozen import Frozen
from extension.telemetry.export.buffer import PendingItem, Signal

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
UNLIMITED = sys.maxsize


class RequestLimits(Frozen):
    """Of one request; an item's `weight` is what it counts for `weight`."""

    weight: int = UNLIMITED
    items: int = UNLIMITED
    spread_ns: int = UNLIMITED
    """Between the earliest and the latest time in it."""

    def hold(self, weight: int, items: int, times_ns: tuple[int, ...]) -> bool:
        """Return whether so much is within them."""
        spread_ns = times_ns[1] - times_ns[0] if times_ns else 0
        return weight <= self.weight and items <= self.items and spread_ns <= self.spread_ns


class Load:
    """What a request holds so far."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self._weight = self._items = 0
        self._times_ns: tuple[int, ...] = ()
        self._is_empty = True

    def takes(self, item: PendingItem) -> bool:
        """Add an item, the first in any case; return False if it would be too much."""
        weight, items = self._weight + item.weight, self._items + item.count
        times_ns = (*self._times_ns, *item.times_ns)
        times_ns = (min(times_ns), max(times_ns)) if times_ns else ()
        if not (self._is_empty or self._limits.hold(weight, items, times_ns)):
            return False
        self._is_empty = False
        self._weight, self._items, self._times_ns = weight, items, times_ns
        return True


AWS: Mapping[Signal, RequestLimits] = {
    "traces": RequestLimits(weight=5_000_000, items=10_000, spread_ns=DAY_NS),
    "logs": RequestLimits(weight=1_000_000, items=10_000, spread_ns=DAY_NS),
    "metrics": RequestLimits(weight=1_000_000, items=1_000),
}
"""Of X-Ray, CloudWatch Logs and CloudWatch; MB are read as 1 000 000 bytes, the smaller reading.

The weight of spans and points is that of the request before compression, of log records that of the
events they become. Logs takes twenty times as much in some Regions; this much goes to all of them.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""
