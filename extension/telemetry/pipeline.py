"""What becomes of a delivery: its bytes read, redacted, assembled, encoded, put into the buffer.

Whatever goes wrong with one event or in one of our own rooms is counted and told at SHUTDOWN,
never raised: the callers are the platform's POST, the cache and the life cycle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from extension.platform.events import Invoke
from extension.process.clock import Clock, Instant
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished, Invocation, gather
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer, Outgoing
from extension.telemetry.health import Health
from extension.telemetry.reading.deliveries import Deliveries
from extension.telemetry.reading.events import (
    Event,
    InitRuntimeDone,
    InitStart,
    LogLine,
    LogsDropped,
    RestoreStart,
    RuntimeDone,
)
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.reading.joined_lines import in_order
from extension.telemetry.reading.records import is_own, read_record
from extension.telemetry.reading.redact import Redact, redact_event, redact_record

MAX_WAITING_BYTES = 8 * 1_048_576
"""Deliveries taken but not read yet."""

RECEIVE_PATIENCE_S = 5.0
"""How long the platform waits for its answer where so much waits already; then a delivery is lost.
The platform gathers meanwhile, and says what it had to drop."""

STEP_EVENTS = 128
"""Events read at once; between two steps the event loop has GETs and exports to look after."""

CONGESTED = 0.5
"""Fullness of the buffer from which reading waits for an export that is under way."""

CONGESTION_PATIENCE_S = 2.0
"""How long it waits for one batch; then the buffer drops the oldest."""


class Encoder(Protocol):
    """Makes items for export."""

    def learn_instance(self, instance_id: str) -> None:
        """Take the sandbox's name, which every later item carries."""

    def take_events(self, events: Sequence[Any]) -> list[Outgoing]:
        """Return the items that the events themselves are, JSON objects as they came."""

    def build(self, finished: Finished) -> list[Outgoing]:
        """Return the items of one finished thing, ids and times included."""

    def count_answer(self, answer: CacheAnswer) -> None:
        """Measure one GET of the cache."""

    def count_call(self, call: CacheCall) -> None:
        """Measure one call of the cache to AWS."""

    def collect(self, health: Health, *, now_ns: int) -> list[Outgoing]:
        """Return the items gathered since the last call."""


def do_nothing(*_: object) -> None:
    """Take no notice."""


