"""What the receiver took and did not take, counted since the process began."""

from __future__ import annotations

from collections import Counter


class ReceiverCounts:
    """Reported in the line at SHUTDOWN, and as metrics if these are enabled."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        """Accepted, by signal."""
        self.bytes: Counter[str] = Counter()
        """Of these, decompressed, by signal."""
        self.items: Counter[str] = Counter()
        """Spans, log records and data points that were read, by signal."""
        self.not_forwarded: Counter[str] = Counter()
        """Requests that were accepted and not read: their signal is not exported; by signal."""
        self.refused: Counter[str] = Counter()
        """Requests, by the status of the answer; of those that were accepted, `waiting`: too
        much waited, and `repeated`: the same bytes came before."""
        self.redacted: Counter[str] = Counter()
        """Items that held a secret, by signal."""
        self.faults: Counter[str] = Counter()
        """Exceptions of our own modules, by type: each one is a bug."""

    def summary(self) -> dict[str, int]:
        """Return what is worth a line: counts that are not zero."""
        groups = {"faults": self.faults, **self._groups()}
        return {
            f"{'received' if group == 'received.items' else group}.{name}": count
            for group, counts in groups.items()
            for name, count in counts.items()
            if count
        }

    def metrics(self) -> dict[tuple[str, str], int]:
        """Return each count by the name of its metric and by its label."""
        return {
            (f"lambda_dispatch.{group}", name): count
            for group, counts in self._groups().items()
            for name, count in counts.items()
        }

    def _groups(self) -> dict[str, Counter[str]]:
        return {
            "received.items": self.items,
            "received.requests": self.requests,
            "received.bytes": self.bytes,
            "received.not_forwarded": self.not_forwarded,
            "received.refused": self.refused,
            "received.redacted": self.redacted,
        }
