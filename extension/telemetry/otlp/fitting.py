"""Requests of any origin, made to fit what AWS's endpoints take, before they wait for export.

One item that is too large would be refused with all that travels with it: it is cut and counted.
One whose time or whose ids AWS will hardly take travels alone: our clock may be wrong after a
freeze, so AWS has the last word. What is too much for one request becomes several. A request that
fits, as nearly all do, stays as it is, byte by byte.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.process.clock import Clock
from extension.process.frozen import replace
from extension.telemetry.export.buffer import PendingItem, Signal
from extension.telemetry.export.request_limits import AWS, DAY_NS, HOUR_NS, UNLIMITED, Load
from extension.telemetry.health import Health
from extension.telemetry.otlp.shrink import leave_out, shrink
from extension.telemetry.otlp.stored_event import EVENT_BYTES, event_bytes, text_bound

MAX_SPAN_BYTES = 200_000
MAX_EVENT_BYTES = 1_000_000 - EVENT_BYTES
MAX_LABELS, MAX_LABELS_BYTES = 150, 40_000
MAX_RESOURCE_AND_SCOPE_BYTES = 16_000
MAX_SCOPE_BYTES = 8_000
MAX_AGE_NS = 14 * 24 * HOUR_NS - HOUR_NS
"""An hour less than AWS says: items wait, and the sandbox may be frozen meanwhile."""

MAX_AHEAD_NS = 2 * HOUR_NS
MAX_POINT_AHEAD_NS = HOUR_NS // 6
MAX_METRIC_BYTES = 900_000
"""Of one metric with some of its points; what is around it has a tenth of a request."""

MAX_METRIC_TEXT = 4_096
"""Characters of a metric's description."""

DATA = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8


class Leaf(NamedTuple):
    """A span, a log record, or a metric with some of its points, and the envelopes around it."""

    resource_group: Any
    scope_group: Any
    message: Any
    number: int
    times_ns: tuple[int, int] | tuple[()]


class Rules:
    """What holds for one signal; all of them change messages in place and return whether."""

    request: ClassVar[type[Any]]
    groups: ClassVar[str]
    scopes: ClassVar[str]
    items: ClassVar[str]
    ahead_ns: ClassVar[int] = MAX_AHEAD_NS

    def pairs(self, request: Any) -> Iterator[tuple[Any, Any]]:
        """Yield each scope's envelope with that of its resource."""
        for group in getattr(request, self.groups):
            for scoped in getattr(group, self.scopes):
                yield group, scoped

    def prepare(self, request: Any) -> int:
        """Change what would be wrong with any item; return how many were changed."""
        del request
        return 0

    def count(self, request: Any) -> int:
        """Return how many spans, records or metrics are in a request."""
        return sum(len(getattr(scoped, self.items)) for _, scoped in self.pairs(request))

    def leaves(self, request: Any) -> Iterator[Leaf]:
        """Yield what is in a request."""
        for group, scoped in self.pairs(request):
            for message in getattr(scoped, self.items):
                yield Leaf(group, scoped, message, 1, self.times_ns(message))

    def times_ns(self, message: Any) -> tuple[int, int] | tuple[()]:
        """Return the earliest and the latest time of an item."""
        raise NotImplementedError

    def is_valid(self, message: Any) -> bool:
        """Tell whether an item has the ids that it needs."""
        del message
        return True

    def may_be_large(self, body: bytes) -> bool:
        """Tell whether any item of a request can be too large: all of it says so in no time."""
        del body
        return True

    def cut(self, leaf: Leaf) -> int:
        """Make an item fit; return how many were cut."""
        raise NotImplementedError

    def weight(self, request: Any, body: bytes, count: int) -> int:
        """Return what a request counts for the weight that one may have."""
        del request, count
        return len(body)


