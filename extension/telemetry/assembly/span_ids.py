"""PURE: which trace the span of an invocation belongs to, and under which span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extension.process.ids import Ids
from extension.telemetry.assembly.in_flight import InFlightInvocation
from extension.telemetry.reading.xray import TraceContext, TraceParent, identify

if TYPE_CHECKING:  # not imported without a tap
    from extension.telemetry.tap.tapped import Tapped
    from extension.telemetry.tap.tapped_requests import TappedRequests


class SpanIds:
    """Draws the ids of each invocation once; `below_segment`: it is a child of X-Ray's segment."""

    def __init__(self, ids: Ids, *, trace_parent: TraceParent, below_segment: bool) -> None:
        self._ids = ids
        self._trace_parent = trace_parent
        self._below_segment = below_segment
        self.tap: TappedRequests | None = None
        """What is copied of requests, whose events may name a caller."""

    @property
    def follow_sdk(self) -> bool:
        """Whether the trace is that of the function's own SDK, where it sends any."""
        return self._trace_parent == "sdk"

    def of(self, in_flight: InFlightInvocation) -> TraceContext:
        """Return the ids of a request's span, drawn when they are needed first."""
        if in_flight.context is None:
            ours = self._identify(in_flight, self._trace_parent)
            if self.tap and not self._shares_trace_with_sdk(in_flight, ours):
                tapped = self.tap.of(in_flight.request_id, begun_ns=in_flight.begun_ns)
                ours = self._follow(in_flight, ours, tapped=tapped)
            if self.follow_sdk:
                ours = self._join(in_flight, ours)
            in_flight.context = ours
        return in_flight.context

    def awaits_event(self, in_flight: InFlightInvocation) -> bool:
        """Return whether the ids may depend on an event that has not been copied yet."""
        if self.tap is None or in_flight.context is not None:
            return False
        return self.tap.awaits(in_flight.request_id, begun_ns=in_flight.begun_ns)

    def _shares_trace_with_sdk(self, in_flight: InFlightInvocation, ours: TraceContext) -> bool:
        """Return whether the SDK's spans are in X-Ray's trace, which then stays that of all."""
        theirs = in_flight.sdk or in_flight.orphan
        return self.follow_sdk and theirs is not None and theirs.trace_id == ours.trace_id

    def _follow(
        self, in_flight: InFlightInvocation, ours: TraceContext, *, tapped: Tapped
    ) -> TraceContext:
        """Follow the caller that the event names, if it names one."""
        linked: TraceParent = "none" if self._trace_parent == "none" else "link"
        return tapped.follow(
            ours,
            beside=self._identify(in_flight, linked),
            # X-Ray itself gets the spans: they belong below its segments.
            trace_parent="xray" if self._below_segment else self._trace_parent,
        )

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
