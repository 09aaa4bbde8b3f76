"""PURE: the events of one request, in whatever order and number they come, to a finished span.

What may happen to an invocation is the table in `transitions`.

`platform.report` is generated only after every extension has called /next, so it comes with the
next invocation, at SHUTDOWN, or never: an invocation goes out when its runtimeDone is known, and
the report adds a late child.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from extension.process.ids import Ids
from extension.telemetry.assembly.cache_use import (
    CacheAnswer,
    CacheCall,
    parse_traceparent,
)
from extension.telemetry.assembly.finished import (
    CallSpan,
    Finished,
    JoinedSpan,
    LooseRecords,
)
from extension.telemetry.assembly.held_records import FULL_SIZE, MAX_BYTES_TOGETHER, PartSize
from extension.telemetry.assembly.in_flight import (
    REASONS_OF_FAILURE,
    START_SLACK_NS,
    InFlightInvocation,
)
from extension.telemetry.assembly.initialization import ColdStart, Initialization
from extension.telemetry.assembly.request_table import RequestTable
from extension.telemetry.assembly.transitions import TRANSITIONS, Fact, Output, State
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
from extension.telemetry.reading.xray import TraceContext, TraceParent, identify

if TYPE_CHECKING:  # not imported where no SDK sends anything, or without a detail level
    from extension.telemetry.assembly.details import Details
    from extension.telemetry.reading.sdk_spans import Orphan, SdkSpan

MAX_EARLY_ANSWERS = 1024
"""GETs answered between two invocations; more than that is no race but background work."""

MAX_EARLY_SPANS = 64
"""The SDK's spans of requests that are not known yet; some are not known any more."""

MAX_WAITING_BYTES = 65_536
"""Of one span of the SDK that waits for ours; a larger one decides our ids and leaves at once."""


