"""PURE: an invocation in flight: all that is known of it, and what can be made of that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from extension.process.clock import NS_PER_MS
from extension.process.ids import Ids
from extension.telemetry.assembly.cache_use import MAX_CALLS, CacheAnswer, CacheCall, CacheUse
from extension.telemetry.assembly.failure import Failure
from extension.telemetry.assembly.finished import (
    CallSpan,
    Invocation,
    JoinedSpan,
    LooseRecords,
    Overhead,
    TimedError,
)
from extension.telemetry.assembly.held_records import FULL_SIZE, HeldRecords, LineBudget, PartSize
from extension.telemetry.assembly.transitions import Fact, State
from extension.telemetry.reading.columns import in_columns
from extension.telemetry.reading.events import Report, RuntimeDone, Start, Tracing
from extension.telemetry.reading.handler_errors import EXIT_ERROR, may_name_memory, names_memory
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext

if TYPE_CHECKING:  # not imported without an SDK that sends, a detail level, or a tap
    from extension.telemetry.assembly.details import HeldDetails
    from extension.telemetry.reading.sdk_spans import Orphan, SdkSpan
    from extension.telemetry.tap.tapped import Tapped

REASONS_OF_FAILURE = ("timeout", "failure")
"""Reasons of SHUTDOWN that explain an invocation without a reported end; `spindown` does not."""

START_SLACK_NS = 10 * NS_PER_MS
"""The platform sends milliseconds, and may look at its clock when the function runs already."""

MAX_SDK_SPANS = 8
"""Held for one invocation: there are two at most, but anything in the sandbox may post more."""


LEAKS = attrgetter("leaks")


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
        self.deadline_ms = 0
        """Of the INVOKE event, 0 until that comes; each attempt of a request has its own."""
        self.start: Start | None = None
        self.done: RuntimeDone | None = None
        self.report: Report | None = None
        self.context: TraceContext | None = None
        self.failure = Failure()
        self._platform_decides = is_concurrent
        """On Managed Instances the platform reports whether the handler failed."""
        self.out_of_memory = False
        self.leaks: dict[str, None] = {}
        self.cache: CacheUse | None = None
        self.calls: list[CacheCall] = []
        self.sdk: SdkSpan | None = None
        """The first of the SDK's spans of it, which decides."""
        self.tapped: Tapped | None = None
        """What was copied of it until its span left, where there is a tap."""
        self._orphan: Orphan | None = None
        self.reason_of_failure = ""
        """What SHUTDOWN says of it, if the platform said nothing."""
        self._sdk_spans: list[SdkSpan] = []
        self._sdk_ids: set[tuple[int, int]] = set()
        self._budget = budget or LineBudget()
        self.records = HeldRecords(part, budget=self._budget)
        self._parts = 1
        """Into how many spans its lines were put."""
        self.details: HeldDetails | None = None
        """Its lines below the detail level, where there is one."""
        self.needs_details = False
        """Whether these go out; known once its span has left."""

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

    def was_over_before(self, time_ns: int) -> bool:
        """Whether nothing is known of it but its end, which was before a time.

        Such an end is that of a request of an earlier process in this sandbox, which INVOKE has
        announced to that one: after a timeout or a crash the platform still has to report it.
        """
        end = self.done or self.report
        if end is None or self.start or self.deadline_ms or self.invoke_header or self.invoked_arn:
            return False
        return end.time_ns < time_ns

    @property
    def tracing(self) -> Tracing | None:
        """X-Ray's ids from the first event that has them; that of the start is canonical."""
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

    @property
    def orphan(self) -> Orphan | None:
        """A span of it whose parent is never coming: the platform says that it failed.

        One that began after its end is a later request's.
        """
        verdict = self.done or self.report
        status = verdict.status if verdict else self.reason_of_failure
        is_later = self.done and self._orphan and self._orphan.start_ns > self.done.time_ns
        return None if status in ("success", "") or is_later else self._orphan

    def learn(self, record: Record, *, is_kept: bool = True) -> None:
        """Take from a line what it says of the whole invocation."""
        self.out_of_memory |= names_memory(record.body)
        if record.leaks:
            self.leaks.update(dict.fromkeys(record.leaks))
        self.failure.learn(record, is_kept=is_kept)

    def learn_all(self, records: Sequence[Record], *, refused: Collection[int]) -> None:
        """Take from several lines what they say of the whole invocation; most say nothing."""
        records = in_columns(records)
        text = "\n".join(records.bodies)
        if may_name_memory(text) or self.failure.may_learn(records, text):
            for at, record in enumerate(records):
                self.learn(record, is_kept=at not in refused)
            return
        for record in records.others.values():
            self.leaks.update(dict.fromkeys(record.leaks))

    def count(self, answer: CacheAnswer) -> None:
        """Count a GET of this invocation."""
        self.cache = self.cache or CacheUse()
        self.cache.count(answer)

    def hold_call(self, call: CacheCall) -> None:
        """Keep a call for its span."""
        if len(self.calls) < MAX_CALLS:
            self.calls.append(call)

    def learn_sdk(self, span: SdkSpan) -> bool:
        """Take a span that the SDK made of this, once; False if it goes out as it is.

        An SDK that got no answer in time posts the same span again.
        """
        if (span.trace_id, span.span_id) in self._sdk_ids:
            return True
        if len(self._sdk_ids) == MAX_SDK_SPANS:
            return False
        self.sdk = self.sdk or span
        self._sdk_ids.add((span.trace_id, span.span_id))
        self._sdk_spans.append(span)
        self._budget.held_bytes += len(span.body)
        return True

    def has_parent_of(self, orphan: Orphan) -> bool:
        """Whether the SDK has sent, as a span of this, what the orphan lacks."""
        return (orphan.trace_id, orphan.missing_parent_id) in self._sdk_ids

    def may_learn(self, orphan: Orphan) -> bool:
        """Whether it is of this invocation and the first one: its parent is likeliest ours."""
        is_ours = orphan.start_ns + START_SLACK_NS >= self.begun_ns
        return is_ours and (self._orphan is None or orphan.start_ns < self._orphan.start_ns)

    def learn_orphan(self, orphan: Orphan) -> None:
        """Keep one that `may_learn` allows."""
        self._orphan = orphan

    def joined_spans(self, context: TraceContext, *, ids: Ids) -> Iterable[JoinedSpan]:
        """Give the SDK's spans below ours, whose ids are decided."""
        if not self._sdk_spans:
            return
        from extension.telemetry.assembly.one_trace import change_of  # noqa: PLC0415  # with an SDK

        spans, self._sdk_spans = self._sdk_spans, []
        self._budget.held_bytes -= sum(len(span.body) for span in spans)
        for span in spans:
            yield JoinedSpan(
                span=span,
                change=change_of(span, ours=context, is_second=span is not self.sdk, ids=ids),
                request_id=self.request_id,
                context=context,
            )

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
            error=self._left_handler(status),
            cache=self.cache,
            leaks=tuple(self.leaks),
            out_of_memory=self.out_of_memory,
            records=self.records.take_first(until_ns=end_ns),
            dropped_records=self.records.take_dropped(),
            sdk=self.sdk,
            tapped=self.tapped,
        )

    def _left_handler(self, status: str) -> TimedError | None:
        """Return what left the handler: what the runtime reported, else what lines suggest."""
        tapped = self.tapped
        if tapped is None or tapped.error is None:
            decided = self._platform_decides or (tapped is not None and tapped.has_responded)
            return self.failure.left_handler(status=status, platform_decides=decided)
        line = self.failure.left_handler(status=status, platform_decides=False)
        is_same = line is not None and line.has_record and line.error == tapped.error
        return TimedError(time_ns=tapped.error_ns, error=tapped.error, has_record=is_same)

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
                trigger=self.tapped.trigger if self.tapped else "",
            )

    def further_part(
        self, context: TraceContext, *, until_ns: int | None = None
    ) -> Iterable[LooseRecords]:
        """Give the lines beyond what the span itself carries, those after `until_ns` excepted."""
        if records := self.records.take_further(until_ns=until_ns):
            yield self.next_part(context, records)

    def next_part(self, context: TraceContext, records: Sequence[Record]) -> LooseRecords:
        """Return lines that one more span carries."""
        self._parts += 1
        return LooseRecords(
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
