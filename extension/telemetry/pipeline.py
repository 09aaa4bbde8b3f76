"""What becomes of a delivery: its bytes read, redacted, assembled, encoded, put into the buffer.

Whatever goes wrong with one event or in one of our own rooms is counted and told at SHUTDOWN,
never raised: the callers are the platform's POST, the cache and the life cycle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from extension.clock import Clock
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished, Invocation, gather
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.outgoing import Outgoing
from extension.telemetry.health import Health
from extension.telemetry.reading.decode import Batch, parse
from extension.telemetry.reading.events import (
    Event,
    InitStart,
    LogLine,
    LogsDropped,
    RestoreStart,
    RuntimeDone,
)
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.reading.records import is_own, read_record
from extension.telemetry.reading.redact import Redact, redact_record

MAX_WAITING_BYTES = 8 * 1_048_576
"""Deliveries taken but not read yet; they are read as soon as the loop is free."""


class Encoder(Protocol):
    """Makes items for export."""

    def learn_instance(self, instance_id: str) -> None:
        """Take the sandbox's name, which every later item carries."""

    def take_events(self, batch: Batch) -> list[Outgoing]:
        """Return the items that the events themselves are."""

    def build(self, finished: Finished) -> list[Outgoing]:
        """Return the items of one finished thing, ids and times included."""

    def count_answer(self, answer: CacheAnswer) -> None:
        """Measure one GET of the cache."""

    def count_call(self, call: CacheCall) -> None:
        """Measure one call of the cache to AWS."""

    def collect(self, health: Health, *, now_ns: int) -> list[Outgoing]:
        """Return the items gathered since the last call."""


class Pipeline:
    """What the listener and the cache see of job 1; `on_end`: told of each runtimeDone."""

    def __init__(
        self,
        *,
        assembler: Assembler,
        encoder: Encoder,
        buffer: Buffer,
        record_filter: RecordFilter,
        redact: Redact,
        on_end: Callable[[], None],
        health: Health,
        clock: Clock,
    ) -> None:
        self._assembler = assembler
        self._encoder = encoder
        self._buffer = buffer
        self._filter = record_filter
        self._redact = redact
        self._on_end = on_end
        self._health = health
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._progress = asyncio.Event()
        self.has_received = False

    def receive(self, body: bytes) -> None:
        """Take one delivery; it is read when the answer to the platform is on its way."""
        self.has_received = True
        if self._waiting_bytes + len(body) > MAX_WAITING_BYTES:
            self._health.dropped["delivery"] += 1
            return
        self._waiting.append(body)
        self._waiting_bytes += len(body)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._read_waiting)

    def cache_answered(self, answer: CacheAnswer) -> None:
        """Learn how the cache answered a GET."""
        self._assembler.count_answer(answer, now_ns=self._clock.now().wall_ns)
        self._encoder.count_answer(answer)

    def cache_called(self, call: CacheCall) -> None:
        """Learn of a call of the cache to AWS."""
        self._encoder.count_call(call)
        self._take(self._assembler.feed_call(call))

    def count_fault(self, error: Exception) -> None:
        """Count an exception of our own rooms; each is a bug, and told at SHUTDOWN."""
        self._health.faults[type(error).__name__] += 1

    async def wait_for_progress(self, seconds: float) -> None:
        """Wait until deliveries were read, for so long at most."""
        self._progress.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._progress.wait()
        except TimeoutError:
            return

    def collect(self) -> None:
        """Put what was measured since the last call into the buffer."""
        self._guarded(self._collect)

    def end(self, *, reason: str, now_ns: int) -> None:
        """Put everything into the buffer, for the sandbox ends: `reason` is that of SHUTDOWN."""
        self._guarded(self._read_waiting)
        self._guarded(self._end, reason, now_ns)
        self._guarded(self._collect)

    def _read_waiting(self) -> None:
        while self._waiting:
            body = self._waiting.popleft()
            self._waiting_bytes -= len(body)
            if not self._guarded(self._read, body):
                self._health.dropped["delivery"] += 1
        self._progress.set()

    def _read(self, body: bytes) -> None:
        batch = parse(body)
        if batch.bad:
            self._health.dropped["bad_event"] += batch.bad
        self._add(self._encoder.take_events(batch))
        finished: list[Finished] = []
        for event in batch.events:
            self._guarded(self._feed, event, finished)
        self._take(gather(finished))

    def _guarded(self, step: Callable[..., None], *of: object) -> bool:
        """Take a step; a fault of ours costs that step alone, and is counted."""
        try:
            step(*of)
        except Exception as error:  # noqa: BLE001  # whatever it is, the rest goes on
            self.count_fault(error)
            return False
        return True

    def _feed(self, event: Event, finished: list[Finished]) -> None:
        match event:
            case LogLine():
                finished += self._feed_line(event)
                return
            case LogsDropped():
                self._health.platform_dropped += event.dropped_records
            case InitStart() | RestoreStart() if event.instance_id:
                self._encoder.learn_instance(event.instance_id)
            case RuntimeDone():
                self._on_end()
        finished += self._assembler.feed(event)

    def _feed_line(self, line: LogLine) -> list[Finished]:
        if is_own(line):
            return []
        record = redact_record(read_record(line), self._redact)
        if record.leaks:
            self._health.leaks += 1
        refused = self._filter.refuses(record)
        if refused:
            self._health.filtered[refused] += 1
        return self._assembler.feed_record(record, keep=not refused)

    def _end(self, reason: str, now_ns: int) -> None:
        self._take(self._assembler.end(reason=reason, now_ns=now_ns))

    def _take(self, finished: Iterable[Finished]) -> None:
        for each in finished:
            if not self._guarded(self._build, each):
                self._health.dropped["fault"] += 1

    def _build(self, finished: Finished) -> None:
        if isinstance(finished, Invocation):
            self._health.finished += 1
        self._add(self._encoder.build(finished))

    def _collect(self) -> None:
        self._add(self._encoder.collect(self._health, now_ns=self._clock.now().wall_ns))

    def _add(self, outgoing: Iterable[Outgoing]) -> None:
        for each in outgoing:
            self._buffer.add(each)
