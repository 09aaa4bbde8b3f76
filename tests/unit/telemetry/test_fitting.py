"""What is too much for AWS's endpoints, one byte below each limit and above it.

The simulator's endpoints judge what comes out: they refuse what is beyond a limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest as TraceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from extension.telemetry.export.buffer import Buffer, PendingItem, Signal
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.request_limits import UNLIMITED
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.aws_rules import (
    MAX_AHEAD_NS,
    MAX_EVENT_BYTES,
    MAX_POINT_AHEAD_NS,
    MAX_SPAN_BYTES,
)
from extension.telemetry.otlp.fitting import MAX_AGE_NS, MAX_RESOURCE_AND_SCOPE_BYTES, Fitting
from extension.telemetry.otlp.labels import MAX_LABELS, MAX_LABELS_BYTES
from extension.telemetry.otlp.stored_event import EVENT_BYTES, event_bytes, text_bound
from simulator.aws.endpoints import AwsEndpoints
from simulator.aws.endpoints.limits import EVENT_OVERHEAD_BYTES
from simulator.aws.endpoints.stored_event import stored_event
from tests.doubles import ManualClock
from tests.signed_exports import signed_exports
from tests.simulator.aws.messages import (
    DAY_NS,
    padded_to,
    point,
    points,
    record,
    records,
    span,
    spans,
)
from tests.simulator.aws.signed import NOW_NS

PLENTY = 1 << 30


class Scales:
    """A buffer in front of AWS: what is put into it, and what AWS makes of that."""

    def __init__(self, aws: AwsEndpoints) -> None:
        self.aws = aws
        self.health = Health()
        self.buffer = Buffer(
            max_bytes=PLENTY,
            dropped=self.health.dropped,
            fitting=Fitting(
                ("traces", "logs", "metrics"),
                health=self.health,
                clock=ManualClock(wall_ns=NOW_NS),
            ),
        )

    async def send(self, signal: Signal, *messages: Any) -> list[bytes]:
        """Put requests in and send what comes out; return the bodies, each of which AWS took."""
        sent = await self.try_to_send(signal, *messages)
        assert [outcome for _, outcome in sent if outcome.kind != "accepted" or outcome.said] == []
        return [body for body, _ in sent]

    async def try_to_send(self, signal: Signal, *messages: Any) -> list[tuple[bytes, Outcome]]:
        """Put requests in and send what comes out; return the bodies and what AWS says."""
        for each in messages:
            body = each if isinstance(each, bytes) else each.SerializeToString()
            self.buffer.add(PendingItem(signal=signal, body=body, count=0))
        sent = []
        async with signed_exports(self.aws, clock=ManualClock(wall_ns=NOW_NS)) as exports:
            exports.stream.use("sandbox")
            while batch := self.buffer.batch(signal, max_bytes=PLENTY):
                self.buffer.forget(batch)
                body = b"".join(entry.item.body for entry in batch)
                sent.append((body, await exports.send(signal, body)))
        return sent


@pytest.fixture
async def aws() -> AsyncIterator[AwsEndpoints]:
    """AWS in a Region without larger limits, whose clock stands still."""
    async with AwsEndpoints(region="eu-north-1", now_ns=lambda: NOW_NS) as aws:
        yield aws


@pytest.fixture
def scales(aws: AwsEndpoints) -> Scales:
    """What fits requests for it."""
    return Scales(aws)


def marks(message: Any) -> list[int]:
    """Return how large everything was that says that it was cut."""
    found: list[int] = []

    def look(at: Any) -> None:
        for field, value in at.ListFields():
            if field.name == "attributes":
                found.extend(each.value.int_value for each in value if each.key == names.CUT_FROM)
            if field.message_type is not None:
                for each in [value] if hasattr(value, "ListFields") else value:
                    look(each)

    look(message)
    return found


def taken(aws: AwsEndpoints) -> list[Any]:
    """Return the messages that AWS has accepted."""
    return [each.message for each in aws.accepted]


def event_size(message: Any) -> int:
    """Return the size of the only record of a request as an event."""
    [group] = message.resource_logs
    [scoped] = group.scope_logs
    [only] = scoped.log_records
    return event_bytes(only, scope=scoped.scope, resource=group.resource)


def label_size(message: Any) -> int:
    """Return the bytes of the labels of the only point of a request."""
    [group] = message.resource_metrics
    pairs = [
        *group.resource.attributes,
        *group.scope_metrics[0].metrics[0].sum.data_points[0].attributes,
    ]
    return sum(len(each.key) + len(each.value.string_value) for each in pairs)


def span_of(padding: int) -> Any:
    """Return a span."""
    return spans(span(padding=padding))


def span_size(message: Any) -> int:
    """Return the size of the only span."""
    return int(message.resource_spans[0].scope_spans[0].spans[0].ByteSize())


def record_of(padding: int) -> Any:
    """Return a record."""
    return records(record("x" * padding))


def spans_below(padding: int) -> Any:
    """Return a span below a resource."""
    return spans(span(), resource={"a": "x" * padding}, scope="scope")


def records_below(padding: int) -> Any:
    """Return a record below a resource."""
    return records(record(), resource={"a": "x" * padding})


def pair_size(message: Any) -> int:
    """Return the size of a resource with its scope."""
    [group] = message.ListFields()[0][1]
    scoped = group.ListFields()[1][1][0]
    return int(group.resource.ByteSize() + scoped.scope.ByteSize())


def point_of(padding: int) -> Any:
    """Return a point with a label."""
    return points([point({"a": "x" * padding})], resource={"service": "shop"})


def point_below(padding: int) -> Any:
    """Return a point with many labels below a resource."""
    labels = {f"label{number}": "x" * 300 for number in range(90)}
    return points([point(labels)], resource={"a": "x" * padding})


CASES: list[tuple[Signal, Callable[[int], Any], Callable[[Any], int], int]] = [
    ("traces", span_of, span_size, MAX_SPAN_BYTES),
    ("logs", record_of, event_size, MAX_EVENT_BYTES),
    ("traces", spans_below, pair_size, MAX_RESOURCE_AND_SCOPE_BYTES),
    ("logs", records_below, pair_size, MAX_RESOURCE_AND_SCOPE_BYTES),
    ("metrics", point_of, label_size, MAX_LABELS_BYTES),
    ("metrics", point_below, label_size, MAX_LABELS_BYTES),
]


@pytest.mark.parametrize(("signal", "build", "size", "limit"), CASES)
async def test_one_item(
    scales: Scales,
    signal: Signal,
    build: Callable[[int], Any],
    size: Callable[[Any], int],
    limit: int,
) -> None:
    """At its limit it stays as it is; a byte more, and it is cut, says so and is counted."""
    padding = padded_to(limit, build, of=size)
    fits = build(padding)
    assert await scales.send(signal, fits) == [fits.SerializeToString()]
    assert scales.health.cut == Counter()

    larger = build(padding + 1)
    await scales.send(signal, larger)
    _, cut = taken(scales.aws)
    assert size(cut) <= limit
    assert len(marks(cut)) == 1
    assert scales.health.cut == {"oversize": 1}
    assert scales.health.dropped == Counter()


async def test_what_travels_with_it_stays_as_it_is(scales: Scales) -> None:
    """Only the item that is too large changes; its text keeps both of its ends."""
    large = span(name="large")
    large.attributes.add(key="text").value.string_value = "begin" + "x" * 300_000 + "end"
    await scales.send("traces", spans(span(name="first"), large, span(name="last")))
    first, cut, last = scales.aws.spans
    assert (first.name, cut.name, last.name) == ("first", "large", "last")
    text = str(cut.attributes["text"])
    assert text.startswith("begin")
    assert text.endswith("end")
    assert "characters cut" in text
    assert len(text) > MAX_SPAN_BYTES * 0.7
    assert int(str(cut.attributes[names.CUT_FROM])) > 300_000


async def test_a_span_of_many_small_parts_loses_the_last(scales: Scales) -> None:
    """Where no text is long, events go first, and OpenTelemetry's own counters tell."""
    many = span()
    for number in range(20_000):
        many.events.add(name=f"e{number}", time_unix_nano=NOW_NS)
    many.attributes.add(key="kept").value.bool_value = True
    await scales.send("traces", spans(many))
    [message] = taken(scales.aws)
    [cut] = message.resource_spans[0].scope_spans[0].spans
    assert cut.events[0].name == "e0"
    assert len(cut.events) + cut.dropped_events_count == 20_000
    assert cut.attributes[0].key == "kept"


