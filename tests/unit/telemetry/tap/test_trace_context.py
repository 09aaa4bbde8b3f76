"""Which span a carrier names, in each of the forms that are written."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from extension.telemetry.tap.carriers import (
    context_in_body,
    decode_base64,
    from_attributes,
    from_headers,
    from_object,
    from_pairs,
    from_typed_attributes,
    text_of_bytes,
)
from extension.telemetry.tap.trace_context import (
    RemoteSpan,
    read_context,
    read_ids,
    read_xray,
)
from tests.unit.telemetry.tap.samples import SPAN, SPAN_ID, TRACE_ID, TRACEPARENT, XRAY

ZEROS, ONES = "0" * 16, "f" * 16
LOW, HIGH = SPAN[0] & (1 << 64) - 1, TRACE_ID[:16]
DATADOG = {
    "x-datadog-trace-id": str(LOW),
    "x-datadog-parent-id": str(SPAN[1]),
    "x-datadog-tags": f"_dd.p.dm=-1,_dd.p.tid={HIGH}",
}
OTHER = f"00-{TRACE_ID}-{ONES}-01"

CARRIERS: dict[str, dict[str, Any]] = {
    "W3C": {"traceparent": TRACEPARENT},
    "W3C in capitals": {"traceparent": TRACEPARENT.upper()},
    "W3C with blanks": {"traceparent": TRACEPARENT.ljust(1024)},
    "W3C of a later version": {"traceparent": f"cc-{TRACE_ID}-{SPAN_ID}-01-more"},
    "W3C before Datadog": {"traceparent": TRACEPARENT, **DATADOG, "x-datadog-parent-id": "7"},
    "CloudEvents in HTTP": {"ce-traceparent": TRACEPARENT},
    "CloudEvents in Kafka": {"ce_traceparent": TRACEPARENT},
    "CloudEvents in AMQP": {"cloudEvents:traceparent".lower(): TRACEPARENT},
    "Datadog": DATADOG,
    "B3": {"b3": f"{TRACE_ID}-{SPAN_ID}-1-05e3ac9a4f6e3b90"},
    "B3 without a decision": {"b3": f"{TRACE_ID}-{SPAN_ID}"},
    "B3 in several": {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1"},
    "X-Ray": {"x-amzn-trace-id": XRAY},
    "X-Ray with more": {"x-amzn-trace-id": f"Self=1-67891234-a;{XRAY};Lineage=1:73f724a8:0"},
    "X-Ray of SQS": {"awstraceheader": XRAY},
}

NO_CARRIERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a trace of zeros": {"traceparent": f"00-{ZEROS * 2}-{SPAN_ID}-01"},
    "a span of zeros": {"traceparent": f"00-{TRACE_ID}-{ZEROS}-01"},
    "a version that is none": {"traceparent": f"ff-{TRACE_ID}-{SPAN_ID}-01"},
    "more than version 00 has": {"traceparent": f"{TRACEPARENT}-more"},
    "two that were joined": {"traceparent": f"{TRACEPARENT},{TRACEPARENT}"},
    "digits of another script": {"traceparent": TRACEPARENT.replace("4", "٤")},
    "a number": {"traceparent": 7},
    "many blanks": {"traceparent": TRACEPARENT.ljust(1025)},
    "a long text": {"traceparent": TRACEPARENT + "-" + "a" * 100_000},
    "Datadog's zero": {**DATADOG, "x-datadog-trace-id": "0"},
    "Datadog's too large": {**DATADOG, "x-datadog-parent-id": str(1 << 64)},
    "Datadog's parent alone": {"x-datadog-parent-id": str(SPAN[1])},
    "Datadog's trace alone": {"x-datadog-trace-id": str(LOW)},
    "Datadog's parent in hexadecimal digits": {**DATADOG, "x-datadog-parent-id": SPAN_ID},
    "B3 that only denies": {"b3": "0"},
    "half of B3": {"x-b3-traceid": TRACE_ID},
    "a root without a parent": {"x-amzn-trace-id": XRAY.partition(";")[0]},
}


@pytest.mark.parametrize("name", CARRIERS)
def test_each_form_names_the_same_span(name: str) -> None:
    """128 bits of trace id and 64 of span id."""
    found = read_context(CARRIERS[name])
    assert found is not None
    assert found.ids == SPAN


@pytest.mark.parametrize("name", NO_CARRIERS)
def test_what_is_malformed_names_no_span(name: str) -> None:
    """Zeros are no ids, and nothing is completed or corrected."""
    assert read_context(NO_CARRIERS[name]) is None


@pytest.mark.parametrize(
    ("carrier", "sampled"),
    [
        ({"traceparent": TRACEPARENT}, True),
        ({"traceparent": TRACEPARENT[:-1] + "0"}, False),
        (DATADOG, None),
        ({**DATADOG, "x-datadog-sampling-priority": "1"}, True),
        ({**DATADOG, "x-datadog-sampling-priority": "2"}, True),
        ({**DATADOG, "x-datadog-sampling-priority": "-1"}, False),
        ({"b3": f"{TRACE_ID}-{SPAN_ID}-d"}, True),
        ({"b3": f"{TRACE_ID}-{SPAN_ID}-0"}, False),
        ({"b3": f"{TRACE_ID}-{SPAN_ID}"}, None),
        ({"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "false"}, False),
        ({"x-amzn-trace-id": XRAY}, True),
        ({"x-amzn-trace-id": XRAY[:-1] + "0"}, False),
        ({"x-amzn-trace-id": XRAY[:-1] + "?"}, None),
    ],
)
def test_whether_it_is_sampled_is_told(carrier: dict[str, str], *, sampled: bool | None) -> None:
    """None where the carrier leaves it open."""
    found = read_context(carrier)
    assert found is not None
    assert found.sampled is sampled


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("tea=1,other@shop=a:b", "tea=1,other@shop=a:b"),
        ("tea=1 , other=2", "tea=1,other=2"),
        ("", ""),
        ("Bearer secret", ""),
        ("tea=1,\u00e9=2", ""),
        ("tea=" + "a" * 600, ""),
        ("a=1," * 128, ("a=1," * 128)[:-1]),
        ("a=1," * 128 + " ", ""),
    ],
)
def test_the_state_of_a_trace_is_kept_if_it_is_one(state: str, kept: str) -> None:
    """A caller may write anything into it."""
    found = read_context({"traceparent": TRACEPARENT, "tracestate": state})
    assert found is not None
    assert found.trace_state == kept


def test_ids_may_have_64_bits_of_a_trace() -> None:
    """As older tracers write them; a decimal number or a UUID is no id."""
    assert read_ids(SPAN_ID, SPAN_ID) == RemoteSpan(SPAN[1], SPAN[1])
    assert read_ids(int(SPAN_ID, 16), SPAN_ID) is None
    assert read_ids("6ba7b810-9dad-11d1-80b4-00c04fd430c8", SPAN_ID) is None
    assert read_ids(TRACE_ID, SPAN_ID[1:]) is None


def test_xray_names_a_span_only_with_a_parent() -> None:
    """A gateway that is not traced adds a root alone."""
    assert read_xray("Root=1-67d448e8-0123456789abcdef01234567;Sampled=1") is None
    assert read_xray("") is None


NESTED = {"traceparent": TRACEPARENT, "x-datadog-trace-id": "7", "dd-pathway-ctx": "x"}


@pytest.mark.parametrize(
    "value",
    [
        NESTED,
        json.dumps(NESTED),
        base64.b64encode(json.dumps(NESTED).encode()).decode(),
    ],
    ids=["an object", "JSON", "JSON in base64"],
)
def test_datadog_s_own_carrier_is_opened(value: Any) -> None:
    """Whichever way its library had to write it."""
    found = read_context(from_object({"_datadog": value}))
    assert found is not None
    assert found.ids == SPAN


def test_a_nested_carrier_of_a_bounded_length_is_opened() -> None:
    """A longer text is not parsed."""
    text = json.dumps(NESTED)
    padded = {length: text[:-1] + " " * (length - len(text)) + "}" for length in range(8190, 8196)}
    assert from_object({"_datadog": padded[8192]}) != {}
    assert from_object({"_datadog": padded[8194]}) == {}


def test_nothing_but_trace_contexts_is_carried() -> None:
    """Other fields are the user's, and what is no text or too long is no context."""
    kept = {"tracestate": "a" * 8192}
    others = {"authorization": "x", "traceparent": "a" * 8193, "b3": 7}
    assert from_object(kept | others) == kept
    assert from_pairs([(7, "x"), (None, "x"), ("b3", ["0", "1"])]) == {"b3": "0"}


