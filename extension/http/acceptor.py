"""Accepts connections up to a bound; callers beyond it wait in the kernel's queue.

asyncio's own server accepts every connection at once, so one too many could only be reset. A caller
in the queue is connected and can send its request: all it notices is the wait.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable, Sequence

AT_ONCE = 64
"""Connections accepted in one go, before those that are open get their turn."""

LOOK_S = 0.5
"""Seconds between two searches for a connection to close, while callers wait."""


class Acceptor:
    """Passes each connection to `take`, if `has_place()` or `make_place()` is true.

    While callers wait, `look` is called every `look_s` seconds.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        *,
        has_place: Callable[[], bool],
        make_place: Callable[[], bool],
        take: Callable[[socket.socket], None],
        look: Callable[[], None],
        look_s: float,
    ) -> None:
        self._is_paused = False
        self._queues = select.poll()
        for each in sockets:
            self._queues.register(each, select.POLLIN)
        self._sockets = sockets
        self._has_place = has_place
        self._make_place = make_place
        self._take = take
        self._look = look
        self._look_s = look_s
        self._loop = asyncio.get_running_loop()
        self._next_look: asyncio.TimerHandle | None = None
        self._listen()

    def resume(self) -> None:
        """Accept again, because a connection may have ended."""
        if self._is_paused:
            self._is_paused = False
            self._listen()

    @property
    def callers_wait(self) -> bool:
        """Whether the kernel's queue holds a connection now."""
        return bool(self._queues.poll(0))

    def close(self) -> None:
        """Stop listening; the connections in the queue are reset."""
        self._ignore()
        self._is_paused = False
        if self._next_look is not None:
            self._next_look.cancel()
        for each in self._sockets:
            each.close()

    def _listen(self) -> None:
        for each in self._sockets:
            if each.fileno() >= 0:
                self._loop.add_reader(each, self._accept, each)

    def _ignore(self) -> None:
        for each in self._sockets:
            if each.fileno() >= 0:
                self._loop.remove_reader(each)

    def _accept(self, listening: socket.socket) -> None:
        """Accept connections; the event loop calls this only when at least one is in the queue."""
        if not self._has_place() and not self._make_place():
            return self._pause()
        for _ in range(AT_ONCE):
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return None
            except OSError:  # no file descriptor is left, or the socket was shut down
                return self._pause()
            self._take(accepted)
            if not self._has_place():
                return None
        return None

    def _pause(self) -> None:
        self._is_paused = True
        self._ignore()
        if self._next_look is None:
            self._next_look = self._loop.call_later(self._look_s, self._end_look)

    def _end_look(self) -> None:
        self._next_look = None
        self._look()
        self.resume()
