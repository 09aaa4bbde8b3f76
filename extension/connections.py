"""A bound on the connections of a server: the one that was idle longest makes room.

Both servers, the cache and the telemetry listener, can be reached by whoever runs in the sandbox.
With a bound, whoever opens connections and stalls in the middle of a request loses them as soon
as the room is needed, and nobody can use up the file descriptors.
"""

from __future__ import annotations

import resource
from typing import Generic, Protocol, TypeVar

MAX_CONNECTIONS = 512
"""Connections at once, where the process may have 1024 file descriptors, as in Lambda."""


def room_for_connections(*, descriptors: int | None = None) -> int:
    """Return how many connections fit: half of the file descriptors, for others need some too."""
    if descriptors is None:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, descriptors // 2))


class Closable(Protocol):
    """A connection."""

    def close(self) -> None:
        """End it."""


C = TypeVar("C", bound=Closable)


class Connections(Generic[C]):
    """Knows which connections are being answered and since when the others are idle."""

    def __init__(self, *, at_most: int) -> None:
        self._at_most = at_most
        self._busy: set[C] = set()
        self._idle: dict[C, None] = {}  # idle longest first

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    @property
    def idle(self) -> tuple[C, ...]:
        """Those that nothing is owed to."""
        return tuple(self._idle)

    @property
    def busy(self) -> tuple[C, ...]:
        """Those that are being answered."""
        return tuple(self._busy)

    def admit(self, connection: C) -> bool:
        """Take a new connection; False if all others are busy."""
        if len(self) >= self._at_most and not self._make_room():
            return False
        self._idle[connection] = None
        return True

    def answering(self, connection: C) -> None:
        """Learn that a request of it is whole, unless it is gone."""
        if connection in self._idle:
            del self._idle[connection]
            self._busy.add(connection)

    def answered(self, connection: C) -> None:
        """Learn that it waits for the next one, unless it is gone."""
        if connection in self._busy:
            self._busy.discard(connection)
            self._idle[connection] = None

    def forget(self, connection: C) -> None:
        """Learn that it is closed."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)

    def _make_room(self) -> bool:
        longest = next(iter(self._idle), None)
        if longest is None:
            return False
        self.forget(longest)
        longest.close()
        return True
