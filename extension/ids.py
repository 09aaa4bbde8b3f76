"""Trace and span ids from the kernel's random source.

Never from `random`: sandboxes cloned from one snapshot would all draw the same ids.
"""

from __future__ import annotations

import os
from typing import Protocol


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
