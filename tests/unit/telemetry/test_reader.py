"""Reading what was delivered, step by step."""

from __future__ import annotations

import asyncio

from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.reader import STEP_EVENTS, DeliveryReader
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.doubles import ManualClock, SequentialIds
from tests.fuzz.test_decoder import Accepting, build
from tests.waiting import until


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


async def test_a_last_line_that_nothing_continues_goes_out() -> None:
    """It waits for the next delivery, which may continue it, but not for ever."""
    health, ids, clock = Health(), SequentialIds(), ManualClock()
    buffer = Buffer(max_bytes=1_000_000, dropped=health.dropped)
    pipeline = Pipeline(
        assembler=Assembler(ids=ids, stream_records=True),
        encoder=OtlpEncoder(
            ids=ids,
            identity=ResourceIdentity(),
            signals=["logs"],
            part=FULL_SIZE,
            meter=None,
            health=health,
        ),
        buffer=buffer,
        record_filter=RecordFilter(),
        redact=Redactor().redact,
        health=health,
        clock=clock,
    )
    reader = DeliveryReader(pipeline, buffer=buffer, health=health, clock=clock)
    await reader.receive(given.delivery(given.start("a", 1), given.line("no stock: E\n", 2)))
    await until(lambda: buffer.count == 1)
    await reader.receive(given.delivery(given.line("no stock: E\n", 2)))
    await reader.receive(given.delivery(given.line("E: no stock\n", 2)))
    await reader.receive(given.delivery(given.line("\tat f\n", 2)))
    await until(lambda: buffer.count > 1)
    reader.read_all()
    assert buffer.count == 2
