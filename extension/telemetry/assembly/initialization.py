"""PURE: what came before the first invocation, initialization or restore, to one more span.

It is held until the first invocation goes out, because it belongs to that one's trace, as an
earlier sibling. Two things differ from a cold start that an invocation waited for: an
initialization ahead of time (provisioned, or proactive: the platform may warm a sandbox minutes
early), which gets a trace of its own with a link, so that no trace lasts hours; and that of a
snapshot, which ran when the version was published and belongs to no invocation today.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from extension.process.clock import NS_PER_MS, NS_PER_S
from extension.process.frozen import Frozen, replace
from extension.process.ids import Ids
from extension.telemetry.assembly.cache_use import MAX_CALLS, CacheCall
from extension.telemetry.assembly.held_records import HeldRecords
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import (
    InitReport,
    InitRuntimeDone,
    InitStart,
    PhaseSpan,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    phases,
)
from extension.telemetry.reading.native_errors import LastPanic
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import SpanLink, TraceContext

SNAP_START = "snap-start"

PROACTIVE_GAP_S = 10
"""Longest pause between the end of an on-demand init and the invocation that asked for it."""

MAX_FAILED = 4
"""Attempts kept until the first invocation."""

Begin = InitStart | RestoreStart
RuntimeReady = InitRuntimeDone | RestoreRuntimeDone
Done = InitReport | RestoreReport
PhaseEvent = Begin | RuntimeReady | Done


class Initialization(Frozen):
    """A finished init or restore."""

    kind: Literal["init", "restore"]
    context: TraceContext
    start_ns: int
    end_ns: int
    initialization_type: str = ""
    phase: str = ""
    status: str = ""
    error_type: str = ""
    spans: tuple[PhaseSpan, ...] = ()
    records: Sequence[Record] = ()
    dropped_records: int = 0
    calls: tuple[CacheCall, ...] = ()
    """What the cache fetched meanwhile."""
    reported: HandlerError | None = None
    """What the runtime reported to the Runtime API, where its messages are copied."""
    reported_ns: int = 0

    @property
    def failed(self) -> bool:
        """Whether the platform says so."""
        return self.status not in ("success", "")

    @property
    def report_of_failure(self) -> Record | None:
        """The line in which the runtime reports why it failed, or in which a panic ended it."""
        if not self.failed:
            return None
        reports = (record for record in reversed(self.records) if record.evidence)
        return next(reports, None) or _panic_in(self.records)


def _panic_in(records: Iterable[Record]) -> Record | None:
    """Return the last line with the panic of Go or Rust that the process ended with."""
    panic, last = LastPanic(), None
    for record in records:
        if record.stream == "function":
            panic.learn(record.body)
            last = record
    error = panic.ended_process
    return last._replace(error=error, evidence="mark") if last and error else None


NO_CONTEXT = TraceContext(trace_id=0, span_id=0)
"""Of what gets its ids when it goes out."""


def _beside(invocation: TraceContext, *, waited_for: bool, ids: Ids) -> TraceContext:
    """Return the ids of a phase that an invocation waited for, or of one ahead of time."""
    if waited_for:
        return TraceContext(
            trace_id=invocation.trace_id,
            span_id=ids.span_id(),
            parent_span_id=invocation.parent_span_id,
            link=invocation.link,
            xray_trace_id=invocation.xray_trace_id,
        )
    link = SpanLink(trace_id=invocation.trace_id, span_id=invocation.span_id)
    return TraceContext(trace_id=ids.trace_id(), span_id=ids.span_id(), link=link)


class ColdStart:
    """The phase before the first invocation, as its events come in."""

    def __init__(self) -> None:
        self.begin: Begin | None = None
        self.ready: RuntimeReady | None = None
        self.report: Done | None = None
        self.records = HeldRecords()
        self.calls: list[CacheCall] = []
        self.first_request_id = ""
        self._failed: list[Initialization] = []
        """Attempts before this one, without their ids."""

    def feed(self, event: PhaseEvent) -> None:
        """Take an event; a restore, or an init that is tried again, replaces what was before.

        The attempt that failed is a span of its own: it took time, and may have cost money.
        """
        match event:
            case InitStart() | RestoreStart():
                if self.begin is None or event.time_ns > self.begin.time_ns:
                    self._keep_failed()
                    self.begin, self.ready, self.report = event, None, None
            case InitRuntimeDone() | RestoreRuntimeDone():
                self.ready = self.ready or (event if self._belongs(event) else None)
            case InitReport() | RestoreReport():
                self.report = self.report or (event if self._belongs(event) else None)

    def takes(self, record: Record) -> bool:
        """Keep a record written before the first invocation; False once that has gone out.

        Those beyond the bound travel alone, too.
        """
        return not self.first_request_id and self.records.hold(record)

    def takes_call(self, call: CacheCall) -> bool:
        """Keep a call made before the first invocation; False once that has gone out."""
        if self.first_request_id:
            return False
        if len(self.calls) < MAX_CALLS:
            self.calls.append(call)
        return True

    def take_calls(self, *, since_ns: int = 0) -> tuple[CacheCall, ...]:
        """Give away the calls that no span has taken, those that began from a time on."""
        taken = tuple(call for call in self.calls if call.start_ns >= since_ns)
        self.calls = [call for call in self.calls if call.start_ns < since_ns]
        return taken

    def belongs_to(
        self, invocation: TraceContext, *, request_id: str, start_ns: int, ids: Ids
    ) -> tuple[bool, list[Initialization]]:
        """Return whether this invocation is a cold start, and the span before it if it is first."""
        if self.first_request_id:
            return False, []
        self.first_request_id = request_id
        if self.begin is None or self._is_old_snapshot(self.begin):
            return False, []
        waited_for = self._was_waited_for(start_ns)
        attempts = [*self._failed, self._finished(NO_CONTEXT, no_later_than_ns=start_ns)]
        self._failed = []
        return waited_for, [
            replace(each, context=_beside(invocation, waited_for=waited_for, ids=ids))
            for each in attempts
        ]

    def finish_alone(self, ids: Ids) -> list[Initialization]:
        """Return the span of an initialization that no invocation followed."""
        if self.first_request_id or self.begin is None or self._is_old_snapshot(self.begin):
            return []
        self.first_request_id = "none came"
        attempts = [*self._failed, self._finished(NO_CONTEXT, no_later_than_ns=None)]
        self._failed = []
        return [
            replace(each, context=TraceContext(trace_id=ids.trace_id(), span_id=ids.span_id()))
            for each in attempts
        ]

    def _keep_failed(self) -> None:
        """Finish an init or restore that failed, because another begins."""
        if self.begin is None or self._is_old_snapshot(self.begin):
            return
        if self._status not in ("success", "") and len(self._failed) < MAX_FAILED:
            self._failed.append(self._finished(NO_CONTEXT, no_later_than_ns=None))

    @property
    def _status(self) -> str:
        known = self.report or self.ready
        return known.status if known else ""

    def _finished(self, context: TraceContext, *, no_later_than_ns: int | None) -> Initialization:
        begin = self.begin
        assert begin is not None
        verdict = self.report or self.ready
        return Initialization(
            kind="restore" if isinstance(begin, RestoreStart) else "init",
            context=context,
            start_ns=begin.time_ns,
            end_ns=self._end_ns(no_later_than_ns or begin.time_ns),
            initialization_type=getattr(begin, "initialization_type", SNAP_START),
            phase=getattr(begin, "phase", ""),
            status=verdict.status if verdict else "",
            error_type=verdict.error_type if verdict else "",
            spans=phases(self.ready, self.report),
            records=self.records.take(),
            calls=self.take_calls(),
        )

    def _end_ns(self, otherwise_ns: int) -> int:
        begin = self.begin
        assert begin is not None
        if self.report and self.report.duration_ms is not None:
            return begin.time_ns + round(self.report.duration_ms * NS_PER_MS)
        known = self.report or self.ready
        return max(begin.time_ns, known.time_ns if known else otherwise_ns)

    def _was_waited_for(self, start_ns: int) -> bool:
        match self.begin:
            case InitStart(initialization_type=kind) if kind not in ("on-demand", ""):
                return False
        return start_ns - self._end_ns(start_ns) <= PROACTIVE_GAP_S * NS_PER_S

    def _belongs(self, event: RuntimeReady | Done) -> bool:
        """Distinguish the end of a restore from the end of the init inside the snapshot."""
        restoring = isinstance(event, RestoreRuntimeDone | RestoreReport)
        return self.begin is not None and isinstance(self.begin, RestoreStart) == restoring

    @staticmethod
    def _is_old_snapshot(begin: Begin) -> bool:
        return isinstance(begin, InitStart) and begin.initialization_type == SNAP_START
