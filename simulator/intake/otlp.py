"""What OTLP carries, as frozen values that a test can compare and a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Attributes = dict[str, object]
MetricType = Literal["histogram", "sum", "gauge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A span event; the time is Unix wall time."""

    name: str
    time_ns: int
    attributes: Attributes
    dropped_attributes_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A span link; ids in lower-case hex."""

    trace_id: str
    span_id: str
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span with its resource; ids in lower-case hex, `parent_span_id` empty for a root."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    attributes: Attributes
    events: tuple[Event, ...]
    links: tuple[Link, ...]
    resource: Attributes
    scope: str
    trace_state: str = ""
    flags: int = 0
    dropped_attributes_count: int = 0
    dropped_events_count: int = 0
    dropped_links_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """A log record with its resource; the ids are empty when it belongs to no span."""

    time_ns: int
    observed_time_ns: int
    severity_number: int
    severity_text: str
    body: object
    attributes: Attributes
    trace_id: str
    span_id: str
    event_name: str
    resource: Attributes
    scope: str
    flags: int = 0
    dropped_attributes_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One data point: `value` of a sum or gauge; count, sum and buckets of a histogram."""

    start_ns: int
    time_ns: int
    attributes: Attributes
    value: float | None = None
    count: int | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bounds: tuple[float, ...] = ()
    bucket_counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric with its resource; a gauge has neither temporality nor monotonicity."""

    name: str
    unit: str
    description: str
    type: MetricType
    temporality: str
    monotonic: bool
    points: tuple[Point, ...]
    resource: Attributes
    scope: str
