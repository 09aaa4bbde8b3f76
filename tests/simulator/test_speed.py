"""Time that is only waited for can be compressed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from simulator.local_lambda import LocalLambda
from tests.scripted.stage import Stage
from tests.scripted.steps import INVOKE_AND_SHUTDOWN, STAY, register
from tests.simulator.running import records_of, settings_for

STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
HANGS = """
import time

def handler(event, context):
    time.sleep(600 if event else 0)
"""


async def test_a_hundred_invocations_an_hour_apart_take_seconds(tmp_path: Path) -> None:
    """Gaps pass in compressed time, with a freeze and a thaw for each: four days in minutes."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING})
    settings = settings_for(stage, timeout_s=60_000_000, time_compression=1_000_000)
    async with asyncio.timeout(600), LocalLambda(settings) as function:
        for number in range(100):
            await function.idle(3600)
            answer = await function.invoke(number)
            assert (answer.status, answer.payload) == ("success", str(number).encode())

    assert len(records_of(function, "report")) == 100


async def test_a_timeout_of_ten_minutes_passes_in_seconds(tmp_path: Path) -> None:
    """The function's timeout is compressed; the message names the configured one."""
    stage = Stage.build(tmp_path, source=HANGS)
    settings = settings_for(stage, timeout_s=600, time_compression=600)
    async with asyncio.timeout(600), LocalLambda(settings) as function:
        await function.start()
        answer = await function.invoke(1)

    assert answer.status == "timeout"
    assert answer.error is not None
    assert answer.error["errorMessage"].endswith("Task timed out after 600.00 seconds")
    assert answer.duration_ms < 300_000
