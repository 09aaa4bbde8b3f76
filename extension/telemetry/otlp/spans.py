"""What is finished, to `ReadableSpan`s with ids and times of their own.

The SDK's tracer and its batch processor are not used: they read clocks, draw ids from `random`
and start threads and timers, none of which survives a freeze.
Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-otel-spans.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from extension import __version__
from extension.ids import Ids
from extension.log import MARKER
from extension.telemetry.assembly.cache_use import CacheCall, CacheUse
from extension.telemetry.assembly.finished import (
    CallSpan,
    Finished,
    Invocation,
    LooseRecords,
    Overhead,
    TimedError,
)
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.verdict import Verdict, judge
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.resource import build_resource
from extension.telemetry.otlp.span_events import exception_event, log_event, text_size
from extension.telemetry.reading.events import PhaseSpan
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext
from extension.telemetry.sender import Sender

NS_PER_MS = 1_000_000
BYTES_PER_MIB = 1_048_576
SCOPE = InstrumentationScope(MARKER, __version__)
MAX_EVENTS = 128
"""Events of one span; the default of OTEL_SPAN_EVENT_COUNT_LIMIT."""

SPAN_BYTES = 96
"""Ids, times and framing of a span or an event, besides its texts."""

SAMPLED = TraceFlags(TraceFlags.SAMPLED)

Attributes = Mapping[str, Any]


class SpanBuilder:
    """Builds the spans of one sandbox; `with_records`: the log lines become span events."""

    def __init__(
        self,
        *,
        ids: Ids,
        sender: Sender,
        max_events: int = MAX_EVENTS,
        with_records: bool = True,
    ) -> None:
        self._ids = ids
        self._sender = sender
        self._max_events = max_events
        self._with_records = with_records
        self.resource = build_resource(sender)

    @staticmethod
    def size(span: ReadableSpan) -> int:
        """Estimate the bytes of a span on the wire from its texts."""
        texts = sum(text_size(event.attributes) for event in span.events)
        return SPAN_BYTES + texts + text_size(span.attributes) + SPAN_BYTES * len(span.events)

    def build(self, finished: Finished) -> list[ReadableSpan]:
        """Return the span of what is finished and its children."""
        match finished:
            case Invocation():
                return self._invocation(finished)
            case Overhead():
                return self._overhead(finished)
            case Initialization():
                return self._initialization(finished)
            case LooseRecords():
                return self._loose_records(finished)
            case CallSpan():
                return [self._call(finished.call, under=finished.context)]

    def _invocation(self, invocation: Invocation) -> list[ReadableSpan]:
        verdict = judge(invocation)
        span = self._span(
            invocation.context,
            name=self._sender.function_name or "invocation",
            kind=SpanKind.SERVER,
            start_ns=invocation.start_ns,
            end_ns=invocation.end_ns,
            attributes=self._invocation_attributes(invocation, verdict),
            events=self._events(
                invocation.records, dropped=invocation.dropped_records, error=invocation.error
            ),
            verdict=verdict,
        )
        phases = _phases(invocation.done, invocation.report)
        return [span, *self._children(invocation.context, phases)]

    def _invocation_attributes(self, invocation: Invocation, verdict: Verdict) -> Attributes:
        start, done = invocation.start, invocation.done
        arn = (start.function_arn if start else "") or invocation.invoked_arn
        known = [event for event in (start, done, invocation.report) if event]
        return {
            names.FAAS_INVOCATION_ID: invocation.request_id,
            names.FAAS_COLDSTART: invocation.cold_start,
            names.FAAS_TRIGGER: "other",
            names.FAAS_VERSION: start.version if start else "",
            names.CLOUD_RESOURCE_ID: _without_qualifier(arn),
            names.CLOUD_ACCOUNT_ID: self._sender.account_id,
            names.AWS_LAMBDA_INVOKED_ARN: invocation.invoked_arn,
            names.AWS_XRAY_TRACE_ID: invocation.context.xray_trace_id,
            names.STATUS: invocation.status,
            names.ERROR_TYPE: verdict.error_type,
            names.INFERRED_FROM_LOG: True if verdict.inferred else "",
            names.INCOMPLETE: True if invocation.incomplete else "",
            names.TENANT_ID: next((event.tenant_id for event in known if event.tenant_id), ""),
            names.SECRET_LEAKED: ",".join(invocation.leaks),
            **_cache_attributes(invocation.cache),
            names.DURATION_MS: done.duration_ms if done else None,
            names.PRODUCED_BYTES: done.produced_bytes if done else None,
        }

    def _overhead(self, overhead: Overhead) -> list[ReadableSpan]:
        report = overhead.report
        used_mb = report.max_memory_used_mb
        span = self._span(
            _child(overhead.context, self._ids),
            name="extension overhead",
            start_ns=overhead.start_ns,
            end_ns=overhead.end_ns,
            attributes={
                names.FAAS_INVOCATION_ID: overhead.request_id,
                names.BILLED_DURATION_MS: report.billed_duration_ms,
                names.MAX_MEMORY_USED: None if used_mb is None else used_mb * BYTES_PER_MIB,
                names.INIT_DURATION_MS: report.init_duration_ms,
                names.RESTORE_DURATION_MS: report.restore_duration_ms,
            },
            events=self._events(overhead.records),
        )
        return [span, *self._children(overhead.context, report.spans)]

    def _initialization(self, done: Initialization) -> list[ReadableSpan]:
        failed = done.status not in ("success", "")
        verdict = Verdict(failed=failed, error_type=(done.error_type or done.status) * failed)
        span = self._span(
            done.context,
            name=done.kind,
            start_ns=done.start_ns,
            end_ns=done.end_ns,
            attributes={
                names.INIT_TYPE: done.initialization_type,
                names.INIT_PHASE: done.phase,
                names.STATUS: done.status,
                names.ERROR_TYPE: verdict.error_type,
                names.AWS_XRAY_TRACE_ID: done.context.xray_trace_id,
            },
            events=self._events(done.records, dropped=done.dropped_records),
            verdict=verdict,
        )
        calls = [self._call(call, under=done.context) for call in done.calls]
        return [span, *self._children(done.context, done.spans), *calls]

    def _loose_records(self, loose: LooseRecords) -> list[ReadableSpan]:
        """Carry records whose span has left; without a request they get a trace of their own."""
        if not self._with_records:
            return []
        times = [record.time_ns for record in loose.records]
        return [
            self._span(
                self._below(loose.context),
                name="late logs",
                start_ns=min(times),
                end_ns=max(times),
                attributes={names.FAAS_INVOCATION_ID: loose.request_id},
                events=self._events(loose.records),
            )
        ]

    def _call(self, call: CacheCall, *, under: TraceContext | None) -> ReadableSpan:
        """Return a call of the cache to AWS; the entry is told by name, never its value."""
        verdict = Verdict(failed=bool(call.code), error_type=call.code, description=call.code)
        return self._span(
            self._below(under),
            name=call.operation,
            kind=SpanKind.CLIENT,
            start_ns=call.start_ns,
            end_ns=max(call.end_ns, call.start_ns),
            attributes={
                names.RPC_SYSTEM: "aws-api",
                names.RPC_SERVICE: call.service,
                names.RPC_METHOD: call.operation,
                names.AWS_REQUEST_ID: call.request_id,
                names.ENTRY: call.entry,
                names.ATTEMPTS: call.attempts,
                names.THROTTLES: call.throttles,
                names.ERROR_TYPE: call.code,
            },
            verdict=verdict,
        )

    def _below(self, parent: TraceContext | None) -> TraceContext:
        """Return a child's identity, or that of a trace of its own."""
        if parent:
            return _child(parent, self._ids)
        return TraceContext(trace_id=self._ids.trace_id(), span_id=self._ids.span_id())

    def _children(self, parent: TraceContext, phases: Iterable[PhaseSpan]) -> list[ReadableSpan]:
        return [
            self._span(
                _child(parent, self._ids),
                name=phase.name,
                start_ns=phase.start_ns,
                end_ns=phase.start_ns + round(phase.duration_ms * NS_PER_MS),
                attributes={},
            )
            for phase in phases
        ]

    def _events(
        self, records: Sequence[Record], *, dropped: int = 0, error: TimedError | None = None
    ) -> Sequence[SpanEvent]:
        """Return the exception first, which must not fall to the limit, then the lines."""
        events = [exception_event(error)] if error else []
        if self._with_records:
            events += [log_event(record) for record in records[: self._max_events]]
            dropped += max(len(records) - self._max_events, 0)
        bounded = BoundedList.from_seq(self._max_events + 1, events)
        bounded.dropped += dropped
        return bounded

    def _span(
        self,
        context: TraceContext,
        *,
        name: str,
        start_ns: int,
        end_ns: int,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
        events: Sequence[SpanEvent] = (),
        verdict: Verdict | None = None,
    ) -> ReadableSpan:
        failed = verdict is not None and verdict.failed
        code = StatusCode.ERROR if failed else StatusCode.UNSET
        return ReadableSpan(
            name=name,
            context=_span_context(context.trace_id, context.span_id),
            parent=_parent(context, is_remote=kind is SpanKind.SERVER),
            resource=self.resource,
            attributes={key: value for key, value in attributes.items() if value not in ("", None)},
            events=events,
            links=_links(context),
            kind=kind,
            status=Status(code, verdict.description if failed and verdict else None),
            start_time=start_ns,
            end_time=end_ns,
            instrumentation_scope=SCOPE,
        )


