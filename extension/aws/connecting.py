"""TCP connections to AWS within one time limit, however many addresses its name has.

urllib3 waits for a name as long as the system's resolver does, and then its whole time-out for each
address in turn. Here names are resolved in threads that a caller can leave behind, and the
addresses are tried side by side, each a moment after the one before it, as RFC 8305 has it.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  # by getaddrinfo: else with the first GET, in its thread
import errno
import os
import selectors
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, NamedTuple

from extension.process.clock import Clock, SystemClock

STAGGER_S = 0.1
"""How long an address is waited for before the next one is tried beside it; less where a name has
so many that the last ones would get no turn."""

MOST_LOOKUPS = 4
"""Resolutions of one name at once: a new one may succeed where a packet of the first was lost."""

Address = tuple[int, int, int, str, Any]
"""What `socket.getaddrinfo` lists: family, type, protocol, canonical name, address."""

Resolve = Callable[..., Sequence[Address]]
"""The shape of `socket.getaddrinfo`."""

Options = Iterable[tuple[int, int, int]]
"""Arguments of `setsockopt`."""


class Connector:
    """Opens sockets; may be called in any thread."""

    def __init__(
        self, *, resolve: Resolve = socket.getaddrinfo, clock: Clock | None = None
    ) -> None:
        self._names = _Names(resolve)
        self._clock = clock or SystemClock()

    def connect(
        self,
        host: str,
        port: int,
        *,
        within_s: float,
        options: Options = (),
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> socket.socket:
        """Return a socket connected to whichever address answers first, not blocking.

        Raises:
            TimeoutError: the name was not resolved, or no address answered.
            OSError: the name does not exist, or every address refused.
        """
        began = self._clock.now()
        addresses = self._names.addresses(_Name(host, port, family), within_s=within_s)
        race = _Race(addresses, options, stagger_s=min(STAGGER_S, within_s / (len(addresses) + 1)))
        try:
            while True:
                left_s = max(0.0, within_s - self._clock.now().since(began))
                if winner := race.run(for_s=left_s):
                    return winner
                # Only now: an answer may have come in a freeze that took all of the time.
                if left_s == 0:
                    raise TimeoutError("no address answered")
        finally:
            race.close()


class _Name(NamedTuple):
    host: str
    port: int
    family: socket.AddressFamily


class _Names:
    """Resolutions under way; nothing can stop one that hangs."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._lookups: defaultdict[_Name, set[Future[Sequence[Address]]]] = defaultdict(set)

    def addresses(self, name: _Name, *, within_s: float) -> Sequence[Address]:
        """Return what the first resolution to end gives; raises OSError, TimeoutError."""
        with self._lock:
            lookups = self._lookups[name]
            if len(lookups) < MOST_LOOKUPS:
                lookups.add(self._begin(name))
            under_way = set(lookups)
        ended, _ = wait(under_way, timeout=within_s, return_when=FIRST_COMPLETED)
        if not ended:
            raise TimeoutError("the name was not resolved")
        return ended.pop().result()

    def _begin(self, name: _Name) -> Future[Sequence[Address]]:
        lookup: Future[Sequence[Address]] = Future()
        # A daemon, unlike an executor's: one that hangs must not hold up the exit of the process.
        work = threading.Thread(
            target=self._look_up, args=(lookup, name), name="resolver", daemon=True
        )
        work.start()
        return lookup

    def _look_up(self, lookup: Future[Sequence[Address]], name: _Name) -> None:
        try:
            lookup.set_result(self._resolve(*name, socket.SOCK_STREAM))
        except UnicodeError:  # of the IDNA codec
            lookup.set_exception(OSError(errno.EINVAL, "no host has such a name"))
        except Exception as error:  # noqa: BLE001  # raised again where it is awaited
            lookup.set_exception(error)
        finally:
            with self._lock:
                self._lookups[name].discard(lookup)


class _Race:
    """Connections of which the first to be established wins."""

    def __init__(self, addresses: Iterable[Address], options: Options, *, stagger_s: float) -> None:
        self._stagger_s = stagger_s
        self._waiting = list(reversed(list(addresses)))
        self._options = options
        self._selector = selectors.DefaultSelector()
        self._failure = OSError(errno.EADDRNOTAVAIL, "the name has no address")

    def run(self, *, for_s: float) -> socket.socket | None:
        """Begin one more connection and wait a moment; raises OSError when all have failed."""
        if self._waiting:
            self._begin(self._waiting.pop())
        if self._selector.get_map():
            pause_s = min(self._stagger_s, for_s) if self._waiting else for_s
            for key, _ in self._selector.select(pause_s):
                if winner := self._judge(key.fileobj):
                    return winner
        elif not self._waiting:
            raise self._failure
        return None

    def close(self) -> None:
        """Close the connections that have not won."""
        for key in list(self._selector.get_map().values()):
            self._close(key.fileobj)
        self._selector.close()

    def _begin(self, address: Address) -> None:
        family, kind, protocol, _, where = address
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # no IPv6 here, for instance
            self._failure = error
            return
        connection.setblocking(False)  # noqa: FBT003  # the socket's own API
        for option in self._options:
            connection.setsockopt(*option)
        self._selector.register(connection, selectors.EVENT_WRITE)
        if (code := connection.connect_ex(where)) not in (0, errno.EINPROGRESS):
            self._failure = OSError(code, os.strerror(code))
            self._close(connection)

    def _judge(self, connection: Any) -> socket.socket | None:
        """Return a connection that is established, and close one that failed."""
        if code := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._failure = OSError(code, os.strerror(code))
            self._close(connection)
            return None
        self._selector.unregister(connection)
        won: socket.socket = connection
        return won

    def _close(self, connection: Any) -> None:
        self._selector.unregister(connection)
        connection.close()
