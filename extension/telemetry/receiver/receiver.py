"""The receiver from the first moment on: what comes before telemetry is open is kept.

Where telemetry is off, or could not be opened, requests are accepted all the same, counted and
thrown away: a refused connection would cost the function seconds at each export.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence

from extension.platform.events import Job, Shutdown
from extension.process.log import Log
from extension.telemetry.receiver.content import Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.door import Door

MAX_KEPT_BYTES = 8 * 1_048_576
"""Requests that wait for telemetry to open; those beyond it are lost, and counted."""

Take = Callable[[Posted], bool]
"""Takes a request to be read; returns whether it is kept."""


class Receiver(Job):
    """The door, and what its requests go to."""

    def __init__(self, *, log: Log) -> None:
        self._log = log
        self.counts = ReceiverCounts()
        self._kept: deque[Posted] = deque()
        self._kept_bytes = 0
        self._take: Take = self._keep
        self._door = Door(take=self._take_by_now, counts=self.counts)

    async def open(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to accept requests."""
        await self._door.open(sockets)

    async def close(self) -> None:
        """Stop; the process itself leaves that to the kernel."""
        await self._door.close()

    def opened(self, take: Take) -> None:
        """Hand over all that was kept, and everything that comes."""
        self._take = take
        while self._kept:
            if not take(self._kept.popleft()):
                self.counts.refused["waiting"] += 1

    def given_up(self) -> None:
        """Throw away what was kept, and everything that comes: telemetry is off."""
        self.counts.not_forwarded.update(posted.signal for posted in self._kept)
        self._kept.clear()
        self._take = self._throw_away

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Report what was thrown away; of what was not, telemetry has the counts."""
        if self._take == self._throw_away and (counts := self.counts.summary()):
            self._log.warning("what the SDK sent is not exported", **counts)

    def _take_by_now(self, posted: Posted) -> bool:
        return self._take(posted)

    def _keep(self, posted: Posted) -> bool:
        if self._kept_bytes + len(posted.body) > MAX_KEPT_BYTES:
            return False
        self._kept.append(posted)
        self._kept_bytes += len(posted.body)
        return True

    def _throw_away(self, posted: Posted) -> bool:
        self.counts.not_forwarded[posted.signal] += 1
        return True


async def receive(sockets: Sequence[socket.socket], *, log: Log) -> Receiver:
    """Open a receiver on bound sockets."""
    receiver = Receiver(log=log)
    await receiver.open(sockets)
    return receiver
