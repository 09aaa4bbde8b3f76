"""Trace and span ids, and chance, from the kernel's random source.

Never from `random`: sandboxes cloned from one snapshot would all draw the same ids.
"""

from __future__ import annotations

import os
from typing import Protocol


def draw() -> float:
    """Return a number in [0, 1) that no clone of a snapshot shares."""
    return int.from_bytes(os.urandom(6)) / 2**48


class Ids(Protocol):
    """Where fresh ids come from."""

    def trace_id(self) -> int:
        """Return a non-zero 128-bit trace id."""

    def span_id(self) -> int:
        """Return a non-zero 64-bit span id."""


class RandomIds:
    """Ids nobody can foresee or replay."""

    def trace_id(self) -> int:
        """Return a non-zero 128-bit trace id."""
        return int.from_bytes(os.urandom(16)) or 1

    def span_id(self) -> int:
        """Return a non-zero 64-bit span id."""
        return int.from_bytes(os.urandom(8)) or 1
