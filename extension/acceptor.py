"""Accepts connections while there is a place for them; the others wait in the kernel's queue.

asyncio's own server accepts without a bound, so that a caller beyond it could only be reset. A
caller in the queue has connected and sent its request already; it notices nothing but the wait.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable, Sequence

AT_ONCE = 64
"""Connections accepted in one go, before those that are open get their turn."""

LOOK_S = 0.5
"""How often is looked for a place while callers wait, if none becomes free by itself."""


class Acceptor:
    """Hands each connection to `take` while `has_place`, or after `make_place` has made one.

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
        """Go on accepting: there may be a place."""
        if self._is_paused:
            self._is_paused = False
            self._listen()

    @property
    def callers_wait(self) -> bool:
        """Whether there is somebody in the kernel's queue now."""
        return bool(self._queues.poll(0))

    def close(self) -> None:
        """Stop listening; those that wait are refused."""
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
        """Accept what waits: there is one, or this would not have been called."""
        if not self._has_place() and not self._make_place():
            return self._pause()
        for _ in range(AT_ONCE):
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return None
            except OSError:  # no descriptor is left, or nobody listens any more
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
