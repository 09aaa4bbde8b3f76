"""OTLP in JSON to protobuf, held against protobuf's own converter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.export.buffer import Signal
from extension.telemetry.receiver.from_json import JsonConverter, NotOtlpError
from tests.posted_requests import SPAN_ID, TRACE_ID, as_json, parse, points, records, spans


def convert(signal: Signal, request: object) -> Any:
    """Return what the converter makes of JSON, parsed."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return parse(signal, JsonConverter().convert(signal, body))


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
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"NO"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":1.5}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":1e400}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":4294967296}]}]}]}',
        b'{"resourceSpans":' * 5000, b"[" * 100_000, b"\xff\xfe",
    ],
)  # fmt: skip
def test_what_is_not_otlp(body: bytes) -> None:
    """It is one kind of error, whatever is wrong."""
    with pytest.raises(NotOtlpError):
        JsonConverter().convert("traces", body)


def test_values_within_values_have_an_end() -> None:
    """Deeper than Python can go is an error, not a crash."""
    deep = b'{"arrayValue":{"values":[' * 300 + b"{}" + b"]}}" * 300
    body = b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":%b}]}}]}' % deep
    try:
        JsonConverter().convert("traces", body)
    except NotOtlpError:
        return
