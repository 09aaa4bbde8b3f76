"""PURE: which trace the span of an invocation belongs to, and under which span."""

from __future__ import annotations

from extension.process.ids import Ids
from extension.telemetry.assembly.in_flight import InFlightInvocation
from extension.telemetry.reading.xray import TraceContext, TraceParent, identify


class SpanIds:
    """Draws the ids of each invocation once; `below_segment`: it is a child of X-Ray's segment."""

    def __init__(self, ids: Ids, *, trace_parent: TraceParent, below_segment: bool) -> None:
        self._ids = ids
        self._trace_parent = trace_parent
        self._below_segment = below_segment

    @property
    def follow_sdk(self) -> bool:
        """Whether the trace is that of the function's own SDK, where it sends any."""
        return self._trace_parent == "sdk"

    def of(self, in_flight: InFlightInvocation) -> TraceContext:
        """Return the ids of a request's span, drawn when they are needed first."""
        if in_flight.context is None:
            ours = self._identify(in_flight, self._trace_parent)
            if self.follow_sdk:
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
