"""What is finished, to spans: which there are, and what each says.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-otel-spans.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.trace import SpanKind

from extension.process.clock import NS_PER_MS
from extension.process.ids import Ids
from extension.telemetry.assembly.cache_use import CacheCall, parse_traceparent
from extension.telemetry.assembly.finished import (
    CallSpan,
    Finished,
    Invocation,
    JoinedSpan,
    LooseRecords,
    Overhead,
    TimedError,
)
from extension.telemetry.assembly.held_records import FULL_SIZE, PartSize, in_parts
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.verdict import Verdict, judge, judge_initialization
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.requests import SpanWithLines
from extension.telemetry.otlp.span_attributes import (
    call_attributes,
    initialization_attributes,
    invocation_attributes,
    overhead_attributes,
    remote_attributes,
)
from extension.telemetry.otlp.span_contexts import below
from extension.telemetry.otlp.span_factory import SpanFactory
from extension.telemetry.reading.columns import Columns, in_columns
from extension.telemetry.reading.events import PhaseSpan, phases
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import SpanLink, TraceContext
from extension.telemetry.resource_identity import ResourceIdentity

MOST_LINKS = 128
"""OpenTelemetry's limit of a span's links."""


class SpanBuilder:
    """Builds the spans of one sandbox; `with_records`: the log lines become span events.

    Lines beyond the `part` that a span carries go into further ones, its children. `local`: what
    Application Signals wants to know of each service.
    """

    def __init__(
        self,
        *,
        ids: Ids,
        identity: ResourceIdentity,
        part: PartSize = FULL_SIZE,
        with_records: bool = True,
        repeat_exceptions: bool = False,
        limits: Limits | None = None,
        local: Mapping[str, Any] | None = None,
        health: Health | None = None,
    ) -> None:
        self._local = local
        self._ids = ids
        self._identity = identity
        self._part = part
        self._with_records = with_records
        self._factory = SpanFactory(
            with_records=with_records,
            repeat_exceptions=repeat_exceptions,
            limits=limits or Limits(),
            health=health or Health(),
        )

    def build(self, finished: Finished) -> list[SpanWithLines]:
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
            case JoinedSpan():
                return []  # encoded as the SDK wrote it

    def _invocation(self, invocation: Invocation) -> list[SpanWithLines]:
        verdict, tapped = judge(invocation), invocation.tapped
        if invocation.sdk and invocation.sdk.has_consumer:
            tapped = None  # that one processes the messages: there are no two
        by_source = tapped.span_name if tapped else ""
        span = self._factory.span(
            invocation.context,
            name=by_source or self._identity.function_name or "invocation",
            kind=SpanKind.CONSUMER if tapped and tapped.is_consumer else SpanKind.SERVER,
            start_ns=invocation.start_ns,
            end_ns=invocation.end_ns,
            attributes={
                **invocation_attributes(invocation, verdict, identity=self._identity),
                **self._signals("LOCAL_ROOT"),
            },
            events=self._factory.events(dropped=invocation.dropped_records, error=invocation.error),
            lines=invocation.records,
            verdict=verdict,
            has_remote_parent=True,
            more_links=_links(invocation),
        )
        parts = phases(invocation.done, invocation.report)
        return [span, *self._children(invocation.context, parts)]

    def _overhead(self, overhead: Overhead) -> list[SpanWithLines]:
        context = below(overhead.context, ids=self._ids)
        lines, *further = self._parts(overhead.records)
        span = self._factory.span(
            context,
            name="extension overhead",
            start_ns=overhead.start_ns,
            end_ns=overhead.end_ns,
            attributes=overhead_attributes(overhead),
            events=self._factory.events(dropped=overhead.dropped_records),
            lines=lines,
        )
        return [
            span,
            *self._further(further, under=context, request_id=overhead.request_id),
            *self._children(overhead.context, overhead.report.spans),
        ]

    def _initialization(self, done: Initialization) -> list[SpanWithLines]:
        verdict, left = judge_initialization(done), _left_init(done)
        lines, *further = self._parts(done.records)
        span = self._factory.span(
            done.context,
            name=done.kind,
            start_ns=done.start_ns,
            end_ns=done.end_ns,
            attributes=initialization_attributes(done, verdict),
            events=self._factory.events(dropped=done.dropped_records, error=left),
            lines=lines,
            verdict=verdict,
            has_remote_parent=True,
        )
        calls = [self._call(call, under=done.context) for call in done.calls]
        return [
            span,
            *self._further(further, under=done.context),
            *self._children(done.context, done.spans),
            *calls,
        ]

    def _loose_records(self, loose: LooseRecords) -> list[SpanWithLines]:
        """Carry records whose span has left; without a request they get a trace of their own."""
        if not self._with_records or not loose.records:
            return []
        context, request_id = loose.context, loose.request_id
        if loose.part:
            return self._further(
                [loose.records], under=context, request_id=request_id, number=loose.part
            )
        return [
            self._carrier("late logs", lines, under=context, request_id=request_id)
            for lines in self._parts(loose.records)
        ]

    def _further(
        self,
        parts: Iterable[Sequence[Record]],
        *,
        under: TraceContext | None,
        request_id: str = "",
        number: int = 2,
    ) -> list[SpanWithLines]:
        """Carry the lines beyond what the span itself does, in parts that are numbered."""
        return [
            self._carrier("more logs", lines, under=under, request_id=request_id, part=part)
            for part, lines in enumerate(parts, number)
        ]

    def _carrier(
        self,
        name: str,
        lines: Sequence[Record],
        *,
        under: TraceContext | None,
        request_id: str,
        part: int | None = None,
    ) -> SpanWithLines:
        times = in_columns(lines).times_ns
        return self._factory.span(
            below(under, ids=self._ids),
            name=name,
            start_ns=min(times),
            end_ns=max(times),
            attributes={names.FAAS_INVOCATION_ID: request_id, names.PART: part},
            lines=lines,
        )

    def _parts(self, records: Sequence[Record]) -> list[Columns]:
        """Return the lines that go into spans, by span."""
        return in_parts(records if self._with_records else (), self._part)

    def _call(self, call: CacheCall, *, under: TraceContext | None) -> SpanWithLines:
        """Return a call of the cache to AWS, under the span that waited for it."""
        verdict = Verdict(failed=bool(call.code), error_type=call.code, description=call.code)
        return self._factory.span(
            below(under, ids=self._ids),
            name=f"{call.service}.{call.operation}",
            kind=SpanKind.CLIENT,
            start_ns=call.start_ns,
            end_ns=max(call.end_ns, call.start_ns),
            attributes={
                **call_attributes(call, region=self._identity.region),
                **self._signals("CLIENT", call),
            },
            verdict=verdict,
            # A caller's own span, where its GET has named one.
            has_remote_parent=under is not None and parse_traceparent(call.traceparent) == under,
        )

    def _signals(self, kind: str, call: CacheCall | None = None) -> Mapping[str, Any]:
        """Return the attributes for Application Signals, where they are wanted."""
        if self._local is None:
            return {}
        return {**self._local, names.AWS_SPAN_KIND: kind, **remote_attributes(call)}

    def _children(self, parent: TraceContext, parts: Iterable[PhaseSpan]) -> list[SpanWithLines]:
        return [
            self._factory.span(
                below(parent, ids=self._ids),
                name=phase.name,
                start_ns=phase.start_ns,
                end_ns=phase.start_ns + round(phase.duration_ms * NS_PER_MS),
                attributes={},
            )
            for phase in parts
        ]


def _left_init(done: Initialization) -> TimedError | None:
    """Return what the runtime reported of an init that failed, in the log or to the tap."""
    line = done.report_of_failure
    by_line = TimedError(time_ns=line.time_ns, error=line.error) if line and line.error else None
    if done.reported is None:
        return by_line
    is_same = by_line is not None and by_line.error == done.reported
    return TimedError(time_ns=done.reported_ns, error=done.reported, has_record=is_same)


def _links(invocation: Invocation) -> Sequence[SpanLink]:
    """Return each link once: those by the event and those by the SDK name the same senders."""
    by_event = invocation.tapped.links(invocation.context) if invocation.tapped else ()
    links = dict.fromkeys([*by_event, *_links_by_sdk(invocation)])
    return [*links][:MOST_LINKS]


def _links_by_sdk(invocation: Invocation) -> Sequence[SpanLink]:
    if invocation.sdk is None:
        return ()
    from extension.telemetry.assembly.one_trace import links_of  # noqa: PLC0415  # with an SDK

    return links_of(invocation.sdk, ours=invocation.context)
