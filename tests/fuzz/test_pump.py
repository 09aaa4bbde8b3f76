"""Whatever is sent, read, ended and reset, both ends see the same with and without the pump."""

from __future__ import annotations

from extension.telemetry.tap.copied_message import read_message
from extension.telemetry.tap.copy_reader import LARGEST_PACKET, read_packet
from tests.fuzz.budget import fuzz
from tests.fuzz.connections import Step, run, scripts
from tests.running_pump import PumpInThread, listening, pump_in_thread


def test_scripts_of_connections() -> None:
    """The copies that come of it can be read, or are none."""
    with listening() as server, pump_in_thread() as pump:
        direct = PumpInThread(server.getsockname()[1], server, pump.channel)

        def compare(steps: list[Step]) -> None:
            assert run(steps, pump.connect) == run(steps, direct.connect)
            read_copies(pump)

        assert fuzz(compare, scripts())


def read_copies(pump: PumpInThread) -> None:
    """Read what was copied so far."""
    pump.channel.settimeout(0)
    try:
        while packet := pump.channel.recv(LARGEST_PACKET):
            message = read_packet(packet)
            assert message.copied.size >= len(message.copied.head) + len(message.copied.tail)
            read_message(message.copied)
    except BlockingIOError:
        return