class TraceRules(Rules):
    """X-Ray's."""

    request, groups, scopes, items = (
        ExportTraceServiceRequest,
        "resource_spans",
        "scope_spans",
        "spans",
    )

    def times_ns(self, message: Any) -> tuple[int, int]:
        """Return both ends, whichever comes first."""
        start_ns, end_ns = message.start_time_unix_nano, message.end_time_unix_nano
        return (start_ns, end_ns) if start_ns <= end_ns else (end_ns, start_ns)

    def is_valid(self, message: Any) -> bool:
        """Tell whether the span has both ids."""
        return (
            len(message.trace_id) == TRACE_ID_BYTES
            and len(message.span_id) == SPAN_ID_BYTES
            and any(message.trace_id)
            and any(message.span_id)
        )

    def may_be_large(self, body: bytes) -> bool:
        """Tell whether a span can be too large."""
        return len(body) > MAX_SPAN_BYTES

    def cut(self, leaf: Leaf) -> int:
        """Cut a span that is too large."""
        span = leaf.message
        if span.ByteSize() <= MAX_SPAN_BYTES:
            return 0
        shrink(span, limit=MAX_SPAN_BYTES, size=span.ByteSize)
        return 1


class LogRules(Rules):
    """Those of CloudWatch Logs."""

    request, groups, scopes, items = (
        ExportLogsServiceRequest,
        "resource_logs",
        "scope_logs",
        "log_records",
    )

    def prepare(self, request: Any) -> int:
        """Give records without a time that of their observation, as OpenTelemetry advises."""
        changed = 0
        for _, scoped in self.pairs(request):
            for record in scoped.log_records:
                if not record.time_unix_nano and record.observed_time_unix_nano:
                    record.time_unix_nano = record.observed_time_unix_nano
                    changed += 1
        return changed

    def times_ns(self, message: Any) -> tuple[int, int]:
        """Return the record's time, which the event gets."""
        return message.time_unix_nano, message.time_unix_nano

    def may_be_large(self, body: bytes) -> bool:
        """Tell whether an event can be too large."""
        return text_bound(body) > MAX_EVENT_BYTES

    def cut(self, leaf: Leaf) -> int:
        """Cut a record that is too large as an event."""
        record, scope, resource = leaf.message, leaf.scope_group.scope, leaf.resource_group.resource

        def size() -> int:
            return event_bytes(record, scope=scope, resource=resource)

        if size() <= MAX_EVENT_BYTES:
            return 0
        shrink(record, limit=MAX_EVENT_BYTES, size=size)
        return 1

    def weight(self, request: Any, body: bytes, count: int) -> int:
        """Return the bytes of all events at most: each repeats its scope and its resource."""
        repeated = sum(
            len(getattr(scoped, self.items))
            * (
                text_bound(group.resource.SerializeToString())
                + text_bound(scoped.scope.SerializeToString())
            )
            for group, scoped in self.pairs(request)
        )
        return text_bound(body) + repeated + count * EVENT_BYTES


class MetricRules(Rules):
    """CloudWatch's."""

    request, groups, scopes, items = (
        ExportMetricsServiceRequest,
        "resource_metrics",
        "scope_metrics",
        "metrics",
    )
    ahead_ns = MAX_POINT_AHEAD_NS

    def prepare(self, request: Any) -> int:
        """Cut the descriptions of metrics."""
        changed = 0
        for _, scoped in self.pairs(request):
            for metric in scoped.metrics:
                if len(metric.description) > MAX_METRIC_TEXT:
                    metric.description = metric.description[:MAX_METRIC_TEXT]
                    changed += 1
        return changed

    def leaves(self, request: Any) -> Iterator[Leaf]:
        """Yield the metrics, those of many points in parts."""
        for group, scoped in self.pairs(request):
            for metric in scoped.metrics:
                for part in _in_parts(metric):
                    points = points_of(part)
                    yield Leaf(group, scoped, part, len(points), self.times_ns(part))

    def times_ns(self, message: Any) -> tuple[int, int] | tuple[()]:
        """Return the earliest and the latest of the points' times."""
        times = [point.time_unix_nano for point in points_of(message)]
        return (min(times), max(times)) if times else ()

    def cut(self, leaf: Leaf) -> int:
        """Cut the labels of points: of the resource's, which all have, before their own."""
        shared, scope = leaf.resource_group.resource, leaf.scope_group.scope
        return sum(_cut_labels(point, shared, scope) for point in points_of(leaf.message))


