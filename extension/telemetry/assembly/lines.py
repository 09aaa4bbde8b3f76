"""PURE: whose each log line is, and where it waits until the span of its invocation is finished."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from extension.telemetry.assembly.finished import Finished, LooseRecords
from extension.telemetry.assembly.in_flight import InFlightInvocation
from extension.telemetry.assembly.initialization import ColdStart
from extension.telemetry.assembly.request_table import RequestTable
from extension.telemetry.assembly.span_ids import SpanIds
from extension.telemetry.assembly.transitions import State
from extension.telemetry.reading.columns import Columns, in_columns
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.table import places_of

if TYPE_CHECKING:  # not imported without a detail level
    from extension.telemetry.assembly.details import Details


class Lines:
    """The lines of all requests; with `stream_records` they do not wait for a span."""

    def __init__(
        self,
        *,
        requests: RequestTable,
        cold_start: ColdStart,
        details: Details | None,
        span_ids: SpanIds,
        stream_records: bool,
        with_platform: bool,
    ) -> None:
        self._requests = requests
        self._cold_start = cold_start
        self._details = details
        self._span_ids = span_ids
        self._stream_records = stream_records
        self._with_platform = with_platform
        """Without, no event reports the init that a line belongs to."""

    def feed(self, record: Record, *, keep: bool = True) -> list[Finished]:
        """Take a line that was read; one that is not kept may still say what left the handler."""
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

    def feed_all(
        self, records: Sequence[Record], *, refused: Collection[int] = ()
    ) -> list[Finished]:
        """Take lines in the order of their reading; those in some places are not kept.

        The lines of one request stay in their order; those of several may leave in another.
        """
        columns = in_columns(records)
        owners = self._by_owner(columns)
        if len(owners) == 1:
            [owner] = owners
            return self._feed_to(owner, columns, refused=refused)
        finished: list[Finished] = []
        for owner, places in owners.items():
            among = [now for now, at in enumerate(places) if at in refused] if refused else ()
            finished += self._feed_to(owner, columns.at(places), refused=among)
        return finished

    def _feed_to(
        self, in_flight: InFlightInvocation | None, columns: Columns, *, refused: Collection[int]
    ) -> list[Finished]:
        """Take the lines of one request, or of none."""
        if in_flight is None or in_flight.state is State.ENDED:
            fed = (self.feed(record, keep=at not in refused) for at, record in enumerate(columns))
            return [each for finished in fed for each in finished]
        in_flight.learn_all(columns, refused=refused)
        records: Sequence[Record] = columns.without(refused) if refused else columns
        if self._details:
            records = self._without_details(records, in_flight)
        if in_flight.is_out or self._streams(in_flight):
            leaving = in_flight.records.take()
            leaving.extend(in_columns(records))
            return [self._alone(in_flight, leaving)] if leaving else []
        finished: list[Finished] = []
        while (held := in_flight.records.hold_all(records)) < len(records):
            finished += self._make_room(in_flight, records[held])
            records = records[held + 1 :]
        return finished

    def take_over(self, in_flight: InFlightInvocation) -> list[Finished]:
        """Give an invocation the lines that came before its start and went to the one before."""
        finished: list[Finished] = []
        for before in self._requests.between(in_flight.begun_ns):
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
            budget=self._requests.budget,
            before_first=self._with_platform and not self._cold_start.first_request_id,
        )

    def _keep(self, in_flight: InFlightInvocation, record: Record) -> list[Finished]:
        """Hold a line for its span, or for the overhead; send it alone if neither is to come.

        A line after the end may be one of the next invocation, whose start is not here yet.
        """
        after_end = in_flight.state is State.ENDED and record.observed_ns > in_flight.runtime_end_ns
        streams = self._streams(in_flight)
        waits = after_end or not (in_flight.is_out or streams)
        if waits and in_flight.records.hold(record):
            return []
        if waits and not streams:
            return self._make_room(in_flight, record)
        before = () if in_flight.is_out else in_flight.records.take()
        return [self._alone(in_flight, (*before, record))]

    def _streams(self, in_flight: InFlightInvocation) -> bool:
        """Return whether lines leave at once: nothing is to come that may change their trace."""
        return self._stream_records and not self._span_ids.awaits_event(in_flight)

    def _make_room(self, in_flight: InFlightInvocation, record: Record) -> list[Finished]:
        """Let the further part go, because it is full; the line is the next one's first."""
        if in_flight.records.is_exhausted:
            in_flight.records.drop()
            return []
        gone: list[Finished] = [*in_flight.further_part(self._span_ids.of(in_flight))]
        if not in_flight.records.hold(record):  # other requests hold too much
            gone.append(self._alone(in_flight, (record,)))
        return gone

    def _alone(self, in_flight: InFlightInvocation, records: Sequence[Record]) -> LooseRecords:
        return LooseRecords(
            context=self._span_ids.of(in_flight), request_id=in_flight.request_id, records=records
        )

    def _by_owner(self, records: Columns) -> Mapping[InFlightInvocation | None, Sequence[int]]:
        """Return the places of each request's lines; None stands for lines of no request."""
        request_ids = {*records.request_ids}
        if self._requests.has_attempts(request_ids):
            return places_of(map(self._owner, records))
        by_id = {request_id: self._requests.find(request_id) for request_id in request_ids}
        if None in by_id.values():
            times = records.observed_ns
            first, last = self._requests.current(min(times)), self._requests.current(max(times))
            if first is not last:
                return places_of(map(self._owner, records))
            by_id = {request_id: owner or first for request_id, owner in by_id.items()}
        if len({*by_id.values()}) == 1:
            return {owner: range(len(records)) for owner in by_id.values()}
        return places_of(map(by_id.__getitem__, records.request_ids))

    def _owner(self, record: Record) -> InFlightInvocation | None:
        """Find whose it is: by a request id that is one of ours, else by time.

        A `requestId` in a JSON line may belong to another service, an API for instance.
        """
        at_ns = record.observed_ns
        return self._requests.find_at(record.request_id, at_ns) or self._requests.current(at_ns)