def _cache_attributes(use: CacheUse | None) -> Attributes:
    if use is None:
        return {}
    return {
        names.CACHE_HITS: use.hits,
        names.CACHE_MISSES: use.misses,
        names.CACHE_STALE: use.stale,
        names.CACHE_WAIT_MS: round(use.waited_s * 1000, 3),
    }


def _phases(*events: Any) -> list[PhaseSpan]:
    """Return the parts that the events tell, each once, for some come in both."""
    return list(dict.fromkeys(phase for event in events if event for phase in event.spans))


def _child(parent: TraceContext, ids: Ids) -> TraceContext:
    return TraceContext(
        trace_id=parent.trace_id, span_id=ids.span_id(), parent_span_id=parent.span_id
    )


def _span_context(trace_id: int, span_id: int, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=is_remote, trace_flags=SAMPLED)


def _parent(context: TraceContext, *, is_remote: bool) -> SpanContext | None:
    if not context.parent_span_id:
        return None
    return _span_context(context.trace_id, context.parent_span_id, is_remote=is_remote)


def _links(context: TraceContext) -> list[Link]:
    link = context.link
    return [Link(_span_context(link.trace_id, link.span_id, is_remote=True))] if link else []


def _without_qualifier(arn: str) -> str:
    """Return the function's ARN without version or alias, the eighth part."""
    return ":".join(arn.split(":")[:7])
