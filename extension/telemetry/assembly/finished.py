"""PURE: what assembly gives: values that are complete and go out as spans, logs and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from extension.process.frozen import Frozen, replace
from extension.telemetry.assembly.cache_use import CacheCall, CacheUse
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.reading.columns import Columns, in_columns
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import Report, RuntimeDone, Start
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext

if TYPE_CHECKING:  # not imported where no SDK sends anything, or without a tap
    from extension.telemetry.assembly.one_trace import SpanChange
    from extension.telemetry.reading.sdk_spans import SdkSpan
    from extension.telemetry.tap.tapped import Tapped


class TimedError(Frozen):
    """What left the handler, as the runtime reported it, and when."""

    time_ns: int
    error: HandlerError
    has_record: bool = True
    """Whether its line is exported too."""


class Invocation(Frozen):
    """One finished invocation; `incomplete` if it is unknown how it ended."""

    context: TraceContext
    request_id: str
    start_ns: int
    end_ns: int
    status: str = ""
    error_type: str = ""
    incomplete: bool = False
    cold_start: bool = False
    invoked_arn: str = ""
    start: Start | None = None
    done: RuntimeDone | None = None
    report: Report | None = None
    error: TimedError | None = None
    cache: CacheUse | None = None
    leaks: tuple[str, ...] = ()
    """Names of secrets that its output held."""
    out_of_memory: bool = False
    """Whether its log says that memory ran out."""
    records: Sequence[Record] = ()
    """No more than one span carries; what is beyond are parts of their own."""
    dropped_records: int = 0
    sdk: SdkSpan | None = None
    """The span that the function's own SDK made of it, if that came before ours left."""
    tapped: Tapped | None = None
    """What its messages on the Runtime API say, where they are copied."""

    @property
    def trigger(self) -> str:
        """What triggered it, as its event says, else the SDK; empty if neither does."""
        by_sdk = str(self.sdk.attributes.get("faas.trigger", "")) if self.sdk else ""
        by_event = self.tapped.trigger if self.tapped else ""
        return by_event or by_sdk


class Overhead(Frozen):
    """What the extensions cost after the response; known once the report is."""

    context: TraceContext
    request_id: str
    start_ns: int
    end_ns: int
    report: Report
    records: Sequence[Record] = ()
    dropped_records: int = 0
    trigger: str = ""
    """Of its invocation, if the event was copied."""


class LooseRecords(Frozen):
    """Records that travel alone: streamed, later than their span, or of no request.

    Or a further `part`, numbered from 2, of lines of which the span itself carries the first.
    """

    records: Sequence[Record]
    request_id: str = ""
    context: TraceContext | None = None
    dropped_records: int = 0
    part: int = 0


class CallSpan(Frozen):
    """A call of the cache to AWS, under the span that waited for it."""

    call: CacheCall
    context: TraceContext | None = None
    request_id: str = ""
    records: tuple[Record, ...] = ()
    dropped_records: int = 0


class JoinedSpan(Frozen):
    """The SDK's span of an invocation, and what becomes of it; None: it stays as it is."""

    span: SdkSpan
    change: SpanChange | None = None
    threshold: int | None = None
    """Of the share by which it was kept, if that has to be said."""
    request_id: str = ""
    context: TraceContext | None = None
    records: tuple[Record, ...] = ()
    dropped_records: int = 0


Finished = CallSpan | Invocation | JoinedSpan | Overhead | Initialization | LooseRecords


def gather(finished: Iterable[Finished]) -> list[Finished]:
    """Put the lines of one request that travel alone together: back ends bill by the span."""
    gathered: list[Finished] = []
    lines: dict[tuple[str, TraceContext | None, int], list[LooseRecords]] = {}
    for each in finished:
        if isinstance(each, LooseRecords):
            together = lines.setdefault((each.request_id, each.context, each.part), [])
            if not together:
                gathered.append(each)
            together.append(each)
        else:
            gathered.append(each)
    return [
        _together(lines[each.request_id, each.context, each.part])
        if isinstance(each, LooseRecords)
        else each
        for each in gathered
    ]


def _together(loose: Sequence[LooseRecords]) -> LooseRecords:
    if len(loose) == 1:
        return loose[0]
    records = Columns()
    for each in loose:
        records.extend(in_columns(each.records))
    dropped = sum(each.dropped_records for each in loose)
    return replace(loose[0], records=records, dropped_records=dropped)