async def test_a_record_of_many_small_parts(scales: Scales) -> None:
    """A body without a long text is left out before the record is lost."""
    numbers = [AnyValue(int_value=-(2**63))] * 50_000
    many = record()
    many.body.array_value.CopyFrom(ArrayValue(values=numbers))
    await scales.send("logs", records(many, record("beside")))
    assert [str(each.body) for each in scales.aws.logs][1] == "beside"


async def test_labels(scales: Scales) -> None:
    """150 labels stay; of 151 the resource loses some: all points have these."""

    def build(shared: int, own: int) -> Any:
        return points(
            [point({f"own{number}": "1" for number in range(own)})],
            resource={f"shared{number}": "1" for number in range(shared)},
        )

    fits = build(MAX_LABELS - 2 - 10, 10)
    assert await scales.send("metrics", fits) == [fits.SerializeToString()]
    await scales.send("metrics", build(MAX_LABELS - 2 - 9, 10))
    await scales.send("metrics", build(200, 200))
    _, cut, both = taken(scales.aws)
    own = [
        len(each.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].attributes)
        for each in (cut, both)
    ]
    assert own == [10, (MAX_LABELS - 2) // 2]
    assert [len(marks(each)) for each in (cut, both)] == [1, 2]


def many(signal: Signal, number: int) -> Any:
    """Return a request of so many items."""
    match signal:
        case "traces":
            return spans(*[span()] * number)
        case "logs":
            return records(*[record("")] * number)
    return points([point()] * number)


@pytest.mark.parametrize(
    ("signal", "most"), [("traces", 10_000), ("logs", 2_000), ("metrics", 1000)]
)
async def test_items_of_a_request(scales: Scales, signal: Signal, most: int) -> None:
    """As many as AWS takes are one request, together or alone; one more begins another."""
    assert len(await scales.send(signal, many(signal, most))) == 1
    assert len(await scales.send(signal, many(signal, most), many(signal, 1))) <= 2
    if signal != "logs":
        assert len(await scales.send(signal, many(signal, most + 1))) == 2
    assert scales.health.cut == scales.health.dropped == Counter()


async def test_bytes_of_a_request_of_logs(scales: Scales) -> None:
    """Each event counts its resource: records that are small on the wire are many requests."""
    resource = {"large": "x" * 10_000}
    bodies = await scales.send("logs", records(*[record()] * 1000, resource=resource))
    assert len(bodies) >= 11
    assert len(scales.aws.logs) == 1000


async def test_bytes_of_a_request_of_points(scales: Scales) -> None:
    """Points with long labels are split by their bytes, whatever their number."""
    large = [point({"a": "x" * 30_000, "b": str(number)}) for number in range(100)]
    await scales.send("metrics", points(large, description="y" * 2_000_000))
    assert sum(each.point_count for each in scales.aws.accepted) == 100


async def test_the_description_of_a_metric(scales: Scales) -> None:
    """It is cut where it alone would be too much for a request."""
    await scales.send("metrics", points([point()], description="y" * 2_000_000))
    [message] = taken(scales.aws)
    assert len(message.resource_metrics[0].scope_metrics[0].metrics[0].description) == 4096


async def test_bytes_of_a_request_of_spans(scales: Scales) -> None:
    """Spans beyond five megabytes go into further requests."""
    bodies = await scales.send("traces", *[span_of(190_000)] * 30)
    assert len(bodies) == 2
    assert all(len(body) <= 5_000_000 for body in bodies)


TIMES: list[tuple[Signal, Callable[..., Any], int]] = [
    ("traces", lambda at_ns: spans(span(at_ns=at_ns)), MAX_AHEAD_NS),
    ("logs", lambda at_ns: records(record(at_ns=at_ns)), MAX_AHEAD_NS),
    ("metrics", lambda at_ns: points([point(at_ns=at_ns)]), MAX_POINT_AHEAD_NS),
]


@pytest.mark.parametrize(("signal", "build", "ahead_ns"), TIMES)
async def test_age(
    scales: Scales, signal: Signal, build: Callable[..., Any], ahead_ns: int
) -> None:
    """What is too old or too far ahead travels alone: AWS refuses it, and takes all others."""
    inside = [build(NOW_NS - MAX_AGE_NS), build(NOW_NS + ahead_ns)]
    assert len(await scales.send(signal, *inside)) == (1 if signal == "metrics" else 2)
    outside = [build(NOW_NS - 15 * DAY_NS), build(NOW_NS + ahead_ns + 1)]
    sent = await scales.try_to_send(signal, build(NOW_NS), outside[0], build(NOW_NS), outside[1])
    is_whole = [outcome.kind == "accepted" and not outcome.said for _, outcome in sent]
    assert is_whole == [True, False, True, False]
    together = b"".join(each.SerializeToString() for each in (build(NOW_NS), outside[0]))
    sent = await scales.try_to_send(signal, together)
    assert [outcome.kind == "accepted" and not outcome.said for _, outcome in sent] == [True, False]


@pytest.mark.parametrize(("signal", "build"), [each[:2] for each in TIMES[:2]])
async def test_spread(scales: Scales, signal: Signal, build: Callable[..., Any]) -> None:
    """Items a day apart are one request; a nanosecond more, and they are two."""
    early, late = build(NOW_NS - DAY_NS), build(NOW_NS + 1)
    assert len(await scales.send(signal, early, build(NOW_NS))) == 1
    assert len(await scales.send(signal, early, late)) == 2
    together = early.SerializeToString() + late.SerializeToString()
    assert len(await scales.send(signal, together)) == 2


async def test_a_span_of_more_than_a_day(scales: Scales) -> None:
    """No request could hold it: it is refused alone."""
    longest = span(at_ns=NOW_NS - DAY_NS, end_ns=NOW_NS)
    longer = span(at_ns=NOW_NS - DAY_NS - 1, end_ns=NOW_NS)
    sent = await scales.try_to_send("traces", spans(longer, longest))
    assert [outcome.kind for _, outcome in sent] == ["accepted", "rejected"]
    assert len(scales.aws.spans) == 1


async def test_a_span_without_ids_is_refused_alone(scales: Scales) -> None:
    """X-Ray would refuse all that travels with it."""
    broken, short = span(name="broken"), span(name="short")
    broken.trace_id, short.span_id = bytes(16), b"1234"
    sent = await scales.try_to_send("traces", spans(broken, span(name="good"), short))
    assert [outcome.kind for _, outcome in sent] == ["accepted", "rejected"]
    assert [each.name for each in scales.aws.spans] == ["good"]


async def test_a_record_without_a_time_gets_that_of_its_observation(scales: Scales) -> None:
    """Some SDKs set only that one, and the time of an event in 1970 would be refused."""
    observed = record(at_ns=0)
    observed.observed_time_unix_nano = NOW_NS
    await scales.send("logs", records(observed))
    [arrived] = scales.aws.logs
    assert arrived.time_ns == NOW_NS


def test_what_cannot_be_read_stays_as_it_is_and_travels_alone(scales: Scales) -> None:
    """AWS would refuse it with all that is in the same request."""
    unreadable, readable = b"\xff", spans(span()).SerializeToString()
    for body in (unreadable, readable, readable, unreadable):
        scales.buffer.add(PendingItem(signal="traces", body=body))
    batches = []
    while batch := scales.buffer.batch("traces", max_bytes=PLENTY):
        scales.buffer.forget(batch)
        batches.append([entry.item.body for entry in batch])
    assert batches == [[unreadable], [readable, readable], [unreadable]]


async def test_nothing_travels_with_what_fills_a_request(scales: Scales) -> None:
    """A record that is a whole request by itself leaves no room for the next one."""
    large = record_of(padded_to(MAX_EVENT_BYTES, record_of, of=event_size))
    assert len(await scales.send("logs", large, records(record("small")), large)) == 3


def test_other_signals_stay_as_they_are() -> None:
    """Those that go elsewhere have no limits of AWS's."""
    fitting = Fitting(("logs",), health=Health(), clock=ManualClock())
    item = PendingItem(signal="traces", body=span_of(300_000).SerializeToString())
    assert list(fitting.fit(item)) == [item]
    assert fitting.load("traces") is None


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(), st.binary()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def any_value(value: Any) -> AnyValue:
    """Return a value of OTLP."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    pairs = [KeyValue(key=key, value=any_value(each)) for key, each in value.items()]
    return AnyValue(kvlist_value=KeyValueList(values=pairs))


@settings(max_examples=30, deadline=None)
@given(value=VALUES)
def test_no_event_is_larger_than_it_is_taken_for(value: Any) -> None:
    """The bound that looks at no field holds for everything that can be in one."""
    body = any_value(value)
    event = stored_event(LogRecord(body=body), scope=InstrumentationScope(), resource=Resource())
    assert len(event) + EVENT_OVERHEAD_BYTES <= text_bound(body.SerializeToString()) + EVENT_BYTES


def fit(signal: Signal, message: Any, *, health: Health | None = None) -> list[PendingItem]:
    """Return what a request becomes."""
    fitting = Fitting((signal,), health=health or Health(), clock=ManualClock(wall_ns=NOW_NS))
    return list(fitting.fit(PendingItem(signal=signal, body=message.SerializeToString(), count=0)))


def test_each_envelope_is_cut_once_for_all_below_it() -> None:
    """A scope to its half, a resource to what the scope leaves; both are counted."""
    health = Health()
    request = spans(span(), span(), resource={"a": "x" * 20_000}, scope="s" * 9_000)
    [item] = fit("traces", request, health=health)
    [group] = TraceRequest.FromString(item.body).resource_spans
    [scoped] = group.scope_spans
    assert scoped.scope.ByteSize() <= 8_000
    assert group.resource.ByteSize() <= 16_000 - scoped.scope.ByteSize()
    assert len(scoped.spans) == 2
    assert health.cut == {"oversize": 2}


@pytest.mark.parametrize(("more", "cut"), [(0, 0), (1, 1)])
def test_a_scope_of_eight_thousand_bytes(more: int, cut: int) -> None:
    """It stays as it is; one byte more, and it is cut."""
    padding = padded_to(8_000, lambda size: spans(span(), scope="s" * size), of=scope_size)
    request = spans(span(), scope="s" * (padding + more))
    health = Health()
    [item] = fit("traces", request, health=health)
    assert health.cut["oversize"] == cut
    assert (item.body == request.SerializeToString()) is not bool(cut)


def scope_size(message: Any) -> int:
    """Return the size of the only scope."""
    return int(message.resource_spans[0].scope_spans[0].scope.ByteSize())


def test_a_request_that_fits_says_what_it_holds() -> None:
    """How many items, when they were, and what they weigh."""
    request = spans(span(at_ns=NOW_NS - 5), span(at_ns=NOW_NS - 9))
    [item] = fit("traces", request)
    assert item.body == request.SerializeToString()
    assert (item.count, item.weight) == (2, len(item.body))
    assert item.times_ns[0] == NOW_NS - 9
    [empty] = fit("traces", TraceRequest())
    assert (empty.count, empty.times_ns) == (0, ())


def test_what_is_taken_apart_keeps_its_envelopes() -> None:
    """Items of one scope stay together, those of two do not."""
    first = spans(span(name="a"), span(name="b"), resource={"r": "1"}, scope="one")
    second = spans(span(name="c"), resource={"r": "2"}, scope="two")
    broken = span(name="broken")
    broken.span_id = b""
    third = spans(broken, resource={"r": "3"})
    request = TraceRequest()
    for each in (first, second, third):
        request.MergeFrom(each)
        request.resource_spans[-1].schema_url = "of resource"
        request.resource_spans[-1].scope_spans[0].schema_url = "of scope"
    likely, alone = fit("traces", request)
    groups = TraceRequest.FromString(likely.body).resource_spans
    assert [
        (group.resource.attributes[0].value.string_value, scoped.scope.name,
         [each.name for each in scoped.spans])
        for group in groups for scoped in group.scope_spans
    ] == [("1", "one", ["a", "b"]), ("2", "two", ["c"])]  # fmt: skip
    assert all(group.schema_url == "of resource" for group in groups)
    assert all(group.scope_spans[0].schema_url == "of scope" for group in groups)
    assert (likely.count, alone.count) == (3, 1)
    [group] = TraceRequest.FromString(alone.body).resource_spans
    assert group.scope_spans[0].spans[0].name == "broken"


@pytest.mark.parametrize(
    ("before_ns", "after_ns", "is_alone"),
    [
        (MAX_AGE_NS, 0, False),
        (MAX_AGE_NS + 1, 0, True),
        (0, MAX_AHEAD_NS, False),
        (0, MAX_AHEAD_NS + 1, True),
    ],
)
def test_times_that_aws_takes(before_ns: int, after_ns: int, is_alone: bool) -> None:
    """Up to the limits and at them; what is beyond travels alone."""
    request = spans(span(at_ns=NOW_NS - before_ns + after_ns, end_ns=NOW_NS - before_ns + after_ns))
    [item] = fit("traces", request)
    assert (item.weight == UNLIMITED) is is_alone


def test_a_span_of_a_day_is_likely_to_be_taken() -> None:
    """One that is longer is not."""
    for more_ns, is_alone in ((0, False), (1, True)):
        request = spans(span(at_ns=NOW_NS - DAY_NS - more_ns, end_ns=NOW_NS))
        [item] = fit("traces", request)
        assert (item.weight == UNLIMITED) is is_alone


@pytest.mark.parametrize(
    ("start_ns", "end_ns"),
    [
        (NOW_NS - MAX_AGE_NS - 1, NOW_NS - MAX_AGE_NS + 1),
        (NOW_NS + MAX_AHEAD_NS - 1, NOW_NS + MAX_AHEAD_NS + 1),
    ],
)
def test_both_ends_of_a_span_are_within_the_times(start_ns: int, end_ns: int) -> None:
    """One that reaches beyond them travels alone."""
    [item] = fit("traces", spans(span(at_ns=start_ns, end_ns=end_ns)))
    assert item.weight == UNLIMITED
