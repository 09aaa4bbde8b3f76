"""Trace ids, span ids and random numbers, from the kernel's random source.

Never from `random`: sandboxes cloned from one snapshot would all draw the same ids.
"""

from __future__ import annotations

import os
from typing import Protocol

from extension.process.clock import NS_PER_S, Clock


def draw() -> float:
    """Return a random number in [0, 1), different in each clone of a snapshot."""
    return int.from_bytes(os.urandom(6)) / 2**48


class Ids(Protocol):
    """The source of new ids."""

    def trace_id(self) -> int:
        """Return a non-zero 128-bit trace id."""

    def span_id(self) -> int:
        """Return a non-zero 64-bit span id."""


class RandomIds:
    """Ids that cannot be predicted or repeated."""

    def trace_id(self) -> int:
        """Return a non-zero 128-bit trace id."""
        return int.from_bytes(os.urandom(16)) or 1

    def span_id(self) -> int:
        """Return a non-zero 64-bit span id."""
        return int.from_bytes(os.urandom(8)) or 1


class EpochIds:
    """Ids of another source, whose traces begin with the time, as X-Ray's own do.

    Source: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
    """

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock

    def trace_id(self) -> int:
        """Return a trace id: 32 bits of the epoch's seconds, and 96 that are random."""
        seconds = self._clock.now().wall_ns // NS_PER_S
        return seconds << 96 | self._ids.trace_id() % (1 << 96)

    def span_id(self) -> int:
        """Return a non-zero 64-bit span id."""
        return self._ids.span_id()
