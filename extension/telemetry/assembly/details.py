"""PURE: lines below the detail level, held until it is known whether their invocation needs them.

They go out with an invocation that failed or was slow, and are counted otherwise. What is held is
bounded: the oldest make room, because the last lines before a failure say most of it. Those of the
init belong to the first invocation. A line of no invocation is none of a failed one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from extension.process.frozen import replace
from extension.telemetry.assembly.finished import Invocation, LooseRecords
from extension.telemetry.assembly.held_records import (
    MAX_BYTES_TOGETHER,
    LineBudget,
    PartSize,
    in_parts,
)
from extension.telemetry.assembly.in_flight import InFlightInvocation
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.keeping import deserves_details
from extension.telemetry.assembly.transitions import State
from extension.telemetry.reading.records import Record, size
from extension.telemetry.reading.xray import TraceContext

MAX_DETAIL_BYTES = 1_048_576
"""Held of one invocation."""


class Taken(NamedTuple):
    """Details that were held, and how many had to make room for them."""

    records: tuple[Record, ...] = ()
    lost: int = 0

    @property
    def number(self) -> int:
        """How many there were."""
        return len(self.records) + self.lost


class HeldDetails:
    """The details of one invocation, or of an init; those that share a `budget` are bounded
    together, too."""

    def __init__(self, budget: LineBudget) -> None:
        self._budget = budget
        self._records: deque[Record] = deque()
        self._bytes = self._lost = 0

    def hold(self, records: Iterable[Record]) -> None:
        """Keep records; the oldest make room."""
        for record in records:
            held = size(record)
            self._records.append(record)
            self._bytes += held
            self._budget.held_bytes += held
            while self._records and (
                self._bytes > MAX_DETAIL_BYTES or self._budget.held_bytes > MAX_BYTES_TOGETHER
            ):
                self._free(self._records.popleft())
                self._lost += 1

    def take(self, *, until_ns: int | None = None) -> Taken:
        """Give away the records up to a time, and the number of those that made room."""
        taken = self._take(0, until_ns)
        lost, self._lost = self._lost, 0
        return Taken(taken, lost)

    def take_later(self, *, since_ns: int) -> tuple[Record, ...]:
        """Give away the records of `since_ns` and later."""
        return self._take(since_ns, None)

    def _take(self, since_ns: int, until_ns: int | None) -> tuple[Record, ...]:
        taken: list[Record] = []
        left: deque[Record] = deque()
        for record in self._records:
            is_early_enough = until_ns is None or record.observed_ns <= until_ns
            wanted = record.observed_ns >= since_ns and is_early_enough
            (taken if wanted else left).append(record)
        self._records = left
        for record in taken:
            self._free(record)
        return tuple(taken)

    def _free(self, record: Record) -> None:
        held = size(record)
        self._bytes -= held
        self._budget.held_bytes -= held


class Settled(NamedTuple):
    """What goes out of an invocation whose verdict is known, and its lines beyond one span."""

    before: Sequence[Initialization]
    invocation: Invocation
    further: Sequence[Sequence[Record]] = ()


class Details:
    """Those of all invocations; `below`: the severity from which a line is none.

    What does not go out is counted in `filtered`.
    """

    def __init__(self, *, below: int, slow_ms: int = 0, filtered: Counter[str]) -> None:
        self._below = below
        self._slow_ms = slow_ms
        self._filtered = filtered
        self._init = HeldDetails(LineBudget())

    def set_aside(
        self,
        records: Sequence[Record],
        of: InFlightInvocation | None,
        *,
        budget: LineBudget,
        before_first: bool = False,
    ) -> Sequence[Record]:
        """Hold the details among some records of one invocation, or of none; return the rest."""
        below = self._below
        details = [record for record in records if 0 < record.severity < below]
        if not details:
            return records
        if of is not None and of.is_out and not self._may_be_later(of, details):
            if of.needs_details:
                return records
            self._count(len(details))
        elif of is not None:
            of.details = of.details or HeldDetails(budget)
            of.details.hold(details)
        elif before_first:
            self._init.hold(details)
        else:
            self._count(len(details))
        return [record for record in records if not 0 < record.severity < below]

    @staticmethod
    def _may_be_later(of: InFlightInvocation, details: Sequence[Record]) -> bool:
        """Return whether they were written after its end: they may be the next one's."""
        return of.state is State.ENDED and details[0].observed_ns > of.runtime_end_ns

    def settle(
        self,
        of: InFlightInvocation,
        invocation: Invocation,
        *,
        before: Sequence[Initialization],
        part: PartSize,
    ) -> Settled:
        """Put the details where they belong if the invocation needs them."""
        failed_before = any(each.failed for each in before)
        of.needs_details = failed_before or deserves_details(invocation, slow_ms=self._slow_ms)
        of_init = self._init.take()
        # Nothing more comes of one that is closed.
        until_ns = None if of.state is State.CLOSED else invocation.end_ns
        own = of.details.take(until_ns=until_ns) if of.details else Taken()
        if not of.needs_details:
            self._count(of_init.number + own.number)
            return Settled(before, invocation)
        if not before:
            own = Taken(of_init.records + own.records, of_init.lost + own.lost)
        if own.number == 0:
            return Settled(_with_details(before, of_init), invocation)
        lines = [*invocation.records, *of.records.take_further(until_ns=until_ns), *own.records]
        first, *further = in_parts(_in_order(lines), part)
        invocation = replace(
            invocation,
            records=first,
            dropped_records=invocation.dropped_records + own.lost,
        )
        return Settled(_with_details(before, of_init), invocation, further)

    def leftovers(self, of: InFlightInvocation, context: TraceContext) -> Iterable[LooseRecords]:
        """Give the details that came after the end of an invocation, if it needs them."""
        left = of.details.take() if of.details else Taken()
        if not of.needs_details:
            self._count(left.number)
        elif left.number:
            yield LooseRecords(
                context=context,
                request_id=of.request_id,
                records=left.records,
                dropped_records=left.lost,
            )

    def end(self, alone: Sequence[Initialization]) -> Sequence[Initialization]:
        """Put the details of an init that no invocation followed where they belong."""
        of_init = self._init.take()
        if any(each.failed for each in alone):
            return _with_details(alone, of_init)
        self._count(of_init.number)
        return alone

    def _count(self, number: int) -> None:
        if number:
            self._filtered["details"] += number


def _with_details(before: Sequence[Initialization], of_init: Taken) -> Sequence[Initialization]:
    """Give the last attempt of an init its details."""
    if not before or not of_init.number:
        return before
    *others, last = before
    whole = replace(
        last,
        records=tuple(_in_order([*last.records, *of_init.records])),
        dropped_records=last.dropped_records + of_init.lost,
    )
    return [*others, whole]


def _in_order(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.observed_ns)
