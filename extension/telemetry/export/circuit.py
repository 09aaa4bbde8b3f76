"""PURE: whether one signal is worth a try now: a dead endpoint costs an invocation nothing.

A retry never sleeps: it is the next invocation that may try, when the pause has passed. The pause
grows with each failure in a row. It is shortened by chance, so that the sandboxes of a function do
not all come back to their endpoint in the same moment.
"""

from __future__ import annotations

from collections.abc import Callable

from extension.process.clock import Instant
from extension.telemetry.export.outcome import Outcome

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""After the first, second, … failure in a row."""

JITTER = 0.25
"""Most that chance takes off a pause, as a share of it."""

TIMEOUT_WEIGHS = 3
"""As much as so many failures, for it has cost the user its whole budget."""

LONGEST_RETRY_AFTER_S = 3600.0
"""An endpoint may ask for an hour; what asks for more is mistaken."""


class Circuit:
    """What is known of the endpoint's health, by the answers to one signal."""

    def __init__(self, draw: Callable[[], float] = lambda: 0.0) -> None:
        """Start with nothing known; `draw` gives a number from 0 to 1 for each pause."""
        self._draw = draw
        self._failures = 0
        self._failed_at: Instant | None = None
        self._pause_s = 0.0

    def allows(self, now: Instant) -> bool:
        """Tell whether to try: always after success, else when the pause has passed."""
        return self._failed_at is None or now.since(self._failed_at) >= self._pause_s

    def learn(self, outcome: Outcome, now: Instant) -> None:
        """Take the outcome of a try; a refusal shows that somebody is there."""
        if outcome.kind in ("accepted", "rejected", "too_large"):
            self._failures, self._failed_at = 0, None
            return
        weight = TIMEOUT_WEIGHS if outcome.timed_out else 0
        self._failures = max(self._failures + 1, weight)
        self._failed_at = now
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S)) - 1] * (1 - JITTER * self._draw())
        self._pause_s = max(pause_s, min(outcome.retry_after_s, LONGEST_RETRY_AFTER_S))
