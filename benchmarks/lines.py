"""What a log line costs: CPU from the platform's delivery to the compressed bytes that leave.

As a multiple of `json.loads` of the same deliveries, which no program can avoid. The parts of
telemetry are put together as the process does it, without sockets and timers.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks import log_lines
from benchmarks.rows import Row, compare, take_turns
from extension.process.clock import SystemClock
from extension.process.ids import RandomIds
from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.encoder import Encoder
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.compression import COMPRESSORS
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.raw import RawEncoder
from extension.telemetry.reader import DeliveryReader
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.resource_identity import ResourceIdentity
from tests.received import received

TURNS = 5
LINES = 5_000
BYTES = 1 << 30
IDENTITY = ResourceIdentity(function_name="shop", region="eu-central-1")


def rows() -> Iterator[Row]:
    """Measure each kind of line in each way out, without and with secrets."""
    write = log_lines.Writer()
    text = list(log_lines.deliveries(write.text, lines=LINES))
    structured = list(log_lines.deliveries(write.json, lines=LINES))
    leaking = list(log_lines.deliveries(write.text, lines=LINES, leaks_every=100))
    yield _row("text, logs", text, "logs", 9)
    yield _row("JSON, logs", structured, "logs", 10)
    yield _row("text, as events of spans", text, "traces", 9)
    yield _row("text, DISPATCH_FORMAT=json", text, "events", 3.5)
    yield _row("text, logs, 20 secrets", text, "logs", 11, known=20)
    yield _row("text, logs, 100 secrets", text, "logs", 13, known=100)
    what = "text, logs, 20 secrets, 1 % of the lines hold one"
    yield _row(what, leaking, "logs", 14, known=20)


def _row(
    what: str, deliveries: Sequence[bytes], signal: str, at_most: float, *, known: int = 0
) -> Row:
    turns = take_turns(
        {
            "ours": partial(_ours_ms, deliveries, signal, known),
            "json": partial(_loading_ms, deliveries),
        },
        turns=TURNS,
    )
    return compare(
        f"1,000 lines: {what}",
        turns["ours"],
        turns["json"],
        unit="ms",
        reference="json.loads of the same deliveries",
        at_most=at_most,
    )


def _ours_ms(deliveries: Sequence[bytes], signal: str, known: int) -> float:
    return read_all_ms(deliveries, signal, known=known) * 1e3 / LINES


def read_all_ms(deliveries: Sequence[bytes], signal: str, *, known: int = 0) -> float:
    """Return the CPU of one invocation's lines, from its deliveries to compressed bodies."""
    return asyncio.run(_read(deliveries, signal, known)) * 1e3


async def _read(deliveries: Sequence[bytes], signal: str, known: int) -> float:
    """Return the CPU of everything from the deliveries to the compressed bodies, in seconds."""
    reader, buffer, health = put_together(signal, known=known)
    await received(reader, log_lines.start())
    reader.read_all()
    began_s = time.thread_time()
    for body in [*deliveries, log_lines.done()]:
        await received(reader, body)
        reader.read_all()
    for each in buffer.signals:
        batch = buffer.batch(each, max_bytes=BYTES)
        whole = b"".join(entry.item.body for entry in batch)
        COMPRESSORS["none" if signal == "events" else "gzip"](whole)
    spent_s = time.thread_time() - began_s
    if health.dropped or health.faults or not buffer.count:
        raise RuntimeError(f"not all lines left: {health.dropped} {health.faults}")
    return spent_s


def _loading_ms(deliveries: Sequence[bytes]) -> float:
    began_s = time.thread_time()
    for body in deliveries:
        json.loads(body)
    return (time.thread_time() - began_s) * 1e6 / LINES


def put_together(
    signal: str, *, known: int = 0, concurrent: bool = False
) -> tuple[DeliveryReader, Buffer, Health]:
    """Return what takes deliveries, where their bytes end up, and what was lost on the way.

    So many secrets are `known`; `concurrent` as on Managed Instances.
    """
    clock, ids, health, redactor = SystemClock(), RandomIds(), Health(), Redactor()
    for number in range(known):
        value = secrets.token_urlsafe(24) if number else log_lines.SECRET
        redactor.learn(f"secret-{number}", value)
    buffer = Buffer(max_bytes=BYTES, dropped=health.dropped)
    encoder: Encoder = RawEncoder(redactor, health=health)
    if signal != "events":
        encoder = OtlpEncoder(
            ids=ids, identity=IDENTITY, signals=[signal], part=FULL_SIZE, meter=None, health=health
        )
    pipeline = Pipeline(
        assembler=Assembler(ids=ids, stream_records=signal == "logs", concurrent=concurrent),
        encoder=encoder,
        buffer=buffer,
        record_filter=RecordFilter(),
        redaction=redactor,
        health=health,
        clock=clock,
    )
    reader = DeliveryReader(
        pipeline, buffer=buffer, health=health, clock=clock, concurrent=concurrent
    )
    return reader, buffer, health