class Pipeline:
    """What the listener and the cache see of job 1.

    `on_end` is called with each runtimeDone, `on_init_end` when the runtime is ready,
    `on_half_full` whenever the buffer is; `is_exporting`
    tells whether waiting for room makes sense.
    """

    def __init__(
        self,
        *,
        assembler: Assembler,
        encoder: Encoder,
        buffer: Buffer,
        record_filter: RecordFilter,
        redact: Redact,
        health: Health,
        clock: Clock,
    ) -> None:
        self._assembler = assembler
        self._encoder = encoder
        self._buffer = buffer
        self._filter = record_filter
        self._redact = redact
        self._health = health
        self._clock = clock
        self._deliveries = Deliveries()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._events: deque[Event] = deque()
        self._items: deque[Any] = deque()
        self._reader: asyncio.Task[None] | None = None
        self._steps = 0
        self._progress = asyncio.Event()
        self._room = asyncio.Event()
        self.on_end: Callable[[RuntimeDone], None] = do_nothing
        self.on_init_end: Callable[[], None] = do_nothing
        self.on_half_full: Callable[[], None] = do_nothing
        self.is_exporting: Callable[[], bool] = lambda: False
        self.heard: Instant | None = None
        """When the platform was heard last, or read: what it says may wait here for long."""
        self.lost: Instant | None = None
        """When something of what it told was lost last."""

    @property
    def has_received(self) -> bool:
        """Whether any delivery came."""
        return self.heard is not None

    async def receive(self, body: bytes) -> None:
        """Take one delivery; it is read when the answer to the platform is on its way."""
        self.heard = self._clock.now()
        if self._deliveries.is_repeated(body):
            self._health.repeated_deliveries += 1
            return
        if self._waiting_bytes + len(body) > MAX_WAITING_BYTES:
            await self._wait(self._progress, RECEIVE_PATIENCE_S, until=lambda: self._has_room(body))
        if not self._has_room(body):
            self._health.dropped["delivery"] += 1
            self.lost = self._clock.now()
            return
        self._waiting.append(body)
        self._waiting_bytes += len(body)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_waiting())

    def settled(self) -> None:
        """Learn that an export has made room, or has given up."""
        self._room.set()

    def announced(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn from the INVOKE event that a request begins."""
        self._take(
            self._assembler.invoke(
                invoke.request_id,
                tracing=invoke.tracing,
                invoked_arn=invoke.function_arn,
                now_ns=at_ns,
            )
        )

    def cache_answered(self, answer: CacheAnswer) -> None:
        """Learn how the cache answered a GET."""
        self._assembler.count_answer(answer, now_ns=self._clock.now().wall_ns)
        self._encoder.count_answer(answer)

    def cache_called(self, call: CacheCall) -> None:
        """Learn of a call of the cache to AWS."""
        call = redact_event(call, self._redact)
        self._encoder.count_call(call)
        self._take(self._assembler.feed_call(call))

    def count_fault(self, error: Exception) -> None:
        """Count an exception of our own rooms; each is a bug, and told at SHUTDOWN."""
        self._health.faults[type(error).__name__] += 1

    async def wait_for_progress(self, seconds: float) -> None:
        """Wait until events were read, for so long at most."""
        seen = self._steps
        await self._wait(self._progress, seconds, until=lambda: self._steps > seen)

    async def wait_until_read(self, seconds: float) -> None:
        """Wait until all that was received is read, for so long at most."""
        await self._wait(self._progress, seconds, until=lambda: not self._has_unread)

    def collect(self) -> None:
        """Put what was measured since the last call into the buffer."""
        self._guarded(self._collect)

    def end(self, *, reason: str, now_ns: int) -> None:
        """Put everything into the buffer, for the sandbox ends: `reason` is that of SHUTDOWN."""
        while self._read_some():
            pass
        if unfinished := self._deliveries.end():
            self._health.dropped["bad_event"] += unfinished
        self._guarded(self._end, reason, now_ns)

    async def _read_waiting(self) -> None:
        while self._read_some():
            self.heard = self._clock.now()  # a slow reader is not a silent platform
            self._steps += 1
            self._progress.set()
            await asyncio.sleep(0)
            if self._buffer.fullness >= CONGESTED:
                self.on_half_full()
                await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        """Let an export that is under way empty the buffer before more is put into it."""
        await self._wait(
            self._room,
            CONGESTION_PATIENCE_S,
            until=lambda: self._buffer.fullness < CONGESTED or not self.is_exporting(),
        )

    async def _wait(
        self, event: asyncio.Event, seconds: float, *, until: Callable[[], bool]
    ) -> None:
        """Wait until a condition holds, looking at it at each `event`, for so long at most."""
        try:
            async with asyncio.timeout(seconds):
                while not until():
                    event.clear()
                    await event.wait()
        except TimeoutError:
            return

    @property
    def _has_unread(self) -> bool:
        return bool(self._waiting or self._events or self._items)

    def _has_room(self, body: bytes) -> bool:
        return self._waiting_bytes + len(body) <= MAX_WAITING_BYTES

    def _read_some(self) -> bool:
        """Read a step's events; False when there is nothing left."""
        if not self._has_unread:
            return False
        if not self._events and not self._items:
            body = self._waiting.popleft()
            self._waiting_bytes -= len(body)
            if not self._guarded(self._read, body):
                self._health.dropped["delivery"] += 1
        items = [self._items.popleft() for _ in range(min(STEP_EVENTS, len(self._items)))]
        if not self._guarded(self._pass_on, items):
            self._health.dropped["fault"] += len(items)
        finished: list[Finished] = []
        for _ in range(min(STEP_EVENTS, len(self._events))):
            self._guarded(self._feed, self._events.popleft(), finished)
        self._guarded(self._finish, finished)
        return True

    def _finish(self, finished: list[Finished]) -> None:
        self._take(gather(finished))

    def _read(self, body: bytes) -> None:
        now = self._clock.now()
        waited = self._deliveries.waits_for_more
        batch = self._deliveries.read(body, received_ns=now.wall_ns)
        if batch.bad:
            self._health.dropped["bad_event"] += batch.bad
        if batch.bad or batch.first_part:
            self.lost = now
        elif waited:
            self.lost = None  # it was only in two parts
        self._items.extend(batch.items)
        self._events.extend(in_order(batch.events))

    def _pass_on(self, items: Sequence[Any]) -> None:
        self._add(self._encoder.take_events(items))

    def _guarded(self, step: Callable[..., None], *of: object) -> bool:
        """Take a step; a fault of ours costs that step alone, and is counted."""
        try:
            step(*of)
        except Exception as error:  # noqa: BLE001  # whatever it is, the rest goes on
            self.count_fault(error)
            return False
        return True

    def _feed(self, event: Event, finished: list[Finished]) -> None:
        if isinstance(event, LogLine):
            finished += self._feed_line(event)
            return
        event = redact_event(event, self._redact)
        match event:
            case LogsDropped():
                self._health.platform_dropped += event.dropped_records
                self.lost = self._clock.now()
            case InitStart() | RestoreStart() if event.instance_id:
                self._encoder.learn_instance(event.instance_id)
            case InitRuntimeDone():
                self.on_init_end()
            case RuntimeDone():
                self.lost = None  # whatever it was, it was not this end
                self.on_end(event)
        finished += self._assembler.feed(event)

    def _feed_line(self, line: LogLine) -> list[Finished]:
        if is_own(line):
            return []
        record = redact_record(read_record(line, knows=self._assembler.requests.find), self._redact)
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
