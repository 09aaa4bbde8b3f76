"""Trace ids, span ids and random numbers, from the kernel's random source.

Never from `random`: sandboxes cloned from one snapshot would all draw the same ids.
"""

from __future__ import annotations

import os
from typing import Protocol


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