def test_a_context_is_looked_for_in_the_first_names() -> None:
    """A carrier of thousands of names costs no more than one of that many."""
    names = [(f"name-{number}", "x") for number in range(255)]
    assert from_pairs([*names, ("b3", "0")]) == {"b3": "0"}
    assert from_pairs([*names, ("name", "x"), ("b3", "0")]) == {}


def test_a_name_beside_it_goes_before_what_is_nested() -> None:
    """The message's own `traceparent` was written by the one that sent it."""
    found = read_context(from_object({"_datadog": NESTED, "traceparent": OTHER}))
    assert found is not None
    assert found.span_id == int(ONES, 16)


def test_a_carrier_in_a_carrier_in_a_carrier_is_none() -> None:
    """There is no end of it otherwise."""
    value: Any = NESTED
    for _ in range(5000):
        value = {"_datadog": value}
    assert read_context(from_object(value)) is None


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_names_count_in_any_case(name: str) -> None:
    """REST APIs keep them as they were sent."""
    for event in ({"headers": {name: TRACEPARENT}}, {"multiValueHeaders": {name: [TRACEPARENT]}}):
        found = read_context(from_headers(event))
        assert found is not None
        assert found.ids == SPAN


def test_attributes_of_a_message_may_be_binary() -> None:
    """Base64 of the same text, in either shape of attributes."""
    binary = base64.b64encode(TRACEPARENT.encode()).decode()
    carriers = [
        from_attributes(
            {"traceparent": {"binaryValue": binary}}, text="stringValue", binary="binaryValue"
        ),
        from_typed_attributes({"TraceParent": {"Type": "Binary", "Value": binary}}),
    ]
    for carrier in carriers:
        found = read_context(carrier)
        assert found is not None
        assert found.ids == SPAN


