"""What the platform delivers and the function's SDK posts: taken at once, read in steps, bounded.

A delivery is answered before it is read. What waits to be read is bounded: beyond the bound the
platform waits for its answer, and gathers meanwhile.

What an SDK posts is read in the same order: the spans of an invocation before its end. Its bound
never pushes back, because the function would wait.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from math import inf
from typing import TYPE_CHECKING, Any

from extension.process.clock import Clock, Instant
from extension.process.tasks import start_task
from extension.process.waits import wait_until
from extension.telemetry.congestion import Congestion
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.health import Health
from extension.telemetry.pipeline import Pipeline
from extension.telemetry.reading.deliveries import Deliveries
from extension.telemetry.reading.event_columns import Events
from extension.telemetry.reading.joined_lines import LineJoiner

if TYPE_CHECKING:  # not imported without a receiver
    from extension.telemetry.receiver.content import Posted
    from extension.telemetry.receiver.posted_reader import PostedReader

MAX_WAITING_BYTES = 8 * 1_048_576
"""Deliveries taken but not read yet."""

RECEIVE_PATIENCE_S = 5.0
"""How long the platform waits for its answer where so much waits already; then a delivery is lost.
The platform gathers meanwhile, and reports what it had to drop."""

JOIN_PATIENCE_S = 0.1
"""How long the last lines of a delivery wait for one that continues them; the platform gathers
for 25 ms."""

STEP_EVENTS = 256
"""Events read at once; between two steps the event loop has GETs and exports to look after."""


class DeliveryReader:
    """Feeds the pipeline from what was posted; `concurrent` on Managed Instances."""

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        buffer: Buffer,
        health: Health,
        clock: Clock,
        concurrent: bool = False,
    ) -> None:
        self._pipeline = pipeline
        self.congestion = Congestion(buffer, clock=clock)
        self._health = health
        self._clock = clock
        self._deliveries = Deliveries(reads_lines=pipeline.reads_lines)
        self._lines = LineJoiner(concurrent=concurrent)
        self._bodies: deque[bytes | Posted] = deque()
        self._hoping: Counter[bytes] = Counter()
        """How many copies of a delivery wait for room."""
        self._waiting_bytes = 0
        self._posted_bytes = 0
        """Of those that wait, what the function's SDK posted."""
        self._posted_steps: Iterator[None] | None = None
        """Of the request that is being read."""
        self._events = Events()
        self._items: list[Any] = []
        self._task: asyncio.Task[None] | None = None
        self._steps = 0
        self._arrived = asyncio.Event()
        self._progress = asyncio.Event()
        self.posted: PostedReader | None = None
        """Reads what the function's SDK posts, where there is a receiver."""
        self.before_reading: Callable[[], Awaitable[None]] | None = None
        """Waits, within bounds, for what must be known before lines are read: what is secret."""
        self.has_heard = False
        """Whether the platform has delivered anything."""

    def take(self, body: bytes) -> Awaitable[None] | None:
        """Take one delivery; it is read when the answer to the platform is on its way.

        Where so much waits that there is no room, return what waits for it.
        """
        self.has_heard = True
        if self._deliveries.is_repeated(body):
            self._health.repeated_deliveries += 1
        elif self._has_room(body):
            self._keep(body)
        else:
            return self._take_with_patience(body)
        return None

    async def _take_with_patience(self, body: bytes) -> None:
        """Wait for room; the platform may repeat meanwhile what it gets no answer for."""
        self._hoping[body] += 1
        await self.wait_for(lambda: self._has_room(body), within_s=RECEIVE_PATIENCE_S)
        self._hoping -= Counter([body])
        if self._deliveries.is_repeated(body):
            self._health.repeated_deliveries += 1
        elif self._has_room(body):
            self._keep(body)
        elif body not in self._hoping:
            self.count_lost(1)

    def _keep(self, body: bytes) -> None:
        self._deliveries.taken(body)
        self._waiting_bytes += len(body)
        self._read_later(body)

    def receive_posted(self, posted: Posted) -> bool:
        """Take one request of the function's SDK; False if too much waits already."""
        if self._posted_bytes + len(posted.body) > MAX_WAITING_BYTES:
            return False
        self._posted_bytes += len(posted.body)
        self._read_later(posted)
        return True

    def _read_later(self, body: bytes | Posted) -> None:
        self._bodies.append(body)
        self._arrived.set()
        if self._task is None or self._task.done():
            self._task = start_task(
                self._read_for_ever(), name="read deliveries", on_error=self.count_fault
            )

    def count_fault(self, error: Exception) -> None:
        """Count an exception that taking a delivery has raised; each is a bug."""
        self._health.count_fault(error)

    def count_lost(self, count: int) -> None:
        """Count deliveries that are lost: an end may have been among them."""
        self._health.dropped["delivery"] += count
        self._pipeline.loss.note(self._clock.now())

    async def wait_for_progress(self, seconds: float) -> None:
        """Wait until events were read, for so long at most."""
        seen = self._steps
        await self.wait_for(lambda: self._steps > seen, within_s=seconds)

    async def wait_for(self, condition: Callable[[], bool], *, within_s: float) -> None:
        """Wait for what reading events brings about, for so long at most."""
        await self._wait_for(condition, news=self._progress, within_s=within_s)

    async def wait_until_read(self, seconds: float) -> None:
        """Wait until all that was received is read, for so long at most."""
        await self.wait_for(lambda: not self._has_unread, within_s=seconds)

    def read_all(self, within_s: float = inf) -> None:
        """Read everything now, for so long at most: nothing comes after it.

        With a small share of a core, what may wait to be read takes longer than there is time.
        """
        began = self._clock.now()
        while self._clock.now().ran_since(began) < within_s:
            if not (self._read_some() or self._take_kept_back()):
                break
        self._give_up_unread()
        if unfinished := self._deliveries.end():
            self._health.dropped["bad_event"] += unfinished

    def _give_up_unread(self) -> None:
        """Count what was not read, or not to its end."""
        posted = [each for each in self._bodies if not isinstance(each, bytes)]
        is_cut = bool(self._events or self._items or self._lines.waits)
        if lost := len(self._bodies) - len(posted) + is_cut:
            self._health.dropped["delivery"] += lost
        if self.posted is not None:
            self.posted.count_unread(len(posted) + (self._posted_steps is not None))
        self._bodies.clear()
        self._events, self._items, self._posted_steps = Events(), [], None
        self._waiting_bytes = self._posted_bytes = 0

    async def _read_for_ever(self) -> None:
        """Read each delivery; a task for each of them would cost as much as reading a short one."""
        while True:
            await self._read_waiting()
            self._arrived.clear()
            await self._arrived.wait()

    async def _read_waiting(self) -> None:
        await self._read_received()
        while self._lines.waits:
            await self._wait_for(
                lambda: self._has_unread, news=self._arrived, within_s=JOIN_PATIENCE_S
            )
            if not self._has_unread:
                self._take_kept_back()
            await self._read_received()

    def _take_kept_back(self) -> bool:
        """Read what the next delivery might have continued; return whether there was anything."""
        self._events.append_all(self._lines.flush())
        return bool(self._events)

    async def _wait_for(
        self, condition: Callable[[], bool], *, news: asyncio.Event, within_s: float
    ) -> None:
        await wait_until(condition, news=news, within_s=within_s, clock=self._clock)

    async def _read_received(self) -> None:
        while self._has_unread:
            if self.before_reading is not None:
                await self.before_reading()
            self._read_some()
            self._steps += 1
            self._progress.set()
            if self._has_unread:
                await asyncio.sleep(0)
            await self.congestion.relieve()

    @property
    def spoke(self) -> Instant | None:
        """Return when the function or the platform was heard last; now, while anything is unread.

        A slow reader is not a silent platform, but one that has failed reads on only with the next
        delivery, which may never come. What other extensions write and what an SDK posts does not
        count: it may go on for ever after an end that was lost.
        """
        is_unread = self._waiting_bytes or self._events or self._items
        is_reading = self._task is not None and not self._task.done()
        return self._clock.now() if is_unread and is_reading else self._pipeline.spoke

    @property
    def _has_unread(self) -> bool:
        return bool(self._bodies or self._events or self._items or self._posted_steps)

    def _has_room(self, body: bytes) -> bool:
        return self._waiting_bytes + len(body) <= MAX_WAITING_BYTES

    def _read_some(self) -> bool:
        """Read a step's events; return False when there is nothing left."""
        if not self._has_unread:
            return False
        if self._posted_steps is not None:
            self._continue_posted(self._posted_steps)
            return True
        if not self._events and not self._items:
            self._begin_next(self._bodies.popleft())
        if self._items:
            items, self._items = self._items[:STEP_EVENTS], self._items[STEP_EVENTS:]
            self._pipeline.feed_items(items)
        self._pipeline.feed(self._take_events())
        return True

    def _take_events(self) -> Events:
        """Remove a step's share of what waits, and return it."""
        events, self._events = self._events, Events()
        if len(events) > STEP_EVENTS:
            events, self._events = events[:STEP_EVENTS], events[STEP_EVENTS:]
        return events

    def _begin_next(self, body: bytes | Posted) -> None:
        if not isinstance(body, bytes):
            assert self.posted is not None
            self._posted_bytes -= len(body.body)
            self._posted_steps = self.posted.read(body)
            return
        self._waiting_bytes -= len(body)
        if not self._health.guarded(self._parse, body):
            self._health.dropped["delivery"] += 1

    def _continue_posted(self, steps: Iterator[None]) -> None:
        """Take a step; the request is done where there is none, or where we fail."""
        self._posted_steps = None

        def step() -> None:
            for _ in steps:
                self._posted_steps = steps
                return

        if not self._health.guarded(step):
            self._health.dropped["fault"] += 1

    def _parse(self, body: bytes) -> None:
        now = self._clock.now()
        waited = self._deliveries.waits_for_more
        batch = self._deliveries.read(body, received_ns=now.wall_ns)
        if batch.bad:
            self._health.dropped["bad_event"] += batch.bad
        self._pipeline.loss.learn(batch, now, has_joined=waited and not batch.bad)
        events = batch.events
        if not self._pipeline.reads_lines:
            self._items.extend(batch.items)
            events = events.without_lines()
        self._events.extend(self._lines.feed(events))
