"""The reader of the pump's copies gives each message once, and survives what it cannot read."""

from __future__ import annotations

import asyncio
import socket

import pytest

from extension.telemetry.tap.copied_message import Copied
from extension.telemetry.tap.copy_reader import CopyReader, TappedMessage, read_packet
from tests.waiting import until

PACKET = b"1 3 100 200 5000 1 2 6\nHTTP/1tail"
MESSAGE = TappedMessage(
    copied=Copied(b"HTTP/1", b"tail", 5000),
    direction="answer",
    connection=3,
    first_byte_ns=100,
    last_byte_ns=200,
    is_complete=True,
    lost=2,
)


class Taken:
    """What a reader reported, and the pump's end of its channel."""

    def __init__(self) -> None:
        self.pump, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.messages: list[TappedMessage] = []
        self.errors: list[Exception] = []
        self.ends = 0
        self.reader = CopyReader(
            channel, take=self.messages.append, on_error=self.errors.append, on_end=self._end
        )

    def _end(self) -> None:
        self.ends += 1


@pytest.fixture
def taken() -> Taken:
    """Return a reader that is not started yet."""
    return Taken()


def test_a_packet_holds_numbers_head_and_tail() -> None:
    """The first line tells what the bytes behind it are."""
    assert read_packet(PACKET) == MESSAGE


@pytest.mark.parametrize("packet", [b"", b"1 2\nab", b"a b c d e f g h\n", b"1 3 1 2 5 1 2 6 9\n"])
def test_other_packets_are_refused(packet: bytes) -> None:
    """What is not a packet of the pump raises ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011  # of int, too
        read_packet(packet)


async def test_messages_come_in_order_those_from_before_first(taken: Taken) -> None:
    """What the pump sent before the reader started is read, too."""
    taken.pump.send(PACKET)
    taken.reader.start()
    taken.pump.send(PACKET.replace(b"1 3", b"0 4", 1))
    await until(lambda: len(taken.messages) == 2)
    assert [each.connection for each in taken.messages] == [3, 4]
    assert taken.messages[1].direction == "request"
    taken.reader.close()
    taken.pump.close()


async def test_a_packet_with_64_kib_of_head_and_tail_is_read_whole(taken: Taken) -> None:
    """The largest that the pump makes, behind its longest numbers."""
    numbers = b"1 4294967295 9223372036854775807 9223372036854775807 4294967295 1 4294967295 65536"
    taken.reader.start()
    taken.pump.send(numbers + b"\n" + b"h" * 65_536 + b"t" * 65_536)
    await until(lambda: bool(taken.messages))
    copied = taken.messages[0].copied
    assert (copied.head, copied.tail) == (b"h" * 65_536, b"t" * 65_536)
    taken.reader.close()
    taken.pump.close()


async def test_a_faulty_message_does_not_end_the_others(taken: Taken) -> None:
    """A packet that cannot be read is reported, and the next one is taken."""
    taken.reader.start()
    taken.pump.send(b"nonsense")
    taken.pump.send(PACKET)
    await until(lambda: bool(taken.messages))
    assert (len(taken.errors), taken.messages) == (1, [MESSAGE])
    taken.reader.close()
    taken.pump.close()


async def test_what_has_arrived_can_be_read_at_once(taken: Taken) -> None:
    """`read_waiting` takes all that is there, without the event loop."""
    taken.reader.start()
    for _ in range(40):
        taken.pump.send(PACKET)
    taken.reader.read_waiting()
    assert taken.messages == [MESSAGE] * 40
    taken.reader.close()
    taken.pump.close()


async def test_the_event_loop_does_something_else_after_sixteen_messages(taken: Taken) -> None:
    """A runtime that posts without a pause does not stop everything else."""
    taken.reader.start()
    for _ in range(17):
        taken.pump.send(PACKET)
    assert taken.reader._read_some() is True
    assert len(taken.messages) == 16
    taken.reader.close()
    taken.pump.close()


async def test_the_end_of_the_pump_is_reported_once(taken: Taken) -> None:
    """When the pump is gone, the reader closes."""
    taken.reader.start()
    taken.pump.close()
    await until(lambda: taken.ends == 1)
    taken.reader.read_waiting()
    await asyncio.sleep(0)
    assert taken.ends == 1


async def test_a_reader_that_is_closed_takes_nothing_and_leaves_nothing(taken: Taken) -> None:
    """Neither its socket nor a place in the event loop; the pump's end is not reported."""
    taken.reader.start()
    channel = taken.reader._channel
    descriptor = channel.fileno()
    taken.pump.send(PACKET)
    taken.reader.close()
    taken.reader.read_waiting()
    taken.reader.close()
    assert not asyncio.get_running_loop().remove_reader(descriptor)
    assert channel.fileno() == -1
    assert (taken.messages, taken.errors, taken.ends) == ([], [], 0)
    with pytest.raises(ConnectionError):
        taken.pump.send(PACKET)
    taken.pump.close()


def test_a_reader_that_was_not_started_can_be_closed(taken: Taken) -> None:
    """The pump sees that there is no reader."""
    taken.reader.close()
    with pytest.raises(BrokenPipeError):
        taken.pump.send(PACKET)
    taken.pump.close()


async def test_a_message_may_close_the_reader(taken: Taken) -> None:
    """`take` may close the reader while others wait."""
    taken.reader._take = lambda _: taken.reader.close()
    taken.reader.start()
    for _ in range(3):
        taken.pump.send(PACKET)
    taken.reader.read_waiting()
    assert taken.ends == 0
    taken.pump.close()
