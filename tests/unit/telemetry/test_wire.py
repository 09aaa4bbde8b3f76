"""Numbers and fields are written as the official encoder writes them."""

from __future__ import annotations

import tracemalloc

import pytest
from google.protobuf.internal.encoder import _VarintBytes
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from extension.telemetry.otlp.attribute_columns import AttributeHeads
from extension.telemetry.wire import MOST_REMEMBERED, Heads, TextHeads, field, varint

BOUNDS = [0, *(1 << bits for bits in (7, 14, 21, 28, 35, 63))]


@pytest.mark.parametrize(
    "number", [each + more for each in BOUNDS for more in (0, 1)] + [127, 16383]
)
def test_a_number_has_seven_bits_in_each_byte(number: int) -> None:
    """Wherever another byte begins."""
    assert varint(number) == _VarintBytes(number)
    assert varint(max(number - 1, 0)) == _VarintBytes(max(number - 1, 0))


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_384])
def test_a_field_has_its_tag_and_its_length(length: int) -> None:
    """As a text in a message."""
    text = "x" * length
    written = KeyValue(key=text).SerializeToString() if text else b"\n\x00"
    assert field(1, text.encode()) == Heads(1)[length] + text.encode() == written


@pytest.mark.parametrize("length", [1, 100, 127, 128, 20_000, MOST_REMEMBERED])
def test_a_text_may_be_an_any_value(length: int) -> None:
    """In a field of a message, whether its head is remembered or not."""
    text = "x" * length
    written = KeyValue(value=AnyValue(string_value=text)).SerializeToString()
    heads = TextHeads(2)
    for _ in range(2):
        assert heads[length] + text.encode() == written


def test_heads_of_long_texts_are_not_remembered() -> None:
    """There is no end of lengths."""
    for heads in (Heads(1), TextHeads(1)):
        for length in (7, MOST_REMEMBERED - 1, MOST_REMEMBERED, MOST_REMEMBERED * 9):
            assert heads[length]
        assert all(length < MOST_REMEMBERED for length in heads)


@pytest.mark.parametrize("heads", [Heads(1), TextHeads(1), AttributeHeads(Heads(1), b"name")])
def test_texts_of_all_lengths_leave_little_behind(
    heads: Heads | TextHeads | AttributeHeads,
) -> None:
    """A function may write lines of every length, for days."""
    tracemalloc.start()
    try:
        for length in range(100_000):
            assert heads[length]
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 1_000_000
