"""PURE: what leaves at each transition of a request, in the order in which it is exported.

A span takes with it what waits for it: the initialization before it, its lines, the calls of the
cache and the SDK's spans. The ids of a span are drawn once, when it leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from extension.process.frozen import replace
from extension.process.ids import Ids
from extension.telemetry.assembly.finished import CallSpan, Finished, LooseRecords
from extension.telemetry.assembly.held_records import PartSize
from extension.telemetry.assembly.in_flight import InFlightInvocation
from extension.telemetry.assembly.initialization import ColdStart, Initialization
from extension.telemetry.assembly.request_table import RequestTable
from extension.telemetry.assembly.span_ids import SpanIds
from extension.telemetry.assembly.transitions import TRANSITIONS, Fact, Output, State
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext

if TYPE_CHECKING:  # not imported without a detail level
    from extension.telemetry.assembly.details import Details


class Outputs:
    """Makes finished values of requests; `concurrent`: several run at once."""

    def __init__(
        self,
        *,
        requests: RequestTable,
        cold_start: ColdStart,
        details: Details | None,
        span_ids: SpanIds,
        ids: Ids,
        part: PartSize,
        concurrent: bool,
    ) -> None:
        self._requests = requests
        self._cold_start = cold_start
        self._details = details
        self._span_ids = span_ids
        self._ids = ids
        self._part = part
        self._concurrent = concurrent

    def advance(
        self, in_flight: InFlightInvocation, fact: Fact, *, reason: str = "", now_ns: int = 0
    ) -> list[Finished]:
        """Take a fact of a request; return what it makes ready to leave."""
        before = in_flight.state
        in_flight.state, output = TRANSITIONS.get((before, fact), (before, Output.NOTHING))
        finished: list[Finished] = []
        match output:
            case Output.SPAN:
                finished = list(self._span(in_flight, reason=reason, now_ns=now_ns))
            case Output.OVERHEAD:
                finished = list(in_flight.overhead(self._span_ids.of(in_flight)))
            case Output.LEFTOVERS:
                finished = list(in_flight.late_records(self._span_ids.of(in_flight)))
        if self._details and output in (Output.OVERHEAD, Output.LEFTOVERS):
            finished += self._details.leftovers(in_flight, self._span_ids.of(in_flight))
        return finished + self.let_go(self._requests.forget_oldest())

    def let_go(self, gone: Iterable[InFlightInvocation]) -> list[Finished]:
        """End what nothing more will come of."""
        return [out for in_flight in gone for out in self.advance(in_flight, Fact.GONE)]

    def alone(self) -> list[Finished]:
        """Give the initializations that no invocation came after: the sandbox ends."""
        alone = self._reported(self._cold_start.finish_alone(self._ids))
        return [*(self._details.end(alone) if self._details else alone)]

    def without_init(self, context: TraceContext | None) -> Iterable[Finished]:
        """Give what came before the first invocation and no span of an init has taken."""
        held = self._cold_start.records
        if records := held.take():
            yield LooseRecords(records=records, context=context)
        for call in self._cold_start.take_calls():
            yield CallSpan(call=call, context=context)

    def _span(
        self, in_flight: InFlightInvocation, *, reason: str, now_ns: int
    ) -> Iterable[Finished]:
        context = self._span_ids.of(in_flight)
        begin = self._cold_start.begin
        if begin and in_flight.was_over_before(begin.time_ns):
            # The process before this one has sent its span, and was shut down for its sake.
            yield from in_flight.late_records(context)
            return
        if self._span_ids.tap:
            in_flight.tapped = self._span_ids.tap.settle(
                in_flight.request_id, begun_ns=in_flight.begun_ns
            )
        if not self._concurrent:
            for call in self._cold_start.take_calls(since_ns=in_flight.begun_ns):
                in_flight.hold_call(call)  # it ended before this invocation was heard of
        is_cold, before = self._cold_start.belongs_to(
            context, request_id=in_flight.request_id, start_ns=in_flight.begun_ns, ids=self._ids
        )
        before = self._reported(before)
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
        yield from self.without_init(context)
        yield span
        yield from in_flight.joined_spans(context, ids=self._ids)
        for records in further:
            yield in_flight.next_part(context, records)
        yield from in_flight.further_part(context, until_ns=span.end_ns)
        yield from in_flight.cache_calls(context)
        yield from in_flight.overhead(context)
        if in_flight.state is State.CLOSED:
            yield from in_flight.late_records(context)  # nothing else would take them

    def _reported(self, inits: list[Initialization]) -> list[Initialization]:
        """Give those that failed what the runtime reported to the Runtime API."""
        tap = self._span_ids.tap
        if tap is None:
            return inits
        found = [
            tap.init_error(start_ns=each.start_ns, end_ns=each.end_ns) if each.failed else None
            for each in inits
        ]
        return [
            replace(each, reported_ns=error[0], reported=error[1]) if error else each
            for each, error in zip(inits, found, strict=True)
        ]
