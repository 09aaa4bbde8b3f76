"""PURE: how the telemetry itself fares, counted since the process began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # not imported without a receiver
    from extension.telemetry.receiver.counts import ReceiverCounts


class Health:
    """Reported in one line at SHUTDOWN, and as metrics if these are enabled."""

    def __init__(self) -> None:
        self.invocations = 0
        """Those that were announced by INVOKE."""
        self.finished = 0
        """Those whose end was heard: on Managed Instances none is announced."""
        self.accepted: Counter[str] = Counter()
        """Items that the endpoint acknowledged, by signal."""
        self.dropped: Counter[str] = Counter()
        """Items and events that will never arrive, by reason."""
        self.dead_letters = 0
        """Items that were stored instead of dropped."""
        self.filtered: Counter[str] = Counter()
        """Records that the user did not want, by filter."""
        self.cut: Counter[str] = Counter()
        """Attribute values that were cut, and attributes left out, for the back end's limits."""
        self.failed_exports = 0
        self.faults: Counter[str] = Counter()
        """Exceptions of our own modules, by type: each one is a bug."""
        self.platform_dropped = 0
        """Records that the platform dropped before they reached us."""
        self.leaks = 0
        """Records that held a secret."""
        self.repeated_deliveries = 0
        """Those that came a second time, byte for byte."""
        self.received: ReceiverCounts | None = None
        """What the function's SDK sent, where there is a receiver."""
        self.added_total_s = 0.0
        """What all invocations together were held after their responses."""
        self.on_added: Callable[[float], None] | None = None
        """Measures each hold, where metrics are wanted."""
        self.on_used: Callable[[str, float], None] | None = None
        """Measures what the sandbox used, by the name of a metric, where metrics are wanted."""

    def add_after_response(self, seconds: float) -> None:
        """Count the time that one invocation was held."""
        self.added_total_s += seconds
        if self.on_added:
            self.on_added(seconds)

    def guarded(self, step: Callable[..., None], *of: object) -> bool:
        """Take a step; a fault of ours costs that step alone, and is counted."""
        try:
            step(*of)
        except Exception as error:  # noqa: BLE001  # whatever it is, the rest goes on
            self.count_fault(error)
            return False
        return True

    def count_fault(self, error: Exception) -> None:
        """Count an exception of our own modules; each is a bug, and reported at SHUTDOWN."""
        self.faults[type(error).__name__] += 1

    def summary(self) -> dict[str, object]:
        """Return what is worth a line: counts that are not zero, and what was added in ms."""
        counts: dict[str, object] = {
            "invocations": self.invocations or self.finished,
            **{f"{signal}_accepted": count for signal, count in self.accepted.items()},
            **{f"dropped.{reason}": count for reason, count in self.dropped.items()},
            **{f"cut.{what}": count for what, count in self.cut.items()},
            **{f"filtered.{reason}": count for reason, count in self.filtered.items()},
            **{f"faults.{kind}": count for kind, count in self.faults.items()},
            "dead_letters": self.dead_letters,
            "failed_exports": self.failed_exports,
            "platform_dropped": self.platform_dropped,
            "repeated_deliveries": self.repeated_deliveries,
            "secret_leaks": self.leaks,
            **(self.received.summary() if self.received else {}),
        }
        shown = {name: count for name, count in counts.items() if count or name == "invocations"}
        return {**shown, "added_ms": round(self.added_total_s * 1000)}
