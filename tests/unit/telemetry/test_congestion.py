"""Reading waits while too much waits for export."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from extension.telemetry.export.buffer import ENTRY_BYTES, PendingItem
from extension.telemetry.export.delivery import do_nothing
from extension.telemetry.reader import STEP_EVENTS
from tests import platform_events as given
from tests.received import received
from tests.simulated_sandbox import SimulatedSandbox


@pytest.fixture
def sandbox() -> Iterator[SimulatedSandbox]:
    """A sandbox whose time passes at once."""
    made = SimulatedSandbox("periodic")
    yield made
    made.close()


def fill(sandbox: SimulatedSandbox, *, fullness: float = 0.5) -> None:
    """Let so much wait for export."""
    size = round(sandbox.telemetry._buffer._max_bytes * fullness)
    item = PendingItem(signal="logs", body=bytes(size - ENTRY_BYTES), count=1)
    sandbox.telemetry._buffer.add(item)
    assert sandbox.telemetry._buffer.fullness == fullness


def test_reading_waits_two_seconds_for_an_export_to_make_room(sandbox: SimulatedSandbox) -> None:
    """Then the oldest makes room; with less than half of the buffer full it does not wait.

    It waits once, however much is to be read: what hangs would prolong a hold again and again.
    """
    reader, clock = sandbox.telemetry.reader, sandbox.clock
    congestion = reader.congestion
    began, half_full = 0, list[int]()
    congestion.on_half_full, congestion.is_exporting = lambda: half_full.append(began), lambda: True
    lines = (given.line(f"line {number}", 2) for number in range(513))
    body = given.delivery(*lines, given.start("a", 3))
    for fullness, seconds in ((0.5 - 1 / 64, 0.0), (0.5, 2.0)):
        began = clock.monotonic_ns
        sandbox.telemetry._buffer.forget(sandbox.telemetry._buffer.batch("logs", max_bytes=10**9))
        fill(sandbox, fullness=fullness)

        async def read(body: bytes) -> None:
            await received(reader, body)
            await reader.wait_until_read(60)

        sandbox.run(read(body.replace(b"line", b"%f" % fullness)))
        assert (clock.monotonic_ns - began) / 1e9 == pytest.approx(seconds)
    assert half_full == [began] * 3


async def read_two_steps(sandbox: SimulatedSandbox, *, number: int) -> None:
    """Have so many events read that there is one wait before the last of them."""
    lines = (given.line(f"line {each} of {number}", 2) for each in range(STEP_EVENTS))
    await received(sandbox.telemetry.reader, given.delivery(*lines, given.start("a", 3)))
    await sandbox.telemetry.reader.wait_until_read(60)


def empty(sandbox: SimulatedSandbox, *, max_bytes: int = 10**9) -> None:
    """Let an export take some of what waits."""
    sandbox.telemetry._buffer.forget(sandbox.telemetry._buffer.batch("logs", max_bytes=max_bytes))


@pytest.mark.parametrize(
    ("what", "seconds"), [("nothing", 0), ("an end", 2), ("another", 2), ("room", 2)]
)
def test_reading_waits_once_for_each_export(
    sandbox: SimulatedSandbox, what: str, seconds: float
) -> None:
    """Where one has ended, or there was room meanwhile, the next one is given its time."""
    reader, clock = sandbox.telemetry.reader, sandbox.clock
    congestion = reader.congestion
    exporting = True
    congestion.on_half_full, congestion.is_exporting = do_nothing, lambda: exporting
    fill(sandbox)
    sandbox.run(read_two_steps(sandbox, number=1))
    exporting = what != "another"
    if what == "room":
        empty(sandbox)
    sandbox.run(sandbox.deliver(given.delivery(given.start("b", 3))))
    exporting = True
    if what == "room":
        empty(sandbox)
        fill(sandbox)
    if what == "an end":
        congestion.export_settled()
    began = clock.now()
    sandbox.run(read_two_steps(sandbox, number=2))
    assert clock.now().since(began) == pytest.approx(seconds)


def test_reading_waits_again_for_an_export_that_makes_some_room(sandbox: SimulatedSandbox) -> None:
    """What is slow is not what hangs: the platform gathers meanwhile, and nothing is dropped."""
    reader, clock = sandbox.telemetry.reader, sandbox.clock
    congestion = reader.congestion
    congestion.on_half_full, congestion.is_exporting = do_nothing, lambda: True
    fill(sandbox, fullness=0.25)
    half = PendingItem(signal="logs", body=bytes(2_100_000), count=1)
    sandbox.telemetry._buffer.add(half)
    sandbox.loop.call_later(1, lambda: empty(sandbox, max_bytes=1))
    began = clock.now()
    for number in range(2):
        sandbox.run(read_two_steps(sandbox, number=number))
    assert clock.now().since(began) > 3.9


@pytest.mark.parametrize(("is_exporting", "read_after_s"), [(True, 1.5), (False, 0.1)])
def test_reading_goes_on_when_there_is_room_or_nothing_that_makes_any(
    sandbox: SimulatedSandbox, *, is_exporting: bool, read_after_s: float
) -> None:
    """It looks again whenever an export has ended."""
    reader, clock = sandbox.telemetry.reader, sandbox.clock
    congestion = reader.congestion
    congestion.on_half_full, congestion.is_exporting = do_nothing, lambda: is_exporting
    fill(sandbox)

    async def read() -> None:
        await received(reader, given.delivery(given.start("a", 1)))
        await asyncio.sleep(0.1)
        reading = asyncio.ensure_future(reader.wait_until_read(60))
        await received(reader, given.delivery(given.start("b", 1)))
        reading.add_done_callback(lambda _: ended.append(clock.now().since(began)))
        await asyncio.sleep(0.9)
        congestion.export_settled()
        await asyncio.sleep(0.5)
        sandbox.telemetry._buffer.forget(sandbox.telemetry._buffer.batch("logs", max_bytes=1))
        congestion.export_settled()
        await reading

    began, ended = clock.now(), list[float]()
    sandbox.run(read())
    assert ended == [pytest.approx(read_after_s)]


def test_a_freeze_is_no_waiting_in_vain(sandbox: SimulatedSandbox) -> None:
    """The export that makes room was frozen, too."""
    reader, clock = sandbox.telemetry.reader, sandbox.clock
    reader.congestion.on_half_full, reader.congestion.is_exporting = do_nothing, lambda: True
    fill(sandbox)

    async def read_in_a_freeze() -> None:
        reading = asyncio.ensure_future(received(reader, given.delivery(given.start("a", 1))))
        await asyncio.sleep(1)
        clock.advance(3600)
        await asyncio.sleep(0.5)
        empty(sandbox)
        reader.congestion.export_settled()
        await reading
        await reader.wait_until_read(60)

    began = clock.now()
    sandbox.run(read_in_a_freeze())
    assert clock.now().since(began) == pytest.approx(3600 + 1.5)
    assert not reader.congestion._waited_in_vain
