"""PURE: the events of one request, in whatever order and number they come, to a finished span.

What may happen to an invocation is the table in `transitions`.

`platform.report` is generated only after every extension has called /next, so it comes with the
next invocation, at SHUTDOWN, or never: an invocation goes out when its runtimeDone is known, and
the report adds a late child.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from extension.process.clock import NS_PER_MS
from extension.process.ids import Ids
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall, parse_traceparent
from extension.telemetry.assembly.finished import CallSpan, Finished
from extension.telemetry.assembly.held_records import FULL_SIZE, PartSize
from extension.telemetry.assembly.in_flight import REASONS_OF_FAILURE, InFlightInvocation
from extension.telemetry.assembly.initialization import ColdStart
from extension.telemetry.assembly.lines import Lines
from extension.telemetry.assembly.outputs import Outputs
from extension.telemetry.assembly.request_table import RequestTable, Told
from extension.telemetry.assembly.sdk_spans import SdkSpans
from extension.telemetry.assembly.span_ids import SpanIds
from extension.telemetry.assembly.transitions import Fact
from extension.telemetry.reading.events import (
    Event,
    InitReport,
    InitRuntimeDone,
    InitStart,
    Report,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    RuntimeDone,
    Start,
)
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceParent

if TYPE_CHECKING:  # not imported where no SDK sends anything, or without a detail level
    from extension.telemetry.assembly.details import Details
    from extension.telemetry.reading.sdk_spans import Orphan, SdkSpan
    from extension.telemetry.tap.tapped_requests import TappedRequests

MAX_EARLY_ANSWERS = 1024
"""GETs answered between two invocations; more than that is no race but background work."""


class Assembler:
    """Takes events, gives what is finished.

    `below_segment`: X-Ray gets the spans, which are children of its own segments. `details`: lines
    that wait for the verdict of their invocation.
    """

    def __init__(
        self,
        *,
        ids: Ids,
        trace_parent: TraceParent = "xray",
        concurrent: bool = False,
        stream_records: bool = False,
        with_platform: bool = True,
        below_segment: bool = False,
        part: PartSize = FULL_SIZE,
        details: Details | None = None,
    ) -> None:
        self._part = part
        self._concurrent = concurrent
        self.requests = RequestTable(concurrent=concurrent)
        self._with_platform = with_platform
        """Without, no event reports the init that a line or a call belongs to."""
        self._early_answers: deque[CacheAnswer] = deque(maxlen=MAX_EARLY_ANSWERS)
        self._cold_start = ColdStart()
        self._span_ids = SpanIds(ids, trace_parent=trace_parent, below_segment=below_segment)
        self._sdk = SdkSpans(requests=self.requests, span_ids=self._span_ids, ids=ids)
        self._outputs = Outputs(
            requests=self.requests,
            cold_start=self._cold_start,
            details=details,
            span_ids=self._span_ids,
            ids=ids,
            part=part,
            concurrent=concurrent,
        )
        self._lines = Lines(
            requests=self.requests,
            cold_start=self._cold_start,
            details=details,
            span_ids=self._span_ids,
            stream_records=stream_records,
            with_platform=with_platform,
        )

    def use_tap(self, tap: TappedRequests) -> None:
        """Have what is copied of requests in their spans, and the trace that their events name."""
        self._span_ids.tap = tap

    def invoke(
        self,
        request_id: str,
        *,
        tracing: str,
        invoked_arn: str,
        now_ns: int,
        deadline_ms: int = 0,
    ) -> list[Finished]:
        """Learn from the INVOKE event what the platform's events may lack.

        Return what this ends: requests of which nothing else would ever report the end.
        """
        in_flight = self.requests.find(request_id)
        if in_flight is None or (deadline_ms and in_flight.deadline_ms not in (0, deadline_ms)):
            in_flight = self._begin(request_id, heard_ns=now_ns)
        in_flight.deadline_ms = in_flight.deadline_ms or deadline_ms
        in_flight.invoke_header = in_flight.invoke_header or tracing
        in_flight.invoked_arn = in_flight.invoked_arn or invoked_arn
        before = () if self._with_platform else self.requests.open_besides(in_flight)
        return self._outputs.let_go([*before, *self.requests.forget_oldest()])

    def feed(self, event: Event) -> list[Finished]:
        """Take one event; return what it finished, in the order to be exported."""
        match event:
            case Start():
                in_flight = self._of(event)
                in_flight.start = in_flight.start or event
                return [
                    *self._outputs.advance(in_flight, Fact.START),
                    *self._lines.take_over(in_flight),
                ]
            case RuntimeDone():
                in_flight = self._of(event)
                in_flight.done = in_flight.done or event
                gone = self.requests.superseded_by(in_flight)
                return [
                    *self._outputs.let_go(gone),
                    *self._outputs.advance(in_flight, in_flight.fact_of_end),
                ]
            case Report():
                in_flight = self._of(event)
                in_flight.report = in_flight.report or event
                return self._outputs.advance(in_flight, Fact.REPORT)
            case (
                InitStart()
                | InitRuntimeDone()
                | InitReport()
                | RestoreStart()
                | RestoreRuntimeDone()
                | RestoreReport()
            ):
                self._cold_start.feed(event)
        return []

    def feed_record(self, record: Record, *, keep: bool = True) -> list[Finished]:
        """Take a line that was read; one that is not kept may still say what left the handler."""
        return self._lines.feed(record, keep=keep)

    def feed_records(
        self, records: Sequence[Record], *, refused: Collection[int] = ()
    ) -> list[Finished]:
        """Take lines that were read one after the other; those in some places are not kept."""
        return self._lines.feed_all(records, refused=refused)

    def feed_call(self, call: CacheCall) -> list[Finished]:
        """Take a call of the cache to AWS; it goes out with, or after, the span it belongs to."""
        if caller := parse_traceparent(call.traceparent):
            return [CallSpan(call=call, context=caller)]
        in_flight = self.requests.current(call.start_ns)
        if in_flight is None:
            held = self._with_platform and self._cold_start.takes_call(call)
            return [] if held else [CallSpan(call=call)]
        in_flight.hold_call(call)
        return list(in_flight.cache_calls(self._span_ids.of(in_flight))) if in_flight.is_out else []

    def feed_sdk(self, span: SdkSpan) -> list[Finished]:
        """Take the SDK's span of an invocation; it goes out with, or after, ours."""
        return self._sdk.feed(span)

    @property
    def may_stand_in(self) -> bool:
        """Whether ours may take the place of a span that is never coming: one runs at a time."""
        return self._span_ids.follow_sdk and not self._concurrent

    def feed_orphan(self, orphan: Orphan) -> None:
        """Take a span that the SDK sent without its parent."""
        self._sdk.feed_orphan(orphan)

    def count_answer(self, answer: CacheAnswer, *, now_ns: int) -> None:
        """Count a GET for the invocation that runs."""
        in_flight = self.requests.current(now_ns)
        if in_flight is None:
            return
        if in_flight.is_out:
            # The function asks sooner than we have seen its INVOKE: this is the next one's GET.
            self._early_answers.append(answer)
        else:
            in_flight.count(answer)

    def end(self, *, reason: str, now_ns: int) -> list[Finished]:
        """End everything that is open, because the sandbox ends: `reason` is that of SHUTDOWN.

        Where requests run one after the other, reason and time are those of the last one alone, and
        only of a failure: the requests before it were answered, though no event said so, and so
        was the last one if the sandbox ends because it was idle. It may have been idle for hours.
        """
        outputs = self._outputs
        finished: list[Finished] = []
        ends_work = self._concurrent or reason in REASONS_OF_FAILURE
        for in_flight in self.requests:
            if ends_work and self.requests.is_running(in_flight):
                if reason in REASONS_OF_FAILURE:
                    in_flight.reason_of_failure = reason
                finished += outputs.advance(in_flight, Fact.GONE, reason=reason, now_ns=now_ns)
            else:
                finished += outputs.advance(in_flight, Fact.GONE)
        return [*finished, *outputs.alone(), *self._sdk.end(), *outputs.without_init(None)]

    def _of(self, event: Told) -> InFlightInvocation:
        """Return the request that an event is about."""
        in_flight = self.requests.find_told(event)
        if in_flight is None:
            in_flight = self._begin(event.request_id, heard_ns=_begun_ns(event))
            self.requests.put_in_order(in_flight)
        return in_flight

    def _begin(self, request_id: str, *, heard_ns: int) -> InFlightInvocation:
        """Take a request that was not heard of before, or one more attempt of one."""
        in_flight = InFlightInvocation(
            request_id=request_id,
            heard_ns=heard_ns,
            is_concurrent=self._concurrent,
            budget=self.requests.budget,
            part=self._part,
        )
        self.requests.add(in_flight)
        while self._early_answers:
            in_flight.count(self._early_answers.popleft())
        self._sdk.claim(in_flight)
        return in_flight


def _begun_ns(event: Told) -> int:
    """Return when a request had begun at the latest, by an event of the platform."""
    lasted_ms = None if isinstance(event, Start) else event.duration_ms
    return event.time_ns - round((lasted_ms or 0) * NS_PER_MS)
