"""The bound on a server's connections, and which may be closed while callers wait.

Every process in the sandbox can reach both servers, the cache and the telemetry listener. A
connection with a request in progress is never closed; of the others, the one that has been idle
longest is closed first.
"""

from __future__ import annotations

import resource
from typing import Generic, NamedTuple, Protocol, TypeVar

MAX_CONNECTIONS = 512
"""Connections at once, where the process may have 1024 file descriptors, as in Lambda."""

IDLE_S = 1.0
"""Seconds after a response until its connection is idle; before that, the caller may be about to
use it again."""

STALLED_CHECKS = 2
"""Checks, made only while callers wait, after which an incomplete request or an unread response has
stalled. Counted in checks, because seconds pass during a freeze and checks do not."""

SILENT_CHECKS = 6
"""Likewise for a connection that has sent nothing yet: its caller may be busy opening others."""


def connection_limit(*, descriptors: int | None = None) -> int:
    """Return how many connections to allow: half of the file descriptors, as others need some."""
    if descriptors is None:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, descriptors // 2))


class Closable(Protocol):
    """What the bound needs to know of a connection."""

    @property
    def is_settled(self) -> bool:
        """Whether it has had at least one request, and all were answered."""

    @property
    def is_stalled(self) -> bool:
        """Whether an incomplete request has arrived, or a response is not being read."""

    def has_unread_bytes(self) -> bool:
        """Return whether bytes have arrived that were not read yet."""

    def close(self) -> None:
        """End it."""


C = TypeVar("C", bound=Closable)


class _IdleSince(NamedTuple):
    """When it became the caller's turn."""

    seconds: float
    check: int


class Connections(Generic[C]):
    """The connections of a server: busy with a request, or idle since some moment.

    With `patience`, only settled and stalled ones are closed for others; without it, the one that
    has been idle longest. Times are seconds of the event loop.
    """

    def __init__(self, *, at_most: int, patience: bool = False) -> None:
        self._at_most = at_most
        self._patience = patience
        self._checks = 0
        self._busy: set[C] = set()
        self._idle: dict[C, _IdleSince] = {}  # idle longest first

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    @property
    def idle(self) -> tuple[C, ...]:
        """Those without a request in progress."""
        return tuple(self._idle)

    @property
    def busy(self) -> tuple[C, ...]:
        """Those with a request in progress, even if the caller has gone."""
        return tuple(self._busy)

    @property
    def are_full(self) -> bool:
        """Whether the next connection must wait."""
        return len(self) >= self._at_most

    def admit(self, connection: C, *, now: float) -> None:
        """Add a new connection."""
        self._idle[connection] = _IdleSince(now, self._checks)

    def answering(self, connection: C) -> None:
        """Count a connection as busy, unless it has gone: a request of it is complete."""
        if self._idle.pop(connection, None) is not None:
            self._busy.add(connection)

    def answered(self, connection: C, *, now: float) -> None:
        """Count a connection as idle from now on, unless it has gone: it is the caller's turn."""
        if connection in self._busy:
            self._busy.discard(connection)
        elif self._idle.pop(connection, None) is None:
            return
        self._idle[connection] = _IdleSince(now, self._checks)

    def forget(self, connection: C) -> None:
        """Remove a connection that is closed and has no request in progress."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)

    def count_check(self) -> None:
        """Count one more check at which callers waited."""
        self._checks += 1

    def close_one(self, *, now: float) -> bool:
        """Close the connection that has been idle longest of those that may be closed, if any."""
        for connection, since in self._idle.items():
            if not self._patience or self._may_close(connection, since, now):
                self.forget(connection)
                connection.close()
                return True
        return False

    def _may_close(self, connection: C, since: _IdleSince, now: float) -> bool:
        if connection.is_settled:
            return now - since.seconds >= IDLE_S and not connection.has_unread_bytes()
        checks = STALLED_CHECKS if connection.is_stalled else SILENT_CHECKS
        return self._checks - since.check >= checks
