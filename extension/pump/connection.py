"""One connection of the runtime, and the one to the Runtime API that belongs to it.

Bytes go from each side to the other, in their order and unchanged:

    a side takes no more        nothing is read from the other side until it does
    a side has sent all (FIN)   what waits is written, then the other side gets a FIN
    both have sent all          both are closed
    a side is reset (RST)       what it sent before is written, then the other side is reset

There is no timeout: a connection idles for as long as the sandbox is frozen. Messages are copied
after their bytes were passed on. Built-in modules only.
"""

from __future__ import annotations

import _socket
import sys
from select import EPOLLIN, EPOLLOUT

from extension.pump.framing import Framing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from extension.pump.framing import Copy

RESET_ON_CLOSE = (1).to_bytes(4, sys.byteorder) + (0).to_bytes(4, sys.byteorder)
"""`struct linger`: closing sends RST."""

NOTHING = memoryview(b"")


class Side:
    """One of the two sockets."""

    __slots__ = ("descriptor", "hung_up", "is_broken", "raw", "watched")

    def __init__(self, raw: _socket.socket) -> None:
        self.raw = raw
        self.descriptor = raw.fileno()
        self.is_broken = False
        """It was reset: nothing can be written to it any more; what it sent may be left to read."""
        self.hung_up = False
        """epoll reports its end, which can only be read after the other side has taken more."""
        self.watched: int | None = None
        """The events that epoll reports of it; None if it is not registered."""


class Flow:
    """One direction: what is read from `source` is written to `sink`."""

    __slots__ = ("framing", "has_ended", "is_done", "sink", "source", "waiting")

    def __init__(self, *, source: Side, sink: Side, are_answers: bool) -> None:
        self.source, self.sink = source, sink
        self.framing: Framing | None = Framing(are_answers=are_answers)
        """None once its messages could not be told apart."""
        self.waiting = NOTHING
        """What the sink has not taken yet: one buffer at most, as nothing is read meanwhile."""
        self.has_ended = False
        """All that the source sends has been read, so nothing of it waits."""
        self.is_done = False
        """The sink has got all of it, and knows that it ended."""

    @property
    def is_reading(self) -> bool:
        """Whether the next bytes of the source are wanted."""
        return not (self.has_ended or self.waiting)

    def drop(self) -> None:
        """Give up what waits: the sink takes nothing any more, or the source has sent all."""
        self.waiting, self.has_ended = NOTHING, True


class Connection:
    """Both sides; `report` is called with each copy, and whether it is of an answer."""

    __slots__ = (
        "_buffer",
        "_clock",
        "_flows",
        "_report",
        "client",
        "is_closed",
        "is_connecting",
        "upstream",
    )

    def __init__(
        self,
        *,
        client: _socket.socket,
        upstream: _socket.socket,
        buffer: memoryview,
        clock: Callable[[], int],
        report: Callable[[Copy, bool], None],
    ) -> None:
        """Join two sockets that do not block; `upstream` may still be connecting."""
        self.client, self.upstream = Side(client), Side(upstream)
        self._flows = (
            Flow(source=self.client, sink=self.upstream, are_answers=False),
            Flow(source=self.upstream, sink=self.client, are_answers=True),
        )
        self._buffer, self._clock, self._report = buffer, clock, report
        self.is_connecting = True
        self.is_closed = False

    @property
    def sides(self) -> tuple[Side, Side]:
        """Return the runtime's side and the Runtime API's."""
        return self.client, self.upstream

    def wanted(self, side: Side) -> int | None:
        """Return the events to watch a side for; None: it must not be registered."""
        outgoing, incoming = self._flows if side is self.client else self._flows[::-1]
        if self.is_connecting:
            return EPOLLOUT if side is self.upstream else None
        events = (EPOLLIN if outgoing.is_reading else 0) | (EPOLLOUT if incoming.waiting else 0)
        return None if side.hung_up and not events else events

    def handle(self, side: Side, events: int) -> None:
        """Do what the events of a side allow."""
        outgoing, incoming = self._flows if side is self.client else self._flows[::-1]
        # A failure to connect is read, as a reset is: what was sent before it comes first.
        self.is_connecting = False
        if incoming.waiting:
            self._write(incoming, incoming.waiting)
        if events & ~EPOLLOUT:
            if outgoing.is_reading:
                self._read(outgoing)
            elif outgoing.has_ended:
                self._break(side)
            else:
                side.hung_up = True
        self._settle()

    def close(self, *, resetting: Side | None = None) -> None:
        """Close both sides, one of them with a reset."""
        self.is_closed = True
        for flow in self._flows:
            self._end_copying(flow)
        if resetting is not None:
            try:  # noqa: SIM105  # contextlib is not built in
                resetting.raw.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, RESET_ON_CLOSE)
            except OSError:
                pass  # it is gone itself
        self.client.raw.close()
        self.upstream.raw.close()

    def _read(self, flow: Flow) -> None:
        try:
            count = flow.source.raw.recv_into(self._buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._break(flow.source)
            return
        if not count:
            flow.has_ended = True
            self._end_copying(flow)
            return
        data = self._buffer[:count]
        self._write(flow, data)
        self._copy(flow, data)

    def _write(self, flow: Flow, data: memoryview) -> None:
        """Write what the sink takes; the rest waits."""
        try:
            sent = flow.sink.raw.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            flow.sink.is_broken = True
            flow.drop()
            return
        if sent == len(data):
            flow.waiting = NOTHING
            return
        rest = data[sent:]
        # What waits already has memory of its own; the buffer is for all connections.
        flow.waiting = rest if data is flow.waiting else memoryview(bytes(rest))

    def _break(self, side: Side) -> None:
        """Note that a side was reset, and that all it sent has been read."""
        side.is_broken = True
        for flow in self._flows:
            flow.drop()

    def _settle(self) -> None:
        """Pass on what has ended."""
        for flow in self._flows:
            if flow.has_ended and not flow.is_done:
                flow.is_done = True
                if not flow.source.is_broken:
                    _finish(flow.sink)
        if all(flow.is_done for flow in self._flows):
            broken = [flow for flow in self._flows if flow.source.is_broken]
            self.close(resetting=broken[0].sink if broken else None)

    def _copy(self, flow: Flow, data: memoryview) -> None:
        if flow.framing is None:
            return
        try:
            ended = flow.framing.feed(data, now_ns=self._clock())
            for copy in ended:
                self._report(copy, flow.source is self.upstream)
        except Exception:  # noqa: BLE001  # whatever it is, the bytes go on
            for each in self._flows:
                each.framing = None  # without its requests, an answer means nothing

    def _end_copying(self, flow: Flow) -> None:
        copy = flow.framing.close() if flow.framing else None
        if copy is not None:
            self._report(copy, flow.source is self.upstream)


def _finish(side: Side) -> None:
    """Send FIN, unless the connection is gone."""
    try:
        side.raw.shutdown(_socket.SHUT_WR)
    except OSError:
        return
