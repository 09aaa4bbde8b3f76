"""PURE: an invocation in flight: all that is known of it, and what can be made of that."""

from __future__ import annotations

from collections.abc import Iterable

from extension.process.clock import NS_PER_MS
from extension.telemetry.assembly.cache_use import MAX_CALLS, CacheAnswer, CacheCall, CacheUse
from extension.telemetry.assembly.failure import Failure
from extension.telemetry.assembly.finished import (
    CallSpan,
    Invocation,
    LooseRecords,
    Overhead,
)
from extension.telemetry.assembly.held_records import FULL_SIZE, HeldRecords, LineBudget, PartSize
from extension.telemetry.assembly.transitions import Fact, State
from extension.telemetry.reading.events import Report, RuntimeDone, Start, Tracing
from extension.telemetry.reading.handler_errors import EXIT_ERROR, names_memory
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext

REASONS_OF_FAILURE = ("timeout", "failure")
"""Reasons of SHUTDOWN that explain an invocation without a reported end; `spindown` does not."""


class InFlightInvocation:
    """The facts of one request so far; `heard_ns` is when it was first heard of."""

    def __init__(
        self,
        *,
        request_id: str,
        heard_ns: int,
        is_concurrent: bool = False,
        budget: LineBudget | None = None,
        part: PartSize = FULL_SIZE,
    ) -> None:
        self.request_id = request_id
        self.heard_ns = heard_ns
        self.state = State.EXPECTED
        self.invoked_arn = ""
        self.invoke_header = ""
        self.start: Start | None = None
        self.done: RuntimeDone | None = None
        self.report: Report | None = None
        self.context: TraceContext | None = None
        self.failure = Failure()
        self._platform_decides = is_concurrent
        """On Managed Instances the platform tells whether the handler failed."""
        self.out_of_memory = False
        self.leaks: dict[str, None] = {}
        self.cache: CacheUse | None = None
        self.calls: list[CacheCall] = []
        self.records = HeldRecords(part, budget=budget)
        self._parts = 1
        """Into how many spans its lines were put."""

    @property
    def is_out(self) -> bool:
        """Whether its span has left."""
        return self.state in (State.ENDED, State.CLOSED)

    @property
    def begun_ns(self) -> int:
        """When it began, as well as is known."""
        if self.start:
            return self.start.time_ns
        if self.done and self.done.duration_ms is not None:
            return self.done.time_ns - round(self.done.duration_ms * NS_PER_MS)
        return self.heard_ns

    @property
    def tracing(self) -> Tracing | None:
        """X-Ray's ids from the first event that tells them; that of the start is canonical."""
        events = (self.start, self.done, self.report)
        return next((event.tracing for event in events if event and event.tracing), None)

    @property
    def fact_of_end(self) -> Fact:
        """Which fact its runtimeDone is: of an exit only the report can say if memory ran out."""
        exited = self.done is not None and self.done.error_type == EXIT_ERROR
        unexplained = exited and self.report is None and not self.out_of_memory
        return Fact.EXITED if unexplained else Fact.DONE

    @property
    def runtime_end_ns(self) -> int:
        """When its runtime was done, 0 if that was not reported."""
        return self.done.time_ns if self.done else 0

    def learn(self, record: Record, *, is_kept: bool = True) -> None:
        """Take from a line what it says of the whole invocation."""
        self.out_of_memory |= names_memory(record.body)
        if record.leaks:
            self.leaks.update(dict.fromkeys(record.leaks))
        self.failure.learn(record, is_kept=is_kept)

    def count(self, answer: CacheAnswer) -> None:
        """Count a GET of this invocation."""
        self.cache = self.cache or CacheUse()
        self.cache.count(answer)

    def hold_call(self, call: CacheCall) -> None:
        """Keep a call for its span."""
        if len(self.calls) < MAX_CALLS:
            self.calls.append(call)

    def invocation(
        self, context: TraceContext, *, cold_start: bool, reason: str, now_ns: int
    ) -> Invocation:
        """Return the finished invocation; lines written after its end stay for the overhead."""
        end_ns, is_told = self._end(now_ns)
        verdict = self.done or self.report
        failed = reason if not is_told and reason in REASONS_OF_FAILURE else ""
        status = verdict.status if verdict else failed
        return Invocation(
            context=context,
            request_id=self.request_id,
            start_ns=self.begun_ns,
            end_ns=end_ns,
            status=status,
            error_type=verdict.error_type if verdict else failed,
            incomplete=not is_told and not failed,
            cold_start=cold_start,
            invoked_arn=self.invoked_arn,
            start=self.start,
            done=self.done,
            report=self.report,
            error=self.failure.left_handler(status=status, platform_decides=self._platform_decides),
            cache=self.cache,
            leaks=tuple(self.leaks),
            out_of_memory=self.out_of_memory,
            records=self.records.take_first(until_ns=end_ns),
            dropped_records=self.records.take_dropped(),
        )

    def _end(self, now_ns: int) -> tuple[int, bool]:
        """Return when it ended, and whether that was reported."""
        begun_ns = self.begun_ns
        if self.done:
            return max(self.done.time_ns, begun_ns), True
        if self.report and self.report.duration_ms is not None:
            return begun_ns + round(self.report.duration_ms * NS_PER_MS), True
        if self.report:
            return max(self.report.time_ns, begun_ns), True
        return max(now_ns, self.records.latest_ns, begun_ns), False

    def overhead(self, context: TraceContext) -> Iterable[Overhead]:
        """Give what the extensions cost, once, if both of its ends are known."""
        if self.report and self.done:
            yield Overhead(
                context=context,
                request_id=self.request_id,
                start_ns=self.done.time_ns,
                end_ns=max(self.report.time_ns, self.done.time_ns),
                report=self.report,
                records=self.records.take(),
                dropped_records=self.records.take_dropped(),
            )

    def further_part(
        self, context: TraceContext, *, until_ns: int | None = None
    ) -> Iterable[LooseRecords]:
        """Give the lines beyond what the span itself carries, those after `until_ns` excepted."""
        if records := self.records.take_further(until_ns=until_ns):
            self._parts += 1
            yield LooseRecords(
                context=context, request_id=self.request_id, records=records, part=self._parts
            )

    def late_records(self, context: TraceContext) -> Iterable[LooseRecords]:
        """Give the lines whose span has left."""
        records, dropped = self.records.take(), self.records.take_dropped()
        if records or dropped:
            yield LooseRecords(
                context=context,
                request_id=self.request_id,
                records=records,
                dropped_records=dropped,
            )

    def cache_calls(self, context: TraceContext) -> Iterable[CallSpan]:
        """Give the calls that the cache made meanwhile."""
        calls, self.calls = self.calls, []
        for call in calls:
            yield CallSpan(call=call, context=context, request_id=self.request_id)
