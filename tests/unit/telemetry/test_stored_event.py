"""The size of a record as an event of CloudWatch Logs."""

from __future__ import annotations

import pytest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from extension.telemetry.otlp.stored_event import event_bytes, text_bound


@pytest.mark.parametrize(
    ("encoded", "most"),
    [
        (b"", 0),
        (b"abc", 4),
        (b"abcdef", 8),
        (b'"', 2),
        (b"\\\\", 4),
        (b"\n", 7),
        (b"\x01", 6),
        (b"\x1f\x1f", 12),
        (b" ", 1),
        (b"\x18", 14),
        (b"\x21", 15),
        (b"\x18\x21!", 45),
    ],
)
def test_a_message_is_taken_for_its_longest_form(encoded: bytes, most: int) -> None:
    """A third more for base64, and what escapes and numbers may take as text."""
    assert text_bound(encoded) == most


def text(value: str) -> AnyValue:
    """Return a text of OTLP."""
    return AnyValue(string_value=value)


@pytest.mark.parametrize(
    ("body", "as_json"),
    [
        (AnyValue(), "null"),
        (text("ü\n"), '"ü\\n"'),
        (AnyValue(int_value=12), "12"),
        (AnyValue(double_value=1.5), "1.5"),
        (AnyValue(bool_value=True), "true"),
        (AnyValue(bytes_value=b"abcd"), '"YWJjZA=="'),
        (AnyValue(array_value=ArrayValue(values=[text("a"), AnyValue()])), '["a",null]'),
        (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=text("v"))])),
            '{"k":"v"}',
        ),
    ],
)
def test_the_bytes_of_an_event(body: AnyValue, as_json: str) -> None:
    """Its JSON in UTF-8, and three hundred for the names of its fields and for AWS's own."""
    empty = '[{},{},["",""],"",%s,{}]'
    found = event_bytes(LogRecord(body=body), scope=InstrumentationScope(), resource=Resource())
    assert found == len((empty % as_json).encode()) + 300


def test_an_event_repeats_its_scope_and_resource() -> None:
    """With the name of its level."""
    pair = [KeyValue(key="k", value=text("v"))]
    found = event_bytes(
        LogRecord(severity_text="WARN", attributes=pair),
        scope=InstrumentationScope(name="n", version="1", attributes=pair),
        resource=Resource(attributes=pair),
    )
    assert found == len('[{"k":"v"},{"k":"v"},["n","1"],"WARN",null,{"k":"v"}]') + 300
