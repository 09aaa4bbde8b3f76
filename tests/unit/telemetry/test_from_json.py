"""OTLP in JSON to protobuf, held against protobuf's own converter."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from extension.telemetry.export.buffer import Signal
from extension.telemetry.receiver import from_json as module
from extension.telemetry.receiver.from_json import (
    STEP_CHARACTERS,
    STEP_VALUES,
    JsonConverter,
)
from extension.telemetry.receiver.json_fields import NotOtlpError
from extension.telemetry.receiver.large_json import MAX_DEPTH, WINDOW
from tests.posted_requests import SPAN_ID, TRACE_ID, as_json, parse, points, records, spans

WINDOWS = (20, 50, 300)
"""Characters that are decoded at once, for requests as small as those here."""


def in_steps(signal: Signal, body: bytes, **window: int) -> bytes:
    """Return what the converter makes of JSON in all its steps."""
    steps = JsonConverter(**window).convert(signal, body)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bytes(end.value)


def converted(signal: Signal, body: bytes) -> bytes:
    """Return what the converter makes of JSON: the same at once and value by value."""
    try:
        at_once = in_steps(signal, body)
    except NotOtlpError:
        for window in WINDOWS:
            with pytest.raises(NotOtlpError):
                in_steps(signal, body, window=window)
        raise
    for window in WINDOWS:
        assert parse(signal, in_steps(signal, body, window=window)) == parse(signal, at_once)
    return at_once


def convert(signal: Signal, request: object) -> Any:
    """Return what the converter makes of JSON, parsed."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return parse(signal, converted(signal, body))


def of_span(**fields: object) -> Any:
    """Return the span that comes of one with these fields in JSON."""
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}
    return convert("traces", request).resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize(
    ("signal", "request_"),
    [
        ("traces", spans("a", "ä€😀", scopes=("x", "y"), key="v")),
        ("logs", records("a", "")),
        ("metrics", points("a", "b", each=3)),
        ("traces", spans()),
    ],
)
def test_every_signal(signal: Signal, request_: Any) -> None:
    """What was written as JSON is the same request again, ids and all."""
    assert convert(signal, as_json(request_)) == request_


def test_ids_are_hexadecimal_in_any_case() -> None:
    """Of spans, parents and links; not base64."""
    span = of_span(
        traceId=TRACE_ID.hex().upper(), spanId=SPAN_ID.hex(), parentSpanId=SPAN_ID.hex(),
        links=[{"traceId": TRACE_ID.hex(), "spanId": SPAN_ID.hex()}],
    )  # fmt: skip
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE_ID, SPAN_ID, SPAN_ID)
    assert (span.links[0].trace_id, span.links[0].span_id) == (TRACE_ID, SPAN_ID)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"stringValue": ""}, {"string_value": ""}),
        ({"boolValue": False}, {"bool_value": False}),
        ({"intValue": "9007199254740993"}, {"int_value": 9007199254740993}),
        ({"intValue": -7}, {"int_value": -7}),
        ({"intValue": 7.0}, {"int_value": 7}),
        ({"doubleValue": "Infinity"}, {"double_value": float("inf")}),
        ({"doubleValue": 1}, {"double_value": 1.0}),
        ({"bytesValue": "AP8="}, {"bytes_value": b"\x00\xff"}),
        ({"bytesValue": "_-8"}, {"bytes_value": b"\xff\xef"}),
        ({"arrayValue": {"values": [{"intValue": 1}, {}]}},
         {"array_value": {"values": [{"int_value": 1}, {}]}}),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}},
         {"kvlist_value": {"values": [{"key": "k", "value": {"string_value": "v"}}]}}),
        ({}, {}),
        ({"unknownValue": 1}, {}),
        ({"stringValue": None}, {}),
        ({"stringValue": "half \ud800 a character"}, {"string_value": "half ? a character"}),
    ],
)  # fmt: skip
def test_values(written: object, read: Any) -> None:
    """Each kind, with its presence; what is not known is ignored."""
    span = of_span(attributes=[{"key": "a", "value": written}])
    assert span.attributes[0].value == type(span.attributes[0].value)(**read)


