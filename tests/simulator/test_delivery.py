"""One subscriber: batches by items, bytes and time; retries, drops, and the freeze."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulator.settings import Faults, FunctionSettings
from simulator.telemetry.delivery import Subscriber
from simulator.telemetry.subscription import Subscription
from tests.simulator.doubles import RecordingSender
from tests.waiting import until

SUBSCRIPTION = Subscription(
    schema_version="2025-01-29",
    types=("platform",),
    protocol="HTTP",
    port=1,
    max_items=3,
    max_bytes=100,
    timeout_ms=30_000,
)
SETTINGS = FunctionSettings(code=Path())


@asynccontextmanager
async def subscriber(
    sender: RecordingSender,
    *,
    subscription: Subscription = SUBSCRIPTION,
    settings: FunctionSettings = SETTINGS,
    thawed: asyncio.Event | None = None,
    dropped: list[tuple[str, int, int]] | None = None,
    note: bytes = b"",
) -> AsyncIterator[Subscriber]:
    """Open a subscriber and close it in the end; what was dropped is noted, and told to it."""
    running = asyncio.Event()
    running.set()
    notes = [] if dropped is None else dropped

    def drop(*what: Any) -> None:
        notes.append(what)
        if note:
            opened.offer(note)

    opened = Subscriber(
        "name",
        subscription,
        sender=sender,
        settings=settings,
        thawed=thawed or running,
        on_dropped=drop,
    )
    try:
        yield opened
    finally:
        await opened.close()


async def test_a_full_batch_is_sent_at_once() -> None:
    """The number of items fills a batch; what is beyond waits for the next one."""
    sender = RecordingSender()
    async with subscriber(sender) as opened:
        for number in range(4):
            opened.offer(str(number).encode())

        assert await sender.has(3) == [0, 1, 2]
        assert sender.accepted == [[0, 1, 2]]


async def test_bytes_fill_a_batch_too() -> None:
    """A batch may exceed its bytes by its last event, but not by more."""
    sender = RecordingSender()
    event = b'"' + b"x" * 58 + b'"'
    async with subscriber(sender) as opened:
        opened.offer(event)
        opened.offer(event)

        await sender.has(2)
        assert [len(batch) for batch in sender.accepted] == [2]


async def test_time_sends_what_there_is() -> None:
    """An event that stays alone is sent when its time is up."""
    sender = RecordingSender()
    async with subscriber(sender, subscription=replace(SUBSCRIPTION, timeout_ms=25)) as opened:
        opened.offer(b"1")

        assert await sender.has(1) == [1]


async def test_a_flush_does_not_wait() -> None:
    """After a flush everything is sent at once, later events included."""
    sender = RecordingSender()
    async with subscriber(sender) as opened:
        opened.offer(b"1")
        opened.flush()
        await opened.drained()
        opened.offer(b"2")
        await opened.drained()

        assert sender.events == [1, 2]


async def test_nothing_is_sent_while_frozen() -> None:
    """Even a full batch waits for the thaw."""
    sender, thawed = RecordingSender(), asyncio.Event()
    async with subscriber(sender, thawed=thawed) as opened:
        for number in range(3):
            opened.offer(str(number).encode())
        for _ in range(100):
            await asyncio.sleep(0)

        assert sender.attempts == []
        thawed.set()
        assert await sender.has(3) == [0, 1, 2]


async def test_a_refused_batch_is_sent_again_as_it_was() -> None:
    """The very same batch comes again until it is acknowledged, before any later event."""
    sender = RecordingSender(refusals=2)
    async with subscriber(sender, subscription=replace(SUBSCRIPTION, max_items=1)) as opened:
        opened.offer(b"1")
        opened.offer(b"2")

        await sender.has(2)
        assert sender.attempts == [[1], [1], [1], [2]]


async def test_a_batch_nobody_takes_is_dropped_and_told() -> None:
    """After the last attempt the batch is gone, and the platform says how much it was."""
    sender = RecordingSender(refusals=9)
    dropped: list[tuple[str, int, int]] = []
    settings = replace(SETTINGS, delivery_attempts=2)
    async with subscriber(sender, settings=settings, dropped=dropped) as opened:
        opened.offer(b"12")
        opened.flush()
        await until(lambda: dropped)

        assert dropped == [("refused", 1, 2)]
        assert len(sender.attempts) == 2


async def test_a_listener_that_hangs_costs_bounded_memory() -> None:
    """What a slow listener does not take beyond the buffer is dropped and reported."""
    sender = RecordingSender()
    dropped: list[tuple[str, int, int]] = []
    sender.opens.clear()
    async with subscriber(sender, dropped=dropped) as opened:
        for number in range(1000, 1300):
            opened.offer(str(number).encode())
        await until(lambda: sender.attempts)
        sender.opens.set()
        await until(lambda: dropped)

        [(reason, records, size)] = dropped
        assert "slower than the logs production rate" in reason
        assert (records, size) == (200, 800)


async def test_what_was_dropped_is_told_when_there_is_space_for_it() -> None:
    """The event that says so goes the same way, and is not dropped itself."""
    sender = RecordingSender()
    dropped: list[tuple[str, int, int]] = []
    sender.opens.clear()
    async with subscriber(sender, dropped=dropped, note=b"7") as opened:
        opened.offer(b"1000")
        opened.flush()
        await until(lambda: sender.attempts)
        for number in range(1000, 1300):
            opened.offer(str(number).encode())
        sender.opens.set()
        events = await sender.has(102)

        assert [records for _, records, _ in dropped] == [200]
        assert events.count(7) == 1


async def test_a_lost_acknowledgement_duplicates_the_batch() -> None:
    """The fault makes the platform send again what the listener has already taken."""
    sender = RecordingSender()
    settings = replace(SETTINGS, faults=Faults(lost_acknowledgements=1))
    async with subscriber(sender, settings=settings) as opened:
        opened.offer(b"1")
        opened.flush()

        assert await sender.has(2) == [1, 1]


async def test_closing_lets_the_connection_go() -> None:
    """A closed subscriber has no task and no connection left."""
    sender = RecordingSender()
    async with subscriber(sender):
        pass

    assert sender.is_closed


@pytest.mark.parametrize("delay_s", [0.0, 0.01])
async def test_a_slow_listener_gets_everything_in_order(delay_s: float) -> None:
    """A delay changes when batches come, not what comes."""
    sender = RecordingSender()
    settings = replace(SETTINGS, faults=Faults(listener_delay_s=delay_s))
    async with subscriber(sender, settings=settings) as opened:
        for number in range(9):
            opened.offer(str(number).encode())

        assert await sender.has(9) == list(range(9))
