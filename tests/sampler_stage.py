"""A sampler, and what it is given: invocations, lines, and what the SDK sent."""

from __future__ import annotations

from collections import Counter

from extension.process.frozen import replace
from extension.settings.sharing import Share
from extension.telemetry.assembly.finished import (
    Finished,
    Invocation,
    JoinedSpan,
    LooseRecords,
)
from extension.telemetry.assembly.sampling import (
    Sampler,
)
from extension.telemetry.assembly.undecided import (
    Item,
    SdkPart,
)
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.sdk_spans import SdkSpan
from extension.telemetry.reading.xray import TraceContext

TENTH = Share(ratio=0.1)
CHOSEN, OTHER = 0xFF_FFFFFFFF_FFFFFF, 1
"""Trace ids that a tenth keeps, and does not."""

LINE = Record(time_ns=1, observed_ns=1, stream="function", body="abc")


class Stage:
    """A sampler and all that it gives."""

    def __init__(self, share: Share = TENTH, *, concurrent: bool = False, slow_ms: int = 0) -> None:
        self.filtered: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.left_out: list[Finished] = []
        self.sampler = Sampler(
            share=share,
            slow_ms=slow_ms,
            concurrent=concurrent,
            filtered=self.filtered,
            dropped=self.dropped,
        )
        self.sampler.on_left_out = self.left_out.append

    def feed(self, *finished: Finished) -> list[Item]:
        """Return what leaves now."""
        return [item for each in finished for item in self.sampler.feed(each)]

    def sdk(self, *parts: SdkPart) -> list[Item]:
        """Return what leaves now."""
        return [item for each in parts for item in self.sampler.feed_sdk(each)]

    def end(self) -> list[Item]:
        """Return what leaves at the end."""
        return list(self.sampler.end())


def invocation(
    request_id: str = "r", *, trace: int = OTHER, status: str = "success", **fields: object
) -> Invocation:
    """Return an invocation in a trace."""
    whole = Invocation(
        context=TraceContext(trace_id=trace, span_id=2),
        request_id=request_id,
        start_ns=0,
        end_ns=1_000_000,
        status=status,
    )
    return replace(whole, **fields)


def spans(trace: int = OTHER, *, count: int = 1, body: bytes = b"x", state: str = "") -> SdkPart:
    """Return spans of the SDK."""
    return SdkPart(signal="traces", body=body, count=count, trace_id=trace, tracestate=state)


def details(trace: int = OTHER, *, count: int = 1) -> SdkPart:
    """Return log records of the SDK below the detail level."""
    return SdkPart(signal="logs", body=b"x", count=count, trace_id=trace, is_detail=True)


def late(request_id: str = "r", *, trace: int = OTHER) -> LooseRecords:
    """Return lines that came after their span."""
    context = TraceContext(trace_id=trace, span_id=2)
    return LooseRecords(context=context, request_id=request_id, records=(LINE,), dropped_records=2)


def joined(request_id: str = "r", *, trace: int = OTHER) -> JoinedSpan:
    """Return the SDK's span of an invocation."""
    span = SdkSpan(request_id=request_id, trace_id=trace, span_id=5, body=b"12345")
    context = TraceContext(trace_id=OTHER, span_id=2)
    return JoinedSpan(span=span, request_id=request_id, context=context)