@pytest.mark.parametrize("window", [64, WINDOW])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ((1 << 63) - 1, {"int_value": (1 << 63) - 1}),
        (-(1 << 63), {"int_value": -(1 << 63)}),
        (1 << 63, {"double_value": 2.0**63}),
        (-(1 << 63) - 2048, {"double_value": -(2.0**63) - 2048}),
        (1.7976931348623157e308, {"double_value": 1.7976931348623157e308}),
        (7.5, {"double_value": 7.5}),
    ],
)
def test_a_number_that_is_no_integer_of_64_bits_is_a_double(
    window: int, written: float, read: Any
) -> None:
    """JavaScript's SDK takes every whole number for an integer, however large it is."""
    attributes = [{"key": "a", "value": {"intValue": written}}]
    request = {"resourceSpans": [{"resource": {"attributes": attributes}}]}
    body = in_steps("traces", json.dumps(request).encode(), window=window)
    [attribute] = parse("traces", body).resource_spans[0].resource.attributes
    assert attribute.value == AnyValue(**read)
    point = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"gauge": {"dataPoints": [{"asInt": written}]}}]}]}]}  # fmt: skip
    body = in_steps("metrics", json.dumps(point).encode(), window=window)
    [metric] = parse("metrics", body).resource_metrics[0].scope_metrics[0].metrics
    [(name, value)] = read.items()
    assert getattr(metric.gauge.data_points[0], f"as_{name.removesuffix('_value')}") == value


def test_what_senders_in_the_field_write() -> None:
    """Keys in snake case, names of enums, numbers where strings are due, null."""
    span = of_span(
        trace_id=TRACE_ID.hex(), start_time_unix_nano=5, kind="SPAN_KIND_SERVER", name=None,
        status={"code": "STATUS_CODE_ERROR"},
    )  # fmt: skip
    assert (span.trace_id, span.start_time_unix_nano, span.kind) == (TRACE_ID, 5, 2)
    assert span.status.code == 2


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b'"x"', b"{", b"{}x", b'{"resourceSpans":5}', b'{"resourceSpans":{}}x',
        b'{"resourceSpans":[5]}', b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":5}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":5}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"NO"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":1.5}]}]}]}',
        b'{"resourceSpans":[{"resource":{"attributes":[{"value":{"boolValue":1}}]}}]}',
        b'{"resourceSpans":[{"resource":{"attributes":[{"value":{"doubleValue":true}}]}}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":1e400}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":4294967296}]}]}]}',
        b'{"resourceSpans":[{"schemaUrl":{' + b" " * 400 + b"}}]}", b'{"resourceSpans":[],' +
        b" " * 400 + b"5:1}", b'{"resourceSpans":[]' + b" " * 400 + b"x}",
        b'{"resourceSpans":[{"resource":[' + b"null," * 100 + b"null]}]}",
        b'{"resourceSpans":' * 5000, b"[" * 100_000, b"\xff\xfe",
    ],
)  # fmt: skip
def test_what_is_not_otlp(body: bytes) -> None:
    """It is one kind of error, whatever is wrong."""
    with pytest.raises(NotOtlpError):
        converted("traces", body)


def test_values_within_values_have_an_end() -> None:
    """Deeper than Python can go is an error, not a crash."""
    deep = b'{"arrayValue":{"values":[' * 300 + b"{}" + b"]}}" * 300
    body = b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":%b}]}}]}' % deep
    try:
        in_steps("traces", body)
    except NotOtlpError:
        return