class Assembler:
    """Takes events, gives what is finished; the ids of a span are drawn once, when it goes out.

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
        self._ids = ids
        self._details = details
        self._below_segment = below_segment
        self._part = part
        self._trace_parent = trace_parent
        self._stream_records = stream_records
        self._concurrent = concurrent
        self.requests = RequestTable(concurrent=concurrent)
        self._with_platform = with_platform
        """Without, no event reports the init that a line or a call belongs to."""
        self._early_answers: deque[CacheAnswer] = deque(maxlen=MAX_EARLY_ANSWERS)
        self._early_spans: OrderedDict[tuple[int, int], SdkSpan] = OrderedDict()
        self._has_ended = False
        self._cold_start = ColdStart()

    def invoke(
        self, request_id: str, *, tracing: str, invoked_arn: str, now_ns: int
    ) -> list[Finished]:
        """Learn from the INVOKE event what the platform's events may not tell.

        Return what this ends: requests of which nothing else would ever tell the end.
        """
        in_flight = self._get(request_id, heard_ns=now_ns)
        in_flight.invoke_header = in_flight.invoke_header or tracing
        in_flight.invoked_arn = in_flight.invoked_arn or invoked_arn
        before = () if self._with_platform else self.requests.open_besides(in_flight)
        return self._let_go([*before, *self.requests.forget_oldest()])

    def feed(self, event: Event) -> list[Finished]:
        """Take one event; return what it finished, in the order to be exported."""
        match event:
            case Start():
                in_flight = self._get(event.request_id, heard_ns=event.time_ns)
                in_flight.start = in_flight.start or event
                return [*self._advance(in_flight, Fact.START), *self._take_over(in_flight)]
            case RuntimeDone():
                in_flight = self._get(event.request_id, heard_ns=event.time_ns)
                in_flight.done = in_flight.done or event
                gone = self.requests.superseded_by(in_flight)
                return [*self._let_go(gone), *self._advance(in_flight, in_flight.fact_of_end)]
            case Report():
                in_flight = self._get(event.request_id, heard_ns=event.time_ns)
                in_flight.report = in_flight.report or event
                return self._advance(in_flight, Fact.REPORT)
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
        """Take a line that was read; one that is not kept may still tell what left the handler."""
        in_flight = self._owner(record)
        if in_flight:
            in_flight.learn(record, is_kept=keep)
        if not keep or (self._details and not self._without_details([record], in_flight)):
            return []
        if in_flight:
            return self._keep(in_flight, record)
        if self._with_platform and self._cold_start.takes(record):
            return []
        return [LooseRecords(records=(record,))]

    def feed_records(
        self, records: Sequence[Record], *, refused: Collection[int] = ()
    ) -> list[Finished]:
        """Take lines that were read one after the other; those in some places are not kept."""
        in_flight = self._owner_of_all(records)
        if in_flight is None or in_flight.state is State.ENDED:
            fed = (
                self.feed_record(record, keep=at not in refused)
                for at, record in enumerate(records)
            )
            return [each for finished in fed for each in finished]
        in_flight.learn_all(records, refused=refused)
        if refused:
            records = [record for at, record in enumerate(records) if at not in refused]
        if self._details:
            records = self._without_details(records, in_flight)
        if in_flight.is_out or self._stream_records:
            return [self._alone(in_flight, *records)] if records else []
        finished: list[Finished] = []
        while (held := in_flight.records.hold_all(records)) < len(records):
            finished += self._make_room(in_flight, records[held])
            records = records[held + 1 :]
        return finished

    def feed_call(self, call: CacheCall) -> list[Finished]:
        """Take a call of the cache to AWS; it goes out with, or after, the span it belongs to."""
        if caller := parse_traceparent(call.traceparent):
            return [CallSpan(call=call, context=caller)]
        in_flight = self.requests.current(call.start_ns)
        if in_flight is None:
            held = self._with_platform and self._cold_start.takes_call(call)
            return [] if held else [CallSpan(call=call)]
        in_flight.hold_call(call)
        return list(in_flight.cache_calls(self._context(in_flight))) if in_flight.is_out else []

    def feed_sdk(self, span: SdkSpan) -> list[Finished]:
        """Take the SDK's span of an invocation; it goes out with, or after, ours.

        One of an unknown request waits for it, and makes none: anything in the sandbox may post.
        """
        in_flight = self.requests.find(span.request_id)
        is_large = len(span.body) > MAX_WAITING_BYTES
        if in_flight is None and (self._has_ended or is_large):
            return [JoinedSpan(span=span)]
        if in_flight is None:
            self._early_spans[span.trace_id, span.span_id] = span
            if len(self._early_spans) <= MAX_EARLY_SPANS:
                return []
            _, oldest = self._early_spans.popitem(last=False)
            return [JoinedSpan(span=oldest)]
        if not in_flight.learn_sdk(span):
            return [JoinedSpan(span=span)]
        has_room = self.requests.budget.held_bytes <= MAX_BYTES_TOGETHER
        if in_flight.context is None and has_room and not is_large:
            return []
        return list(in_flight.joined_spans(self._context(in_flight), ids=self._ids))

    @property
    def may_stand_in(self) -> bool:
        """Whether ours may take the place of a span that is never coming: one runs at a time."""
        return self._trace_parent == "sdk" and not self._concurrent

    def feed_orphan(self, orphan: Orphan) -> None:
        """Take a span that the SDK sent without its parent.

        It matters only if the invocation that runs fails: then the parent is never coming.
        """
        in_flight = self.requests.current(orphan.start_ns + START_SLACK_NS)
        if in_flight and not any(each.has_parent_of(orphan) for each in self.requests):
            in_flight.learn_orphan(orphan)

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
        """End everything that is open, for the sandbox ends: `reason` is that of SHUTDOWN.

        Where requests run one after the other, reason and time are those of the last one alone:
        the requests before it were answered, though no event said so.
        """
        finished: list[Finished] = []
        for in_flight in self.requests:
            if self.requests.is_running(in_flight):
                if reason in REASONS_OF_FAILURE:
                    in_flight.reason_of_failure = reason
                finished += self._advance(in_flight, Fact.GONE, reason=reason, now_ns=now_ns)
            else:
                finished += self._advance(in_flight, Fact.GONE)
        alone: Sequence[Initialization] = self._cold_start.finish_alone(self._ids)
        finished += self._details.end(alone) if self._details else alone
        finished += [JoinedSpan(span=span) for span in self._early_spans.values()]
        self._early_spans.clear()
        self._has_ended = True
        return [*finished, *self._without_init(None)]

    def _get(self, request_id: str, *, heard_ns: int) -> InFlightInvocation:
        in_flight = self.requests.find(request_id)
        if in_flight is None:
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
            for key, span in [*self._early_spans.items()]:
                if span.request_id == request_id and in_flight.learn_sdk(span):
                    del self._early_spans[key]
        return in_flight

    def _advance(
        self, in_flight: InFlightInvocation, fact: Fact, *, reason: str = "", now_ns: int = 0
    ) -> list[Finished]:
        before = in_flight.state
        in_flight.state, output = TRANSITIONS.get((before, fact), (before, Output.NOTHING))
        finished: list[Finished] = []
        match output:
            case Output.SPAN:
                finished = list(self._span(in_flight, reason=reason, now_ns=now_ns))
            case Output.OVERHEAD:
                finished = list(in_flight.overhead(self._context(in_flight)))
            case Output.LEFTOVERS:
                finished = list(in_flight.late_records(self._context(in_flight)))
        if self._details and output in (Output.OVERHEAD, Output.LEFTOVERS):
            finished += self._details.leftovers(in_flight, self._context(in_flight))
        return finished + self._let_go(self.requests.forget_oldest())

    def _let_go(self, gone: Iterable[InFlightInvocation]) -> list[Finished]:
        """End what nothing more will come of."""
        return [out for in_flight in gone for out in self._advance(in_flight, Fact.GONE)]

    def _context(self, in_flight: InFlightInvocation) -> TraceContext:
        """Return the ids of a request's span, drawn when they are needed first."""
        if in_flight.context is None:
            ours = self._identify(in_flight, self._trace_parent)
            if self._trace_parent == "sdk":
                ours = self._join(in_flight, ours)
            in_flight.context = ours
        return in_flight.context

    def _join(self, in_flight: InFlightInvocation, ours: TraceContext) -> TraceContext:
        """Follow what the SDK has sent for this request, if anything."""
        sdk, orphan = in_flight.sdk, in_flight.orphan
        if sdk is None and orphan is None:
            return ours
        from extension.telemetry.assembly.one_trace import (  # noqa: PLC0415  # with an SDK
            join,
            stand_in,
        )

        beside = self._identify(in_flight, "link")
        if sdk:
            return join(ours, sdk, beside=beside)
        return stand_in(ours, orphan, beside=beside) if orphan else ours

    def _identify(self, in_flight: InFlightInvocation, trace_parent: TraceParent) -> TraceContext:
        return identify(
            in_flight.tracing,
            invoke_header=in_flight.invoke_header,
            trace_parent=trace_parent,
            ids=self._ids,
            below_segment=self._below_segment,
        )

    def _span(
        self, in_flight: InFlightInvocation, *, reason: str, now_ns: int
    ) -> Iterable[Finished]:
        context = self._context(in_flight)
        if not self._concurrent:
            for call in self._cold_start.take_calls(since_ns=in_flight.begun_ns):
                in_flight.hold_call(call)  # it ended before this invocation was heard of
        is_cold, before = self._cold_start.belongs_to(
            context, request_id=in_flight.request_id, start_ns=in_flight.begun_ns, ids=self._ids
        )
        for failed in before:
            if report := failed.report_of_failure:
                in_flight.failure.learn(report)
        span = in_flight.invocation(context, cold_start=is_cold, reason=reason, now_ns=now_ns)
        inits: Sequence[Initialization] = before
        further: Sequence[Sequence[Record]] = ()
        if self._details:
            inits, span, further = self._details.settle(
                in_flight, span, before=before, part=self._part
            )
        yield from inits
        yield from self._without_init(context)
        yield span
        yield from in_flight.joined_spans(context, ids=self._ids)
        for records in further:
            yield in_flight.next_part(context, records)
        yield from in_flight.further_part(context, until_ns=span.end_ns)
        yield from in_flight.cache_calls(context)
        yield from in_flight.overhead(context)
        if in_flight.state is State.CLOSED:
            yield from in_flight.late_records(context)  # nothing else would take them

    def _without_init(self, context: TraceContext | None) -> Iterable[Finished]:
        """Give what came before the first invocation and no span of an init has taken."""
        held = self._cold_start.records
        if records := held.take():
            yield LooseRecords(records=records, context=context)
        for call in self._cold_start.take_calls():
            yield CallSpan(call=call, context=context)

    def _take_over(self, in_flight: InFlightInvocation) -> list[Finished]:
        """Give an invocation the lines that came before its start and went to the one before."""
        finished: list[Finished] = []
        for before in self.requests.between(in_flight.begun_ns):
            for record in before.records.take_later(since_ns=in_flight.begun_ns):
                in_flight.learn(record)
                finished += self._keep(in_flight, record)
            if self._details and before.details:
                later = before.details.take_later(since_ns=in_flight.begun_ns)
                for record in self._without_details(later, in_flight):
                    finished += self._keep(in_flight, record)
        return finished

    def _without_details(
        self, records: Sequence[Record], in_flight: InFlightInvocation | None
    ) -> Sequence[Record]:
        """Let the details among records of one request, or of none, wait; return the others."""
        assert self._details
        return self._details.set_aside(
            records,
            in_flight,
            budget=self.requests.budget,
            before_first=self._with_platform and not self._cold_start.first_request_id,
        )

    def _keep(self, in_flight: InFlightInvocation, record: Record) -> list[Finished]:
        """Hold a line for its span, or for the overhead; send it alone if neither is to come.

        A line after the end may be one of the next invocation, whose start is not here yet.
        """
        after_end = in_flight.state is State.ENDED and record.observed_ns > in_flight.runtime_end_ns
        waits = after_end or not (in_flight.is_out or self._stream_records)
        if waits and in_flight.records.hold(record):
            return []
        if waits and not self._stream_records:
            return self._make_room(in_flight, record)
        return [self._alone(in_flight, record)]

    def _make_room(self, in_flight: InFlightInvocation, record: Record) -> list[Finished]:
        """Let the further part go, for it is full, and hold the line as the next one's first."""
        if in_flight.records.is_exhausted:
            in_flight.records.drop()
            return []
        gone: list[Finished] = [*in_flight.further_part(self._context(in_flight))]
        if not in_flight.records.hold(record):  # other requests hold too much
            gone.append(self._alone(in_flight, record))
        return gone

    def _alone(self, in_flight: InFlightInvocation, *records: Record) -> LooseRecords:
        return LooseRecords(
            context=self._context(in_flight), request_id=in_flight.request_id, records=records
        )

    def _owner_of_all(self, records: Sequence[Record]) -> InFlightInvocation | None:
        """Find whose several lines are; None if that has to be looked at line by line."""
        ids = {record.request_id for record in records}
        if len(ids) != 1:
            return None
        if owner := self.requests.find(ids.pop()):
            return owner
        times = [record.observed_ns for record in records]
        first, last = self.requests.current(min(times)), self.requests.current(max(times))
        return first if first is last else None

    def _owner(self, record: Record) -> InFlightInvocation | None:
        """Find whose it is: by a request id that is one of ours, else by time.

        A `requestId` in a JSON line may belong to another service, an API for instance.
        """
        return self.requests.find(record.request_id) or self.requests.current(record.observed_ns)
