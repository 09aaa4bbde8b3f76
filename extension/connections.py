"""A bound on the connections of a server: which ones may be closed when others wait for a place.

Both servers, the cache and the telemetry listener, can be reached by everything that runs in the
sandbox. A caller beyond the bound waits in the kernel's queue. A place is free again when a
connection ends, or when one that nothing is owed to is closed: the one that waits longest first.
"""

from __future__ import annotations

import resource
from typing import Generic, NamedTuple, Protocol, TypeVar

MAX_CONNECTIONS = 512
"""Connections at once, where the process may have 1024 file descriptors, as in Lambda."""

IDLE_S = 1.0
"""An answered connection that was quiet for so long is idle; before that its caller may be about
to use it again."""

TORN_LOOKS = 2
"""How often half a request is seen, while others wait, before it counts as stalled. Looks and not
seconds: a freeze is none."""

SILENT_LOOKS = 6
"""Likewise for one that has sent nothing yet: its caller may be busy connecting a thousand more.
And for one that does not read its answer."""


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
        """Whether every request of it was answered, of which there was at least one."""

    @property
    def is_torn(self) -> bool:
        """Whether half a request has arrived."""

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
    """Knows which connections are being answered, and since when the others wait for a request.

    With `patience` only those are closed that are idle or stalled; without it, whichever waits
    longest. Times are seconds of the event loop.
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
        """Those that are being answered; also if the caller has gone meanwhile."""
        return tuple(self._busy)

    @property
    def is_full(self) -> bool:
        """Whether the next one must wait."""
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
        """Learn that others still wait for a place."""
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
