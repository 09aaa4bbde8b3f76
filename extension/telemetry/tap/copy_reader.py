"""Receives the copies of the Runtime API's messages that the pump makes.

Each packet is one message: a line of decimal numbers, then its first and its last bytes. It is sent
when the message is complete, or when its connection was cut. Requests that post nothing, and
answers other than 200, are left out. The pump never waits for this reader: what does not fit
between them is lost and counted, and the function goes on all the same.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from extension.process.frozen import Frozen
from extension.telemetry.tap.copied_message import Copied

Direction = Literal["request", "answer"]
"""A request of the runtime, or an answer of the Runtime API."""

LARGEST_PACKET = 160 * 1024
"""The numbers, and 64 KiB each of head and tail."""

PACKETS_AT_ONCE = 16
"""So many are read before the event loop does something else."""

NUMBERS = 8


class TappedMessage(Frozen):
    """One message between runtime and Runtime API, as it went over the wire.

    `copied.size`: of the whole message in bytes, head, framing and trailers included.
    `connection`: counted from 1 in each sandbox; on each, answers follow their requests, but some
    runtimes post on another connection than that of `/next`, so match them by request id.
    `first_byte_ns`, `last_byte_ns`: wall time in Unix nanoseconds at which the pump read them.
    `is_complete`: False if the connection was cut, or half closed, before the end of the message.
    `lost`: messages that the pump could not hand over, since it started.
    """

    copied: Copied
    direction: Direction
    connection: int
    first_byte_ns: int
    last_byte_ns: int
    is_complete: bool
    lost: int


class CopyReader:
    """Calls `take` with each message, in the order in which they ended.

    `take` runs in the event loop and must be quick. An exception of it goes to `on_error`, and the
    next message is read all the same. `on_end` is called once, when the pump is gone.
    """

    def __init__(
        self,
        channel: socket.socket,
        *,
        take: Callable[[TappedMessage], None],
        on_error: Callable[[Exception], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._channel = channel
        self._take = take
        self._on_error = on_error
        self._on_end = on_end
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to read, in the running event loop; what was copied before is still there."""
        self._channel.settimeout(0)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._channel, self._read_some)

    def read_waiting(self) -> None:
        """Read what has arrived so far, for example before an invocation is finished."""
        while self._read_some():
            pass

    def close(self) -> None:
        """Stop reading; the pump goes on."""
        if self._loop is not None:
            self._loop.remove_reader(self._channel)
            self._loop = None
        self._channel.close()

    def _read_some(self) -> bool:
        """Read a few packets; return whether there may be more."""
        for _ in range(PACKETS_AT_ONCE):
            if self._loop is None:
                return False
            packet = b""
            with suppress(ConnectionError):
                try:
                    packet = self._channel.recv(LARGEST_PACKET)
                except (BlockingIOError, InterruptedError):
                    return False
            if not packet:
                self.close()
                self._on_end()
                return False
            try:
                self._take(read_packet(packet))
            except Exception as error:  # noqa: BLE001  # one message must not end the others
                self._on_error(error)
        return True


def read_packet(packet: bytes) -> TappedMessage:
    """Return the message in a packet of the pump; raises ValueError if it is none.

    The line holds: 1 for an answer or 0, connection, first and last byte in ns, size, 1 if complete
    or 0, messages lost so far, length of the head; what follows the head is the tail.
    """
    line, _, data = packet.partition(b"\n")
    numbers = [int(each) for each in line.split(b" ")]
    if len(numbers) != NUMBERS:
        raise ValueError("not a packet of the pump")
    is_answer, connection, first_ns, last_ns, size, is_complete, lost, head_size = numbers
    return TappedMessage(
        copied=Copied(data[:head_size], data[head_size:], size),
        direction="answer" if is_answer else "request",
        connection=connection,
        first_byte_ns=first_ns,
        last_byte_ns=last_ns,
        is_complete=bool(is_complete),
        lost=lost,
    )
