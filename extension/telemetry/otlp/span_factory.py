"""Makes `ReadableSpan`s with ids and times of their own, within the limits of attributes.

The SDK's tracer and its batch processor are not used: they read clocks, draw ids from `random`
and start threads and timers, none of which survives a freeze.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import Status, StatusCode

from extension.telemetry.assembly.finished import TimedError
from extension.telemetry.assembly.verdict import Verdict
from extension.telemetry.health import Health
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.requests import NO_RESOURCE, SpanWithLines
from extension.telemetry.otlp.resource import SCOPE
from extension.telemetry.otlp.span_contexts import links, own_context, parent_context
from extension.telemetry.otlp.span_events import LineEvents, exception_event
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import SpanLink, TraceContext

UNSET = Status(StatusCode.UNSET)


class SpanFactory:
    """Makes one span at a time; `with_records`: the log lines become span events."""

    def __init__(
        self, *, with_records: bool, repeat_exceptions: bool, limits: Limits, health: Health
    ) -> None:
        self._with_records = with_records
        self._repeat = repeat_exceptions
        self._limits = limits
        self._lines = LineEvents(limits, health=health)

    def span(
        self,
        context: TraceContext,
        *,
        name: str,
        start_ns: int,
        end_ns: int,
        attributes: Mapping[str, Any],
        kind: SpanKind = SpanKind.INTERNAL,
        events: Sequence[SpanEvent] = (),
        lines: Sequence[Record] = (),
        verdict: Verdict | None = None,
        has_remote_parent: bool = False,
        more_links: Sequence[SpanLink] = (),
    ) -> SpanWithLines:
        """Return a span; attributes that are empty or None are left out."""
        span = SpanWithLines(
            name=name,
            context=own_context(context),
            parent=parent_context(context, is_remote=has_remote_parent),
            resource=NO_RESOURCE,
            attributes=self._limits.apply(
                {key: value for key, value in attributes.items() if value not in ("", None)}
            ),
            events=events,
            links=links(context, *more_links),
            kind=kind,
            status=self._status(verdict),
            start_time=start_ns,
            end_time=end_ns,
            instrumentation_scope=SCOPE,
        )
        if lines and self._with_records:
            span.lines = self._lines.encode(lines)
        return span

    def _status(self, verdict: Verdict | None) -> Status:
        if verdict is None or not verdict.failed:
            return UNSET
        return Status(StatusCode.ERROR, self._limits.text(verdict.description))

    def events(self, *, dropped: int, error: TimedError | None = None) -> Sequence[SpanEvent]:
        """Return the exception, which no line precedes.

        An exception whose line is a log record is not repeated, unless the user asks for both.
        """
        events: list[SpanEvent] = []
        if error and (self._with_records or self._repeat or not error.has_record):
            events.append(exception_event(error, limits=self._limits))
        if not dropped:
            return events
        bounded = BoundedList.from_seq(len(events), events)
        bounded.dropped += dropped
        return bounded
