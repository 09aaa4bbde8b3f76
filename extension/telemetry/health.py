"""PURE: how the telemetry itself fares, counted since the process began."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Health:
    """Told in one line at SHUTDOWN, and as metrics where these are asked for."""

    invocations: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    """Items that the endpoint acknowledged, by signal."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Items and events that will never arrive, by reason."""
    filtered: Counter[str] = field(default_factory=Counter)
    """Records that the user did not want, by filter."""
    failed_exports: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Exceptions of our own rooms, by type: each one is a bug."""
    platform_dropped: int = 0
    """Records that the platform dropped before they reached us."""
    leaks: int = 0
    """Records that held a secret."""
    added_after_response_s: list[float] = field(default_factory=list)
    """How long each invocation was held beyond its runtime's end; emptied by `added_total_s`."""
    added_total_s: float = 0.0

    def add_after_response(self, seconds: float) -> None:
        """Count the time that one invocation was held."""
        self.added_after_response_s.append(seconds)
        self.added_total_s += seconds

    def take_added(self) -> list[float]:
        """Return the holds since the last call."""
        taken, self.added_after_response_s = self.added_after_response_s, []
        return taken

    def summary(self) -> dict[str, object]:
        """Return what is worth a line: counts that are not zero, and what was added in ms."""
        counts: dict[str, object] = {
            "invocations": self.invocations,
            **{f"{signal}_accepted": count for signal, count in self.accepted.items()},
            **{f"dropped.{reason}": count for reason, count in self.dropped.items()},
            **{f"filtered.{reason}": count for reason, count in self.filtered.items()},
            **{f"faults.{kind}": count for kind, count in self.faults.items()},
            "failed_exports": self.failed_exports,
            "platform_dropped": self.platform_dropped,
            "secret_leaks": self.leaks,
        }
        told = {name: count for name, count in counts.items() if count or name == "invocations"}
        return {**told, "added_ms": round(self.added_total_s * 1000)}
