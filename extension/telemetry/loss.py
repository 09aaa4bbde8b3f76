"""PURE: the last sign that something the platform sent was lost, because it may have been an end.

The first part of a record is such a sign until the rest of the record comes. That explains this
sign alone: an earlier one, whose place it took, is the last again.
"""

from __future__ import annotations

from extension.process.clock import Instant
from extension.telemetry.reading.decode import Batch


class Loss:
    """Remembers when the last sign came that nothing has explained."""

    def __init__(self) -> None:
        self.at: Instant | None = None
        """When it came; None where there is none."""
        self._parted: Instant | None = None
        """When a part of a record came whose rest was still to come."""
        self._before: Instant | None = None
        """The sign whose place that took."""

    def note(self, now: Instant) -> None:
        """Take note that something was lost."""
        self.at = now

    def end_came(self) -> None:
        """Take note of the end of an invocation: whatever was lost, it was not this end."""
        self.at = None

    def learn(self, batch: Batch, now: Instant, *, has_joined: bool) -> None:
        """Take note of a delivery's signs; `has_joined`: it brought the rest of a record."""
        before = self._before if self.at is self._parted else self.at
        if batch.bad:
            before = now
        if batch.bad or has_joined:
            self.at = before
        if batch.first_part:
            self._before, self._parted, self.at = before, now, now
