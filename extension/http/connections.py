"""A bound on the connections of a server, and which of them may be closed while callers wait.

Everything in the sandbox can reach both servers, the cache and the telemetry listener. A connection
that is being answered is never closed; of the others, the one that has waited longest goes first.
"""

from __future__ import annotations

import resource
from typing import Generic, NamedTuple, Protocol, TypeVar

MAX_CONNECTIONS = 512
"""Connections at once, where the process may have 1024 file descriptors, as in Lambda."""

IDLE_S = 1.0
"""Seconds without a request after which an answered connection is idle; before that, its caller may
be about to use it again."""

TORN_LOOKS = 2
"""Looks, made only while callers wait, after which half a request or an unread answer has stalled.
Looks and not seconds, because a freeze makes seconds pass but no looks."""

SILENT_LOOKS = 6
"""Likewise for a connection that has sent nothing yet: its caller may be busy opening more."""


def room_for_connections(*, descriptors: int | None = None) -> int:
    """Return how many connections fit: half of the file descriptors, for others need some too."""
    if descriptors is None:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, descriptors // 2))


class Closable(Protocol):
    """A connection."""

    @property
    def is_settled(self) -> bool:
        """Whether it has had at least one request, and all were answered."""

    @property
    def is_torn(self) -> bool:
        """Whether half a request has arrived, or an answer is not being read."""

    def has_sent_more(self) -> bool:
        """Whether bytes have arrived that were not read yet."""

    def close(self) -> None:
        """End it."""


C = TypeVar("C", bound=Closable)


class _Since(NamedTuple):
    """When a connection began to wait for its caller."""

    seconds: float
    look: int


class Connections(Generic[C]):
    """Which connections are being answered, and since when the others wait for a request.

    With `patience`, only idle and stalled ones are closed; without it, the one that waits longest.
    Times are seconds of the event loop.
    """

    def __init__(self, *, at_most: int, patience: bool = False) -> None:
        self._at_most = at_most
        self._patience = patience
        self._looks = 0
        self._busy: set[C] = set()
        self._idle: dict[C, _Since] = {}  # waiting longest first

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    @property
    def idle(self) -> tuple[C, ...]:
        """Those that nothing is owed to."""
        return tuple(self._idle)

    @property
    def busy(self) -> tuple[C, ...]:
        """Those that are being answered, including those whose caller has gone."""
        return tuple(self._busy)

    @property
    def is_full(self) -> bool:
        """Whether the next connection must wait."""
        return len(self) >= self._at_most

    def admit(self, connection: C, *, now: float) -> None:
        """Take a new connection."""
        self._idle[connection] = _Since(now, self._looks)

    def answering(self, connection: C) -> None:
        """Learn that a request of it is whole, unless it is gone."""
        if self._idle.pop(connection, None) is not None:
            self._busy.add(connection)

    def answered(self, connection: C, *, now: float) -> None:
        """Learn that it waits for the next one, unless it is gone."""
        if connection in self._busy:
            self._busy.discard(connection)
            self._idle[connection] = _Since(now, self._looks)

    def forget(self, connection: C) -> None:
        """Learn that it is closed, and no request of it is being answered."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)

    def look(self) -> None:
        """Learn that callers still wait."""
        self._looks += 1

    def make_room(self, *, now: float) -> bool:
        """Close one that may be closed, the longest waiting one; tell whether there was any."""
        for connection, since in self._idle.items():
            if not self._patience or self._may_close(connection, since, now):
                self.forget(connection)
                connection.close()
                return True
        return False

    def _may_close(self, connection: C, since: _Since, now: float) -> bool:
        if connection.is_settled:
            return now - since.seconds >= IDLE_S and not connection.has_sent_more()
        looks = TORN_LOOKS if connection.is_torn else SILENT_LOOKS
        return self._looks - since.look >= looks
