"""The whole page as values: figures of the header, the run on one axis, a card for each trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from layer.commands import counted
from simulator.report.axis import Axis, Stretch, axis_around, duration
from simulator.report.cards import Card, build_card
from simulator.report.moments import Moment, get_moment
from simulator.report.spans import Kind, failure_of, kind_of
from simulator.report.traces import cache_use, in_order, invocations_of, numbered, traces_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from simulator.intake.otlp import LogRecord, Span
    from simulator.report.cache_tap import CacheGet

_NS_PER_S = 1_000_000_000
_BYTES_PER_MIB = 1_048_576
_DIGIT_WIDTH = 0.65  # percent of the page: nearer labels would cover each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run has left.

    Attributes:
        payloads: The event of each invocation by request id.
        folders: Folders of this machine, and what the page calls them instead.
    """

    spans: Sequence[Span]
    logs: Sequence[LogRecord] = ()
    gets: Sequence[CacheGet] = ()
    payloads: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """One figure of the header."""

    label: str
    count: int
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One init, restore or invocation on the axis of the whole run."""

    bar: Stretch
    kind: Kind
    failed: bool
    trace_id: str
    title: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the template shows."""

    function: str
    facts: Sequence[str]
    totals: Sequence[Total]
    axis: Axis
    segments: Sequence[Segment]
    gets: Sequence[Moment]
    cards: Sequence[Card]


def build_page(run: Run) -> Page | None:
    """Lay out a run; None when no span has arrived."""
    spans = in_order(run.spans)
    if not spans:
        return None
    axis = axis_around(spans)
    traces = traces_of(spans, logs=run.logs, gets=run.gets)
    cards = [build_card(trace, payloads=run.payloads) for trace in traces]
    return Page(
        function=str(spans[0].resource.get("faas.name", "function")),
        facts=list(_facts(spans, axis=axis)),
        totals=_totals(spans, gets=run.gets),
        axis=axis,
        segments=list(_segments(spans, axis=axis)),
        gets=[get_moment(get, axis=axis) for get in run.gets],
        cards=cards,
    )


def _facts(spans: Sequence[Span], *, axis: Axis) -> Iterator[str]:
    resource = spans[0].resource
    began = datetime.fromtimestamp(axis.start_ns // _NS_PER_S, UTC)
    yield f"{began:%Y-%m-%d %H:%M:%S} UTC"
    yield f"{duration(axis.total_ns)} from first to last"
    memory_bytes = resource.get("faas.max_memory")
    if isinstance(memory_bytes, int):
        yield f"{memory_bytes // _BYTES_PER_MIB} MB"
    if "cloud.region" in resource:
        yield str(resource["cloud.region"])
    traces = len({span.trace_id for span in spans})
    yield f"{counted(len(spans), 'span')} in {counted(traces, 'trace')}"


def _totals(spans: Sequence[Span], *, gets: Sequence[CacheGet]) -> list[Total]:
    invocations = invocations_of(spans)
    failed = [span for span in invocations if failure_of(span)]
    timeouts = sum(span.attributes.get("error.type") == "timeout" for span in failed)
    cold = sum(span.attributes.get("faas.coldstart") is True for span in invocations)
    cache = cache_use(invocations, gets=gets)
    return [
        Total(label="invocations", count=len(invocations)),
        Total(label="cold starts", count=cold, tone="init"),
        Total(label="errors", count=len(failed) - timeouts, tone="error"),
        Total(label="timeouts", count=timeouts, tone="error"),
        Total(label="cache hits", count=cache.hits, tone="hit"),
        Total(label="cache misses", count=cache.misses, tone="miss"),
        Total(label="AWS calls", count=sum(kind_of(span) == "aws" for span in spans), tone="aws"),
    ]


def _segments(spans: Sequence[Span], *, axis: Axis) -> Iterator[Segment]:
    numbers = numbered(spans)
    free_from = -100.0
    for span in spans:
        kind = kind_of(span)
        if kind not in ("init", "invocation"):
            continue
        bar = axis.stretch(span.start_ns, span.end_ns)
        number = str(numbers.get(span.span_id, ""))
        half, middle = (len(number) + 0.5) * _DIGIT_WIDTH / 2, bar.left + bar.width / 2
        shows_label = bool(number) and middle - half >= free_from
        free_from = middle + half if shows_label else free_from
        parts = f"{span.name}, {duration(span.end_ns - span.start_ns)}", failure_of(span)
        yield Segment(
            bar=bar,
            kind=kind,
            failed=bool(failure_of(span)),
            trace_id=span.trace_id,
            title=", ".join(filter(None, parts)),
            label=number if shows_label else "",
        )
