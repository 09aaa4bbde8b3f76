"""What becomes of an event: redacted, assembled; what that finishes goes through the outlet.

Whatever goes wrong with one event or in one of our own modules is counted and reported at SHUTDOWN,
never raised: the callers are the reader of deliveries, the cache and the life cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from extension.platform.events import Invoke
from extension.process.clock import Clock, Instant
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished, gather
from extension.telemetry.assembly.in_flight import LEAKS
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.encoder import Encoder
from extension.telemetry.export.buffer import Buffer, Signal
from extension.telemetry.export.delivery import do_nothing
from extension.telemetry.health import Health
from extension.telemetry.loss import Loss
from extension.telemetry.outlet import Outlet
from extension.telemetry.reading.columns import Columns
from extension.telemetry.reading.event_columns import Events, in_events
from extension.telemetry.reading.events import (
    Event,
    InitRuntimeDone,
    InitStart,
    LogsDropped,
    PlatformEvent,
    RestoreStart,
    RuntimeDone,
)
from extension.telemetry.reading.filters import RecordFilter
from extension.telemetry.reading.line_reader import LineReader, Redaction
from extension.telemetry.reading.redact import redact_event

if TYPE_CHECKING:  # not imported where everything is kept, or without a tap
    from extension.telemetry.assembly.sampling import Sampler
    from extension.telemetry.tap.tapped_requests import TappedRequests


class Pipeline:
    """What the reader, the cache and the life cycle see of the way from an event to the buffer.

    `on_end` is called with each runtimeDone, `on_init_end` when the runtime is ready,
    `on_instance` with the sandbox's name once it is known.
    `joins_sdk`: spans that the function's own SDK sends join those of their invocations.
    `logs_from`: "lines" or "sdk" leaves the log records of the other out.
    `sampler` and `detail_below`: see `outlet`.
    """

    def __init__(
        self,
        *,
        assembler: Assembler,
        encoder: Encoder,
        buffer: Buffer,
        record_filter: RecordFilter,
        redaction: Redaction,
        health: Health,
        clock: Clock,
        joins_sdk: bool = False,
        logs_from: str = "both",
        sampler: Sampler | None = None,
        detail_below: int = 0,
    ) -> None:
        self._assembler = assembler
        self._encoder = encoder
        self._buffer = buffer
        self._filter = record_filter
        self._redaction = redaction
        self._lines = LineReader(redaction)
        self._health = health
        self._guarded = health.guarded
        self._clock = clock
        self._joins_sdk = joins_sdk
        self._logs_from = logs_from
        self._outlet = Outlet(
            encoder=encoder,
            buffer=buffer,
            health=health,
            sampler=sampler,
            detail_below=detail_below,
        )
        self.on_end: Callable[[RuntimeDone], None] = do_nothing
        self.on_init_end: Callable[[], None] = do_nothing
        self.on_instance: Callable[[str], None] = do_nothing
        self._awaits_restore = self._restore_is_told = False
        self.loss = Loss()
        self.spoke: Instant | None = None
        """When the function wrote a line, or the platform reported of its work, last."""

    @property
    def reads_lines(self) -> bool:
        """Whether lines become records; else they are only passed on as they came."""
        return self._encoder.reads_lines

    def announced(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn from the INVOKE event that a request begins."""
        if self._awaits_restore:
            self._encoder.restored(at_ns)  # by now it was
            self._awaits_restore = self._restore_is_told
        self._outlet.take(
            self._assembler.invoke(
                invoke.request_id,
                tracing=invoke.tracing,
                invoked_arn=invoke.function_arn,
                now_ns=at_ns,
                deadline_ms=invoke.deadline_ms,
            )
        )

    def expect_restore(self, *, is_told: bool) -> None:
        """Let metrics wait until a snapshot is restored: they would have its age, and no sandbox.

        `is_told`: by an event of the platform, which may come after the first INVOKE.
        """
        self._awaits_restore, self._restore_is_told = True, is_told

    def use_tap(self, requests: TappedRequests) -> None:
        """Have what is copied of requests in their spans."""
        self._assembler.use_tap(requests)

    def cache_answered(self, answer: CacheAnswer) -> None:
        """Learn how the cache answered a GET."""
        self._assembler.count_answer(answer, now_ns=self._clock.now().wall_ns)
        self._encoder.count_answer(answer)

    def cache_called(self, call: CacheCall) -> None:
        """Learn of a call of the cache to AWS."""
        call = redact_event(call, self._redaction.redact)
        self._encoder.count_call(call)
        self._outlet.take(self._assembler.feed_call(call))

    def take_sdk(self, signal: Signal, body: bytes, count: int, *, is_whole: bool = True) -> None:
        """Take an OTLP request of the function's own SDK: `count` spans, records or points.

        Where it is not the whole of what was sent together, a span's parent may be in another part.
        """
        if signal == "logs" and self._logs_from == "lines":
            self._health.filtered["sdk_logs"] += count
            return
        if signal == "traces" and self._joins_sdk:
            finished: list[Finished] = []
            if self._guarded(self._join_sdk, body, count, finished, is_whole):
                self._outlet.take(finished)
                return
        self._outlet.take_sdk(signal, body, count)

    def _join_sdk(
        self,
        body: bytes,
        count: int,
        finished: list[Finished],
        is_whole: bool,  # noqa: FBT001
    ) -> None:
        """Put the spans of invocations where they belong, and everything else into the buffer."""
        finds_orphans = is_whole and self._assembler.may_stand_in
        request = self._encoder.read_sdk(body, count, finds_orphans=finds_orphans)
        for span in request.spans:
            finished += self._assembler.feed_sdk(span)
        for orphan in request.orphans:
            self._assembler.feed_orphan(orphan)
        if request.count:
            self._outlet.take_sdk("traces", request.rest, request.count)

    def feed(self, events: Iterable[Event]) -> None:
        """Take events in their order; what they finish goes into the buffer together."""
        finished: list[Finished] = []
        for run in in_events(events).runs():
            if isinstance(run, Events):
                if "function" in run.streams:
                    self.spoke = self._clock.now()
                self._feed_lines(run, finished)
            else:
                self._guarded(self._feed, run, finished)
        self._guarded(lambda: self._outlet.take(gather(finished)))

    def feed_items(self, items: Sequence[Any]) -> None:
        """Take the same events as the JSON objects that they came as; of lines only these come."""
        if any(isinstance(each, dict) and each.get("type") == "function" for each in items):
            self.spoke = self._clock.now()
        if not self._guarded(lambda: self._buffer.extend(self._encoder.encode_events(items))):
            self._health.dropped["fault"] += len(items)

    def collect(self, *, is_last: bool = False) -> None:
        """Put what was measured since the last call into the buffer."""
        if self._awaits_restore and not is_last:
            return
        now_ns = self._clock.now().wall_ns
        self._guarded(
            lambda: self._buffer.extend(self._encoder.collect(self._health, now_ns=now_ns))
        )

    def end(self, *, reason: str, now_ns: int) -> None:
        """Put everything into the buffer: the sandbox ends, `reason` is that of SHUTDOWN."""
        self._guarded(lambda: self._outlet.take(self._assembler.end(reason=reason, now_ns=now_ns)))
        self._outlet.end()

    def _feed(self, event: PlatformEvent, finished: list[Finished]) -> None:
        if not self._redaction.is_idle:
            event = redact_event(event, self._redaction.redact)
        if isinstance(event, RestoreStart):
            self._encoder.restored(event.time_ns)
        if isinstance(event, RestoreStart | RuntimeDone):  # the first one may be lost
            self._awaits_restore = False
        if not isinstance(event, LogsDropped):  # any extension's lines may be what was dropped
            self.spoke = self._clock.now()
        match event:
            case LogsDropped():
                self._health.platform_dropped += event.dropped_records
                self.loss.note(self._clock.now())
            case InitStart() | RestoreStart() if event.instance_id:
                self._encoder.learn_instance(event.instance_id)
                self.on_instance(event.instance_id)
            case InitRuntimeDone():
                self.on_init_end()
            case RuntimeDone():
                self.loss.end_came()
                self.on_end(event)
        finished += self._assembler.feed(event)

    def _feed_lines(self, lines: Events, finished: list[Finished]) -> None:
        """Read lines together; one that cannot be read costs none of the others."""
        records: list[Columns] = []

        def read() -> None:
            records.append(self._lines.read(lines, knows=self._assembler.requests.find))

        if len(lines) > 1:
            try:
                read()
            except Exception:  # noqa: BLE001  # one line's, whatever is wrong with it
                middle = len(lines) // 2
                self._feed_lines(lines[:middle], finished)
                self._feed_lines(lines[middle:], finished)
                return
        elif not self._guarded(read):
            return
        self._guarded(self._feed_records, records[0], finished)

    def _feed_records(self, records: Columns, finished: list[Finished]) -> None:
        refused = self._refused(records)
        if refused:
            self._health.filtered.update(refused.values())
        self._health.leaks += sum(map(bool, map(LEAKS, records.others.values())))
        finished += self._assembler.feed_records(records, refused=refused)

    def _refused(self, records: Columns) -> Mapping[int, str]:
        """Return which records are not exported, by their places, and why."""
        if self._logs_from != "sdk":
            return self._filter.refused(records)
        others = {at: "lines" for at, each in enumerate(records) if each.stream == "function"}
        return {**self._filter.refused(records), **others}
