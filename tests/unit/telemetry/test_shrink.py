"""A message that is too large: its longest texts are cut first, then parts are left out."""

from __future__ import annotations

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.shrink import leave_out, shrink


def attribute(key: str, value: str | int) -> KeyValue:
    """Return an attribute of OTLP."""
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def numbers(count: int) -> list[KeyValue]:
    """Return attributes without a text."""
    return [attribute(f"n{number}", 1) for number in range(count)]


def keys(message: Span | LogRecord | NumberDataPoint) -> list[str]:
    """Return the names of a message's attributes."""
    return [each.key for each in message.attributes]


def test_what_is_cut_says_how_large_it_was() -> None:
    """In its last attribute; one that is cut again keeps the first size."""
    span = Span(attributes=[attribute("text", "x" * 1000)])
    before = span.ByteSize()
    shrink(span, limit=500, size=span.ByteSize)
    shrink(span, limit=300, size=span.ByteSize)
    assert keys(span) == ["text", names.CUT_FROM]
    assert span.attributes[1].value.int_value == before
    assert span.ByteSize() <= 300


def test_the_longest_texts_are_cut_alone() -> None:
    """By a fifth at a time, and no further than needed."""
    span = Span(
        name="n" * 90,
        attributes=[attribute("a", "x" * 1000), attribute("b", "y" * 790)],
    )
    shrink(span, limit=1800, size=span.ByteSize)
    a, b, _ = (each.value.string_value for each in span.attributes)
    assert (len(a), len(b), span.name) == (800, 790, "n" * 90)
    shrink(span, limit=1500, size=span.ByteSize)
    a, b, _ = (each.value.string_value for each in span.attributes)
    assert (len(a), len(b), span.name) == (640, 640, "n" * 90)
    assert a.startswith("xx")
    assert a.endswith("xx")
    assert "characters cut" in a


def test_texts_of_thirty_two_characters_stay() -> None:
    """They are shorter than what would say that they were cut; names of attributes stay, too."""
    span = Span(
        name="n" * 32,
        attributes=[attribute("k" * 500, "x" * 33), attribute(names.CUT_FROM, 1000)],
    )
    shrink(span, limit=span.ByteSize() - 1, size=span.ByteSize)
    assert span.name == "n" * 32
    assert span.attributes[0].key == "k" * 500
    assert span.attributes[0].value.string_value == "x" * 32


def test_bytes_are_cut_at_their_end() -> None:
    """They have no middle that a reader could miss."""
    record = LogRecord(body=AnyValue(bytes_value=bytes(range(200))))
    shrink(record, limit=160, size=record.ByteSize)
    left = record.body.bytes_value
    assert left == bytes(range(len(left)))
    assert 64 < len(left) < 160


def test_texts_inside_of_events_and_lists_are_cut() -> None:
    """Wherever they are in the message."""
    span = Span()
    event = span.events.add(name="e")
    event.attributes.add(key="a").value.array_value.values.add().string_value = "x" * 1000
    shrink(span, limit=400, size=span.ByteSize)
    assert len(event.attributes[0].value.array_value.values[0].string_value) < 400
    assert len(span.events) == 1


def many_events(count: int) -> Span:
    """Return a span with events, links and attributes that have no texts."""
    span = Span(attributes=numbers(10))
    for number in range(count):
        span.events.add(time_unix_nano=number + 1)
        span.links.add(flags=number + 1)
    return span


def test_the_last_events_go_first() -> None:
    """A quarter of them at a time; OpenTelemetry's own counter tells how many."""
    span = many_events(100)
    size = span.ByteSize()
    shrink(span, limit=size - 1, size=span.ByteSize)
    assert [each.time_unix_nano for each in span.events] == list(range(1, 76))
    assert span.dropped_events_count == 25
    assert len(span.links) == 100
    assert len(span.attributes) == 11


def test_links_go_before_attributes() -> None:
    """Each kind of parts is left out whole before the next one is touched."""
    span = many_events(8)
    shrink(span, limit=Span(attributes=numbers(10)).ByteSize() + 48, size=span.ByteSize)
    assert (len(span.events), span.dropped_events_count) == (0, 8)
    assert (len(span.links), span.dropped_links_count) == (0, 8)
    assert (len(span.attributes), span.dropped_attributes_count) == (11, 0)


def test_the_last_attributes_go_and_the_size_stays() -> None:
    """What says that the message was cut is never left out."""
    span = Span(attributes=numbers(100))
    shrink(span, limit=200, size=span.ByteSize)
    kept = len(span.attributes) - 1
    assert keys(span) == [*(f"n{number}" for number in range(kept)), names.CUT_FROM]
    assert span.dropped_attributes_count == 100 - kept
    assert span.ByteSize() <= 200
    shrink(span, limit=1, size=span.ByteSize)
    assert keys(span) == [names.CUT_FROM]
    assert span.dropped_attributes_count == 100


def test_what_is_within_the_limit_keeps_its_parts() -> None:
    """At the limit, too: with the attribute that says how large it was."""
    span = many_events(3)
    with_mark = Span()
    with_mark.CopyFrom(span)
    with_mark.attributes.append(attribute(names.CUT_FROM, span.ByteSize()))
    limit = with_mark.ByteSize()
    shrink(span, limit=limit, size=span.ByteSize)
    assert span == with_mark


def test_exemplars_of_a_point_are_not_counted() -> None:
    """OTLP has no number for those left out; nor for its attributes."""
    point = NumberDataPoint(attributes=numbers(4))
    for _ in range(10):
        point.exemplars.add(as_int=1)
    shrink(point, limit=1, size=point.ByteSize)
    assert not point.exemplars
    assert keys(point) == [names.CUT_FROM]


def test_a_body_without_a_text_is_left_out_last() -> None:
    """Where it alone is too large; a body that can stay stays."""
    record = LogRecord(attributes=numbers(2))
    record.body.array_value.values.extend([AnyValue(int_value=-1)] * 100)
    shrink(record, limit=100, size=record.ByteSize)
    assert not record.HasField("body")
    assert keys(record) == [names.CUT_FROM]
    small = LogRecord(body=AnyValue(int_value=1), attributes=numbers(50))
    shrink(small, limit=80, size=small.ByteSize)
    assert small.body.int_value == 1


@pytest.mark.parametrize("most", [10, 11])
def test_as_many_attributes_as_allowed_stay(most: int) -> None:
    """Nothing says then that anything was left out."""
    span = Span(attributes=numbers(10))
    leave_out(span, most=most)
    assert span == Span(attributes=numbers(10))


def test_attributes_beyond_the_most_are_left_out() -> None:
    """One more than that makes a place for the size, and OpenTelemetry's counter tells."""
    span, point = Span(attributes=numbers(10)), NumberDataPoint(attributes=numbers(10))
    before = span.ByteSize()
    leave_out(span, most=4)
    leave_out(point, most=4)
    assert keys(span) == keys(point) == ["n0", "n1", "n2", names.CUT_FROM]
    assert span.dropped_attributes_count == 7
    assert span.attributes[-1].value.int_value == before


def test_a_body_that_just_fits_stays() -> None:
    """With what says how large the record was."""
    record = LogRecord(body=AnyValue(int_value=1))
    with_mark = LogRecord()
    with_mark.CopyFrom(record)
    with_mark.attributes.append(attribute(names.CUT_FROM, record.ByteSize()))
    shrink(record, limit=with_mark.ByteSize(), size=record.ByteSize)
    assert record == with_mark