@pytest.mark.parametrize(
    "number", ["1234567", "-7", "1.5e+10", "1E-7", "0.25", "12e3", "123456789012", "12345678e+10"]
)
def test_a_number_at_the_end_of_a_window(number: str) -> None:
    """It is read whole, wherever a window happens to end."""
    body = b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[%b]}}]}]}]}'
    points = ", ".join(f'{{"asDouble": {number}}}' for _ in range(9)).encode()
    for window in range(20, 60):
        request = parse("metrics", in_steps("metrics", body % points, window=window))
        (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
        assert [each.as_double for each in metric.gauge.data_points] == [float(number)] * 9


@pytest.mark.parametrize(
    ("begin", "end"),
    [(b'{"arrayValue":{"values":[', b"]}}"), (b'{"unknown":', b"}"), (b'{"x":[', b"]}")],
)
def test_large_values_within_values_have_an_end(begin: bytes, end: bytes) -> None:
    """One that is deeper than any SDK writes is an error, known or not."""
    deep = begin * 30 + b"{}" + end * 30
    body = b'{"resourceSpans":[{"resource":{"attributes":[{"value":%b}]}}]}' % deep
    with pytest.raises(NotOtlpError):
        in_steps("traces", body, window=20)


def test_a_large_value_that_is_not_known() -> None:
    """It is passed over, whatever it is."""
    unknown = {"a": [[[1, "x" * 50], {}], {"b": None}], "c": "y" * 50, "d": {}}
    span = of_span(name="n", new=unknown, events=[{"name": "e", "new": [unknown]}])
    assert (span.name, [event.name for event in span.events]) == ("n", ["e"])


@pytest.mark.parametrize("length", [1, 127, 128, 129, 16_383, 16_384, 300_000])
def test_texts_of_any_length(length: int) -> None:
    """The length itself takes one to three bytes."""
    request = spans("x" * length)
    assert parse("traces", in_steps("traces", as_json(request))) == request


@pytest.mark.parametrize(
    ("number", "fits"),
    [(-(2**63), True), (-(2**63) - 1, False), (2**63 - 1, True), (2**64, False)],
)
def test_integers_have_64_bits(number: int, fits: bool) -> None:
    """What does not fit is refused, at once and value by value."""
    request = {
        "resourceSpans": [
            {"resource": {"attributes": [{"key": "n", "value": {"intValue": str(number)}}]}}
        ]
    }
    body = json.dumps(request).encode()
    if not fits:
        with pytest.raises(NotOtlpError):
            converted("traces", body)
        return
    [resource] = parse("traces", converted("traces", body)).resource_spans
    assert resource.resource.attributes[0].value.int_value == number


def test_blanks_before_a_request() -> None:
    """JSON may begin with them, however it is read."""
    request = spans("a")
    assert parse("traces", converted("traces", b" \r\n\t " + as_json(request))) == request


def test_numbers_below_zero_of_any_kind() -> None:
    """Scale and offset of an exponential histogram have a form of their own."""
    point = {"scale": -3, "zeroCount": "1", "positive": {"offset": -70, "bucketCounts": ["1", 2]}}
    histogram = {"aggregationTemporality": 2, "dataPoints": [point, {"scale": 20}]}
    metric = {"name": "m", "exponentialHistogram": histogram}
    request = convert("metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    [read] = request.resource_metrics[0].scope_metrics[0].metrics
    first, second = read.exponential_histogram.data_points
    assert (first.scale, first.zero_count, first.positive.offset) == (-3, 1, -70)
    assert list(first.positive.bucket_counts) == [1, 2]
    assert second.scale == 20


def test_a_number_may_be_the_last_that_stands_in_a_request() -> None:
    """Nothing but a brace is behind it."""
    for number in (b"7", b"-1.5e3"):
        body = b'{"resourceSpans":[{"schemaUrl":"%b"}],"new":%b}' % (b"u" * 99, number)
        request = parse("traces", in_steps("traces", body, window=20))
        assert request.resource_spans[0].schema_url == "u" * 99


def steps_of(body: bytes) -> int:
    """Return in how many steps a request is converted."""
    return sum(1 for _ in JsonConverter(window=20).convert("traces", body))


def test_a_large_request_is_converted_in_steps() -> None:
    """Of so many values, or of so many characters; a smaller one in none."""
    for values in (STEP_VALUES - 1, STEP_VALUES, 4 * STEP_VALUES):
        body = b'{"resourceSpans":[%b]}' % b",".join([b"{}"] * values)
        assert steps_of(body) == values // STEP_VALUES
    for number in (1, 4):
        long = b'{"schemaUrl":"%b"}' % (b"u" * STEP_CHARACTERS)
        assert steps_of(b'{"resourceSpans":[%b]}' % b",".join([long] * number)) == number


@pytest.mark.parametrize("size", range(13))
def test_bytes_may_come_without_their_padding(size: int) -> None:
    """Some encoders leave it out."""
    value = bytes(range(size))
    text = b64encode(value).decode().rstrip("=")
    span = of_span(attributes=[{"key": "k", "value": {"bytesValue": text}}])
    assert span.attributes[0].value.bytes_value == value


def test_what_is_read_in_steps_has_so_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not known count, too."""
    monkeypatch.setattr(module, "MOST_VALUES", 50)
    assert in_steps("traces", b'{"x":[' + b"1," * 49 + b"1]}", window=20) == b""
    with pytest.raises(NotOtlpError):
        in_steps("traces", b'{"x":[' + b"1," * 50 + b"1]}", window=20)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"x":', "}")])
def test_what_is_read_in_steps_is_so_deep_at_most(opening: str, closing: str) -> None:
    """Lists and objects alike, whatever is in them; one more is refused."""
    inner = "[" + "1," * 50 + "1]"

    def nested(levels: int) -> bytes:
        return f'{{"x":{opening * levels}{inner}{closing * levels}}}'.encode()

    assert in_steps("traces", nested(MAX_DEPTH - 1), window=20) == b""
    with pytest.raises(NotOtlpError):
        in_steps("traces", nested(MAX_DEPTH), window=20)


def test_a_long_list_of_numbers_is_one_field() -> None:
    """Also where it is read in steps; a list of texts is a field each."""
    buckets = [str(number) for number in range(100)]
    point = {"bucketCounts": buckets, "explicitBounds": [0.5] * 99}
    metric = {"name": "m", "histogram": {"dataPoints": [point]}}
    resource = {"entityRefs": [{"type": "t", "idKeys": ["a" * 30, "b" * 30]}]}
    request = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
    [read] = convert("metrics", request).resource_metrics
    [found] = read.scope_metrics[0].metrics[0].histogram.data_points
    assert list(found.bucket_counts) == list(range(100))
    assert list(found.explicit_bounds) == [0.5] * 99
    assert list(read.resource.entity_refs[0].id_keys) == ["a" * 30, "b" * 30]
