"""Job 1 put together: deliveries in, batches out, and when.

The pure rooms decide, this one waits. Whatever goes wrong with one event, one batch or one of our
own rooms is counted and told at SHUTDOWN, never raised: the caller is the life cycle, and the
function's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from extension.clock import NS_PER_S, Clock
from extension.lambda_events import Invoke, Shutdown, plausible_shutdown_s
from extension.log import Log
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished, gather
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.flush import (
    LAST_WAIT_S,
    FlushPolicy,
    Hold,
    invocation_budget_s,
    shutdown_budget_s,
)
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

TIMER_S = 5.0
"""Between two exports where the sandbox is never frozen and no invocation is announced."""


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


class Telemetry:
    """What the listener and the life cycle see of job 1."""

    def __init__(
        self,
        *,
        assembler: Assembler,
        encoder: Encoder,
        buffer: Buffer,
        delivery: Delivery,
        policy: FlushPolicy,
        record_filter: RecordFilter,
        redact: Redact,
        health: Health,
        clock: Clock,
        log: Log,
        timeout_s: float,
        min_batch_size: int = 1,
    ) -> None:
        self._assembler = assembler
        self._encoder = encoder
        self._buffer = buffer
        self._delivery = delivery
        self._policy = policy
        self._filter = record_filter
        self._redact = redact
        self._health = health
        self._clock = clock
        self._log = log
        self._timeout_s = timeout_s
        self._min_batch_size = min_batch_size
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._has_received = False
        self._progress = asyncio.Event()

    def receive(self, body: bytes) -> None:
        """Take one delivery; it is read when the answer to the platform is on its way."""
        self._has_received = True
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

    async def invoked(self, invoke: Invoke) -> None:
        """Hold an invocation until its telemetry is here and out, or let it go at once."""
        now = self._clock.now()
        self._health.invocations += 1
        self._policy.invoked(now)
        self._assembler.invoke(
            invoke.request_id,
            tracing=invoke.tracing,
            invoked_arn=invoke.function_arn,
            now_ns=now.wall_ns,
        )
        if self._policy.holds:
            await self._hold(invoke)
            await self._flush(invoke)
            self._count_hold(invoke)
        elif self._policy.is_due(now, fullness=self._buffer.fullness):
            await self._flush(invoke)

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Export everything, for there is no later, and tell how it went."""
        await self._wait_for_the_last()
        now = self._clock.now()
        try:
            self._guarded(self._read_waiting)
            self._guarded(self._end, shutdown.reason, now.wall_ns)
            self._guarded(self._collect)
            left_s = plausible_shutdown_s(now.until_ms(shutdown.deadline_ms))
            budget_s = shutdown_budget_s(left_s=left_s)
            await self._delivery.flush(budget_s=budget_s, whatever_the_circuit=True)
        finally:
            self._log.info("telemetry", **self._health.summary(), unsent=len(self._buffer))

    async def _wait_for_the_last(self) -> None:
        began = self._clock.now()
        while True:
            # Before the first delivery nothing is known, not even that anything is missing: a
            # function that cannot be imported is gone sooner than its events are here.
            awaited = self._assembler.requests.awaited if self._has_received else "end"
            longest_s = LAST_WAIT_S[awaited]
            left_s = longest_s - self._clock.now().since(began)
            if left_s <= 0:
                return
            await self._wait_for_progress(left_s)

    def count_fault(self, error: Exception) -> None:
        """Count an exception of our own rooms; each is a bug, and told at SHUTDOWN."""
        self._health.faults[type(error).__name__] += 1

    async def export_regularly(self) -> None:
        """Export for ever, where no invocation would cause it (Managed Instances)."""
        while True:
            await asyncio.sleep(TIMER_S)
            self._guarded(self._collect)
            try:
                await self._delivery.flush(budget_s=self._timeout_s)
            except Exception as error:  # noqa: BLE001  # the next round may do better
                self.count_fault(error)

    async def _hold(self, invoke: Invoke) -> None:
        hold = Hold(deadline_ms=invoke.deadline_ms, began=self._clock.now())
        while not self._assembler.requests.is_done(invoke.request_id):
            hold.started = self._assembler.requests.has_started(invoke.request_id)
            left_s = hold.left_s(self._clock.now())
            if left_s <= 0:
                self._policy.missed()
                return
            await self._wait_for_progress(left_s)

    async def _flush(self, invoke: Invoke) -> None:
        now = self._clock.now()
        if len(self._buffer) < self._min_batch_size:
            return
        self._guarded(self._collect)
        self._policy.exported(now)
        left_s = now.until_ms(invoke.deadline_ms)
        await self._delivery.flush(
            budget_s=invocation_budget_s(timeout_s=self._timeout_s, left_s=left_s)
        )

    def _count_hold(self, invoke: Invoke) -> None:
        done_ns = self._assembler.requests.done_ns(invoke.request_id)
        if done_ns:
            added_s = max(self._clock.now().wall_ns - done_ns, 0) / NS_PER_S
            self._health.add_after_response(added_s)

    async def _wait_for_progress(self, seconds: float) -> None:
        self._progress.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._progress.wait()
        except TimeoutError:
            return

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
                self._policy.heard()
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
        self._add(self._encoder.build(finished))

    def _collect(self) -> None:
        self._add(self._encoder.collect(self._health, now_ns=self._clock.now().wall_ns))

    def _add(self, outgoing: Iterable[Outgoing]) -> None:
        for each in outgoing:
            self._buffer.add(each)
