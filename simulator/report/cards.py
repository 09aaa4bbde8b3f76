"""One card for each trace: its spans as rows over one axis, its moments, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.report.axis import Axis, Stretch, axis_around, duration
from simulator.report.moments import Moment, as_fields, event_moment, get_moment, record_moment
from simulator.report.spans import attribute, facts_of, failure_of, kind_of, verdict_of
from simulator.report.traces import cache_use

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from simulator.intake.otlp import LogRecord, Span
    from simulator.report.moments import Fields
    from simulator.report.spans import Kind
    from simulator.report.traces import Trace

GETS = "GETs of the cache"

_LONGEST_TITLE = 160  # characters: an event may be a megabyte


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One span, or the GETs of the cache, which have marks but no bar."""

    name: str
    kind: Kind
    depth: int
    bar: Stretch | None = None
    took: str = ""
    span_id: str = ""
    failure: str = ""
    marks: tuple[Moment, ...] = ()
    fields: Fields = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One trace.

    Attributes:
        number: That of its invocation in the run; several may share a trace.
        leaked: The secrets that lambda-dispatch had to take out of log lines.
        cache: Count, word and tone of the GETs that hit and that missed.
    """

    trace_id: str
    number: str
    title: str
    verdict: str
    failed: bool
    cold: bool
    leaked: str
    cache: tuple[tuple[int, str, str], ...]
    facts: tuple[str, ...]
    took: str
    axis: Axis
    rows: tuple[Row, ...]
    moments: tuple[Moment, ...]


def build_card(trace: Trace, *, payloads: Mapping[str, str]) -> Card:
    """Lay out a trace; `payloads` by request id."""
    axis = axis_around(trace.spans)
    logs = {
        span.span_id: tuple(_moments_of(span, logs=trace.logs, axis=axis)) for span in trace.spans
    }
    loose = [record_moment(log, axis=axis) for log in trace.logs if log.span_id not in logs]
    gets = tuple(get_moment(get, axis=axis) for get in trace.gets)
    parts = [*(moment for moments in logs.values() for moment in moments), *loose, *gets]
    invocations = trace.invocations
    deciding = invocations or trace.spans[:1]
    return Card(
        trace_id=trace.spans[0].trace_id,
        number=_numbers(trace.numbers),
        title=_each(_payload(span, payloads) for span in deciding),
        verdict=_each(verdict_of(span) for span in deciding),
        failed=any(failure_of(span) for span in deciding),
        cold=any(span.attributes.get("faas.coldstart") is True for span in invocations),
        leaked=_each(filter(None, (attribute(span, "secret.leaked") for span in trace.spans))),
        cache=tuple(_cache(trace)),
        facts=tuple(facts_of(trace.spans)) if len(invocations) == 1 else (),
        took=duration(axis.total_ns),
        axis=axis,
        rows=tuple(_rows(trace.spans, marks=logs, gets=gets, axis=axis)),
        moments=tuple(sorted(parts, key=_by_time)),
    )


def _rows(
    spans: Sequence[Span],
    *,
    marks: Mapping[str, tuple[Moment, ...]],
    gets: tuple[Moment, ...],
    axis: Axis,
) -> Iterator[Row]:
    """Parents before children; the GETs are below the first invocation."""
    pending = gets
    for span, depth in _walk(spans):
        yield Row(
            name=span.name,
            kind=kind_of(span),
            depth=depth,
            bar=axis.stretch(span.start_ns, span.end_ns),
            took=duration(span.end_ns - span.start_ns),
            span_id=span.span_id,
            failure=failure_of(span),
            marks=marks[span.span_id],
            fields=as_fields(span.attributes),
        )
        if pending and span.kind == "SERVER":
            yield Row(name=GETS, kind="cache", depth=depth + 1, marks=pending)
            pending = ()
    if pending:
        yield Row(name=GETS, kind="cache", depth=0, marks=pending)


def _walk(spans: Sequence[Span]) -> Iterator[tuple[Span, int]]:
    """Parents before children, siblings by time, with their depth in the tree."""
    ids = {span.span_id for span in spans}

    def beneath(parent_id: str, depth: int) -> Iterator[tuple[Span, int]]:
        for span in spans:
            if span.parent_span_id == parent_id:
                yield span, depth
                yield from beneath(span.span_id, depth + 1)

    for span in spans:
        if span.parent_span_id not in ids:
            yield span, 0
            yield from beneath(span.span_id, 1)


def _moments_of(span: Span, *, logs: Sequence[LogRecord], axis: Axis) -> Iterator[Moment]:
    yield from (event_moment(event, axis=axis) for event in span.events)
    yield from (record_moment(log, axis=axis) for log in logs if log.span_id == span.span_id)


def _numbers(numbers: Sequence[int]) -> str:
    if len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}–{numbers[-1]}"
    return ", ".join(map(str, numbers))


def _each(parts: Iterable[str]) -> str:
    """The parts of several invocations, the same only once."""
    return ", ".join(dict.fromkeys(parts))


def _payload(span: Span, payloads: Mapping[str, str]) -> str:
    payload = payloads.get(attribute(span, "faas.invocation_id"), span.name)
    return payload if len(payload) <= _LONGEST_TITLE else payload[:_LONGEST_TITLE] + "…"


def _cache(trace: Trace) -> Iterator[tuple[int, str, str]]:
    use = cache_use(trace.invocations, gets=trace.gets)
    yield use.hits, "hit" if use.hits == 1 else "hits", "hit"
    yield use.misses, "miss" if use.misses == 1 else "misses", "miss"


def _by_time(moment: Moment) -> tuple[int, bool]:
    """Within a millisecond the order is unknown, but what is raised ends an invocation."""
    return moment.time_ns, moment.tag == "EXCEPTION"