@pytest.mark.parametrize("attributes", [None, 7, [], {"traceparent": 7}, {"traceparent": {}}])
def test_attributes_of_another_shape_name_nothing(attributes: Any) -> None:
    """Nothing raises either."""
    assert not from_attributes(attributes, text="stringValue", binary="binaryValue").get(
        "traceparent"
    )
    assert not from_typed_attributes(attributes).get("traceparent")


@pytest.mark.parametrize("text", ["=", "a", "YQ=", "\u00e9", "/w==", "x" * 300_000])
def test_what_is_no_base64_is_no_text(text: str) -> None:
    """Nor are bytes that are no characters."""
    assert decode_base64(text) == ""


def test_base64_and_numbers_of_a_bounded_length_are_read() -> None:
    """Longer ones are not decoded."""
    assert decode_base64("YWFh" * 65_536) == "a" * 196_608
    assert decode_base64("YWFh" * 65_537) == ""
    assert text_of_bytes([104] * 8192) == "h" * 8192
    assert text_of_bytes([104] * 8193) == ""


def test_bytes_may_be_negative() -> None:
    """Java's are."""
    assert text_of_bytes([-61, -87]) == "é"
    assert text_of_bytes([104, "i"]) == ""
    assert text_of_bytes([True, 104]) == ""
    assert text_of_bytes([-1]) == ""
    assert text_of_bytes(None) == ""


@pytest.mark.parametrize(
    "body",
    [
        {"traceparent": TRACEPARENT},
        {"metadata": {"traceparent": TRACEPARENT}},
        {"headers": {"Traceparent": TRACEPARENT}},
        {"_datadog": {"traceparent": TRACEPARENT}},
        {"_datadog": base64.b64encode(json.dumps({"traceparent": TRACEPARENT}).encode()).decode()},
        {"X-Amzn-Trace-Id": XRAY},
        {"b3": f"{TRACE_ID}-{SPAN_ID}"},
        DATADOG,
    ],
)
def test_a_body_may_name_a_span_by_habit(body: Any) -> None:
    """At its top, or where publishers put what is about the message."""
    for form in (body, json.dumps(body), f"\n {json.dumps(body)}"):
        found = context_in_body(form, ())
        assert found is not None
        assert found.ids == SPAN


def test_a_body_of_a_bounded_length_is_parsed() -> None:
    """A longer one is the user's."""
    text = json.dumps({"traceparent": TRACEPARENT})
    assert context_in_body(text.ljust(262_144), ()) is not None
    assert context_in_body(text.ljust(262_145), ()) is None


@pytest.mark.parametrize(
    "body", [None, 7, "", "tea", "[1]", '{"traceparent": ', '{"traceparent": 7}']
)
def test_a_body_of_another_kind_names_none(body: Any) -> None:
    """It is the user's."""
    assert context_in_body(body, ("trace_id", "span_id")) is None
