"""What belongs together: the spans of each trace, and the log records and GETs of its time."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from simulator.intake.otlp import LogRecord, Span
    from simulator.report.cache_tap import CacheGet


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One trace; `numbers` are those of its invocations in the run."""

    numbers: Sequence[int]
    spans: Sequence[Span]
    logs: Sequence[LogRecord]
    gets: Sequence[CacheGet]

    @property
    def invocations(self) -> list[Span]:
        """The spans of its invocations; a caller may give several the same trace."""
        return invocations_of(self.spans)


def invocations_of(spans: Iterable[Span]) -> list[Span]:
    """The spans that are invocations."""
    return [span for span in spans if span.kind == "SERVER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """How many GETs were answered from the cache, and how many were not."""

    hits: int
    misses: int


def cache_use(invocations: Iterable[Span], *, gets: Sequence[CacheGet]) -> CacheUse:
    """By the GETs where they were noted, else by what the extension has counted."""
    if gets:
        hits = sum(get.result in ("HIT", "STALE") for get in gets)
        return CacheUse(hits=hits, misses=len(gets) - hits)
    counts = {"hits": 0, "stale": 0, "misses": 0}
    for span in invocations:
        for name in counts:
            count = span.attributes.get(f"lambda_dispatch.cache.{name}")
            counts[name] += count if isinstance(count, int) else 0
    return CacheUse(hits=counts["hits"] + counts["stale"], misses=counts["misses"])


def numbered(spans: Iterable[Span]) -> dict[str, int]:
    """The number of each invocation in the run, by the id of its span."""
    invocations = invocations_of(in_order(spans))
    return {span.span_id: number for number, span in enumerate(invocations, start=1)}


def in_order(spans: Iterable[Span]) -> list[Span]:
    """Spans by their start, the longer one first."""
    return sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))


def traces_of(
    spans: Iterable[Span], *, logs: Iterable[LogRecord], gets: Iterable[CacheGet]
) -> Iterator[Trace]:
    """The traces by their start.

    A GET carries no trace id, nor does every log record: they belong to the trace that began last.
    """
    groups: dict[str, list[Span]] = defaultdict(list)
    for span in in_order(spans):
        groups[span.trace_id].append(span)
    ids, starts = list(groups), [group[0].start_ns for group in groups.values()]

    def latest(time_ns: int) -> str:
        return ids[max(bisect_right(starts, time_ns) - 1, 0)]

    logs_of: dict[str, list[LogRecord]] = defaultdict(list)
    for log in logs:
        logs_of[log.trace_id if log.trace_id in groups else latest(log.time_ns)].append(log)
    gets_of: dict[str, list[CacheGet]] = defaultdict(list)
    for get in gets:
        gets_of[latest(get.start_ns)].append(get)
    numbers = numbered(span for group in groups.values() for span in group)
    for trace_id, group in groups.items():
        yield Trace(
            numbers=[numbers[span.span_id] for span in invocations_of(group)],
            spans=group,
            logs=logs_of[trace_id],
            gets=gets_of[trace_id],
        )