RULES: Mapping[Signal, Rules] = {
    "traces": TraceRules(),
    "logs": LogRules(),
    "metrics": MetricRules(),
}


class Fitting:
    """Makes requests of some signals fit; what is cut is counted."""

    def __init__(self, signals: Container[Signal], *, health: Health, clock: Clock) -> None:
        self._signals = signals
        self._health = health
        self._clock = clock

    def load(self, signal: Signal) -> Load | None:
        """Return what bounds a request of a signal, None for one without such bounds."""
        return Load(AWS[signal]) if signal in self._signals else None

    def fit(self, item: PendingItem) -> Iterable[PendingItem]:
        """Return what an item becomes; what cannot be read stays as it is, and travels alone."""
        if item.signal not in self._signals:
            return (item,)
        rules = RULES[item.signal]
        try:
            request = rules.request.FromString(item.body)
        except DecodeError:
            return (_alone(item),)
        changed = rules.prepare(request) + self._cut_envelopes(rules, request)
        leaves = list(rules.leaves(request))
        cut = sum(map(rules.cut, leaves)) if rules.may_be_large(item.body) else 0
        if cut:
            self._health.cut["oversize"] += cut
        likely, unlikely = self._by_chance(rules, leaves)
        if not unlikely and len(leaves) == rules.count(request):
            body = request.SerializePartialToString() if cut or changed else item.body
            whole = _item(item.signal, rules, request, body, leaves)
            limits = AWS[item.signal]
            if len(leaves) == 1 or limits.hold(whole.weight, whole.count, whole.times_ns):
                return (whole,)
        alone = (_alone(each) for each in _in_requests(item.signal, rules, unlikely))
        return chain(_in_requests(item.signal, rules, likely), alone)

    def _by_chance(
        self, rules: Rules, leaves: Sequence[Leaf]
    ) -> tuple[Sequence[Leaf], Sequence[Leaf]]:
        """Return the items that AWS takes, and those that it would refuse with all others."""
        now_ns = self._clock.now().wall_ns
        oldest_ns, newest_ns = now_ns - MAX_AGE_NS, now_ns + rules.ahead_ns
        unlikely = [
            leaf
            for leaf in leaves
            if not rules.is_valid(leaf.message)
            or (
                leaf.times_ns
                and (
                    leaf.times_ns[0] < oldest_ns
                    or leaf.times_ns[1] > newest_ns
                    or leaf.times_ns[1] - leaf.times_ns[0] > DAY_NS
                )
            )
        ]
        if not unlikely:
            return leaves, ()
        left_out = {id(leaf) for leaf in unlikely}
        return [leaf for leaf in leaves if id(leaf) not in left_out], unlikely

    def _cut_envelopes(self, rules: Rules, request: Any) -> int:
        """Make each pair of resource and scope fit."""
        cut = 0
        for group, scoped in rules.pairs(request):
            resource, scope = group.resource, scoped.scope
            if scope.ByteSize() > MAX_SCOPE_BYTES:
                shrink(scope, limit=MAX_SCOPE_BYTES, size=scope.ByteSize)
                cut += 1
            room = MAX_RESOURCE_AND_SCOPE_BYTES - scope.ByteSize()
            if resource.ByteSize() > room:
                shrink(resource, limit=room, size=resource.ByteSize)
                cut += 1
        if cut:
            self._health.cut["oversize"] += cut
        return cut


