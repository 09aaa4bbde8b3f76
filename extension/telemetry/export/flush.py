"""PURE: when to export, for how long, and which invocations are held for it.

Time that an extension takes after the response is billed and delays the next request in the same
sandbox; data that waits for the next invocation is minutes late, or lost with the sandbox. Every
budget here is one side of that trade, with its reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

from extension.platform.events import DEADLINE_RESERVE_S
from extension.process.clock import Instant

FlushMode = Literal["auto", "end", "periodic"]

INVOCATION_EXPORT_S = 2.0
"""Longest export inside an invocation, however patient OTEL_EXPORTER_OTLP_TIMEOUT is."""

SHUTDOWN_RESERVE_S = 0.35
"""Of SHUTDOWN's 2 s: for closing, and for a loaded machine."""

LAST_WAIT_S = {"nothing": 0.0, "report": 0.04, "end": 0.1}
"""Longest wait at SHUTDOWN for what is still to be reported: a report takes 5 ms when it comes; the
end of an invocation may be in the platform's buffer for 25 ms, and its span needs it."""

PERIOD_S = 20.0
"""Oldest that data gets while an invocation runs, and in `periodic` as long as they come."""

HALF_FULL = 0.5
"""Fullness of the buffer from which nothing waits for its period."""

FREQUENT_GAP_S = 60.0
"""Mean gap between invocations under which `auto` is `periodic`: the next one is near."""

REMEMBERED_GAPS = 20
"""How many of them must be known: after a short burst the next invocation may be far."""

PAUSE_S = 300.0
"""A gap so long is the end of a burst, whose gaps say nothing of the next one."""

REMEMBERED_DURATIONS = 20
"""Of the last invocations, by which is judged how long a silence may last."""


def invocation_budget_s(*, timeout_s: float, left_s: float) -> float:
    """Return how long an export inside an invocation may take; not positive: do not try."""
    return min(timeout_s, INVOCATION_EXPORT_S, left_s - DEADLINE_RESERVE_S)


def shutdown_budget_s(*, left_s: float) -> float:
    """Return how long the last export may take."""
    return left_s - SHUTDOWN_RESERVE_S


class FlushPolicy:
    """Decides for each invocation; learns from the gaps between them and from what went missing."""

    def __init__(self, mode: FlushMode) -> None:
        self._mode = mode
        self._last_invoke: Instant | None = None
        self._last_export: Instant | None = None
        self._gaps_s: deque[float] = deque(maxlen=REMEMBERED_GAPS)
        self._durations_s: deque[float] = deque(maxlen=REMEMBERED_DURATIONS)
        self._missed = False

    def invoked(self, now: Instant) -> None:
        """Learn that an invocation has begun."""
        gap_s = now.since(self._last_invoke) if self._last_invoke else 0.0
        if gap_s >= PAUSE_S:
            self._gaps_s.clear()
        elif self._last_invoke:
            self._gaps_s.append(gap_s)
        self._last_invoke = now

    def exported(self, now: Instant) -> None:
        """Learn that an export was tried."""
        self._last_export = now

    def missed(self) -> None:
        """Learn that a hold waited for nothing: the next ones would too."""
        self._missed = True

    def heard(self, duration_ms: float | None = None) -> None:
        """Learn that the end of an invocation was reported, and how long it took."""
        self._missed = False
        if duration_ms is not None:
            self._durations_s.append(duration_ms / 1000)

    @property
    def durations_s(self) -> Sequence[float]:
        """How long the last invocations took."""
        return self._durations_s

    @property
    def holds(self) -> bool:
        """Whether this invocation is held until its telemetry has arrived."""
        if self._missed or self._mode == "periodic":
            return False
        return self._mode == "end" or not self._is_frequent

    @property
    def _is_frequent(self) -> bool:
        known = len(self._gaps_s)
        return known == REMEMBERED_GAPS and sum(self._gaps_s) / known < FREQUENT_GAP_S

    def is_due(self, now: Instant, *, fullness: float) -> bool:
        """Return whether what waits is exported beside this invocation, as it begins."""
        if self._last_export is None or fullness >= HALF_FULL:
            return True
        return now.since(self._last_export) >= PERIOD_S
