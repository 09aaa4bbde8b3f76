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


class Load:
    """What a request holds so far."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self._weight = self._items = 0
        self._first_ns, self._last_ns = UNLIMITED, 0

    def takes(self, item: PendingItem) -> bool:
        """Add an item; return False, and leave it out, if it would be too much."""
        first_ns, last_ns = self._first_ns, self._last_ns
        if item.times_ns:
            first_ns, last_ns = min(first_ns, item.times_ns[0]), max(last_ns, item.times_ns[1])
        weight, items = self._weight + item.weight, self._items + item.count
        limits = self._limits
        if weight > limits.weight or items > limits.items or last_ns - first_ns > limits.spread_ns:
            return False
        self._weight, self._items = weight, items
        self._first_ns, self._last_ns = first_ns, last_ns
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