def points_of(metric: Any) -> Any:
    """Return the points of a metric, whatever its kind."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def _alone(item: PendingItem) -> PendingItem:
    """Return an item that fills a request, whatever its size."""
    return replace(item, weight=UNLIMITED)


def _item(
    signal: Signal, rules: Rules, request: Any, body: bytes, leaves: Iterable[Leaf]
) -> PendingItem:
    count = sum(leaf.number for leaf in leaves)
    times = [time_ns for leaf in leaves for time_ns in leaf.times_ns]
    return PendingItem(
        signal=signal,
        body=body,
        count=count,
        weight=rules.weight(request, body, count),
        times_ns=(min(times), max(times)) if times else (),
    )


def _in_requests(signal: Signal, rules: Rules, leaves: Iterable[Leaf]) -> Iterator[PendingItem]:
    """Yield requests with these leaves, as many in each as AWS takes."""
    load, request = Load(AWS[signal]), rules.request()
    together: list[Leaf] = []
    for leaf in leaves:
        alone = rules.request()
        _put(rules, alone, leaf, after=None)
        encoded = alone.SerializePartialToString()
        item = _item(signal, rules, alone, encoded, [leaf])
        if not load.takes(item):
            yield _item(signal, rules, request, request.SerializePartialToString(), together)
            load, request, together = Load(AWS[signal]), rules.request(), []
            load.takes(item)
        _put(rules, request, leaf, after=together[-1] if together else None)
        together.append(leaf)
    if together:
        yield _item(signal, rules, request, request.SerializePartialToString(), together)


def _put(rules: Rules, request: Any, leaf: Leaf, *, after: Leaf | None) -> None:
    """Put a leaf at the end of a request, into the envelopes of the one before if these fit."""
    groups = getattr(request, rules.groups)
    is_same = after is not None and after.scope_group is leaf.scope_group
    if not is_same:
        group = groups.add()
        group.resource.CopyFrom(leaf.resource_group.resource)
        group.schema_url = leaf.resource_group.schema_url
        scoped = getattr(group, rules.scopes).add()
        scoped.scope.CopyFrom(leaf.scope_group.scope)
        scoped.schema_url = leaf.scope_group.schema_url
    scoped = getattr(groups[-1], rules.scopes)[-1]
    getattr(scoped, rules.items).add().CopyFrom(leaf.message)


def _in_parts(metric: Any) -> Iterator[Any]:
    """Yield a metric, in halves of its points where it has more than a request takes."""
    points = points_of(metric)
    is_small = len(points) <= AWS["metrics"].items and metric.ByteSize() <= MAX_METRIC_BYTES
    if is_small or len(points) < 2:
        yield metric
        return
    middle, kind = len(points) // 2, metric.WhichOneof("data")
    for gone in (slice(middle, None), slice(0, middle)):
        part = type(metric)()
        part.CopyFrom(metric)
        del getattr(part, kind).data_points[gone]
        yield from _in_parts(part)


def _scope_labels(scope: Any) -> int:
    return len(scope.attributes) + 2  # its name and version


def _cut_labels(point: Any, resource: Any, scope: Any) -> int:
    """Make the labels of one point fit, its own to half of what it may have if they are more."""

    def own() -> int:
        return _label_bytes(point.attributes)

    def all_of_them() -> int:
        named = len(scope.name.encode()) + len(scope.version.encode())
        return own() + _label_bytes(resource.attributes) + _label_bytes(scope.attributes) + named

    room = MAX_LABELS - _scope_labels(scope)
    if len(resource.attributes) + len(point.attributes) <= room and (
        all_of_them() <= MAX_LABELS_BYTES
    ):
        return 0
    leave_out(point, most=room // 2)
    leave_out(resource, most=room - len(point.attributes))
    if all_of_them() > MAX_LABELS_BYTES and own() > MAX_LABELS_BYTES // 2:
        shrink(point, limit=MAX_LABELS_BYTES // 2, size=own)
    if all_of_them() > MAX_LABELS_BYTES:
        shrink(resource, limit=MAX_LABELS_BYTES, size=all_of_them)
    return 1


def _label_bytes(pairs: Iterable[Any]) -> int:
    return sum(len(pair.key.encode()) + _value_bytes(pair.value) for pair in pairs)


def _value_bytes(value: Any) -> int:
    if value.HasField("string_value"):
        return len(value.string_value.encode())
    return text_bound(value.SerializeToString())
