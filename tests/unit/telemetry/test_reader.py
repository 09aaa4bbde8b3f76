"""Reading what was delivered, step by step."""

from __future__ import annotations

import asyncio

from extension.telemetry.health import Health
from extension.telemetry.reader import STEP_EVENTS
from tests import platform_events as given
from tests.doubles import ManualClock
from tests.fuzz.test_decoder import Accepting, build


async def test_each_step_of_reading_is_news() -> None:
    """A hold bears some silence of the platform; that we are slow to read is none."""
    clock = ManualClock()
    reader = build(Accepting(), Health(), as_json=False, clock=clock).reader
    lines = [given.line(f"line {number}", 2) for number in range(2 * STEP_EVENTS)]
    await reader.receive(given.delivery(given.start("a", 1), *lines))
    for _ in range(2):
        clock.advance(60)
        await asyncio.sleep(0)
        assert reader.heard == clock.now()
