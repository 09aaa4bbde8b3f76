"""OTLP requests as bytes: counted and split as the protobuf library would, or found broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.envelopes import (
    NOTHING,
    NotProtobufError,
    count,
    is_request,
    split,
)
from tests.posted_requests import parse, points, records, spans


def items(signal: Signal, request: Any) -> Iterator[tuple[str, str, str]]:
    """Yield each span, record or metric with what is around it."""
    envelopes, scopes, inner = {
        "traces": ("resource_spans", "scope_spans", "spans"),
        "logs": ("resource_logs", "scope_logs", "log_records"),
        "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    }[signal]
    for of in getattr(request, envelopes):
        for scope in getattr(of, scopes):
            for item in getattr(scope, inner):
                around = f"{of.resource}{of.schema_url}"
                yield around, f"{scope.scope}{scope.schema_url}", str(item)


@pytest.mark.parametrize(
    ("signal", "request_", "number"),
    [
        ("traces", spans("a", "b", scopes=("x", "y")), 4),
        ("logs", records("a", "b", "c"), 3),
        ("metrics", points("a", "b", "c", each=5), 15),
        ("traces", spans(), 0),
    ],
)
def test_items_are_counted(signal: Signal, request_: Any, number: int) -> None:
    """Spans, log records, and of metrics the data points."""
    assert count(signal, request_.SerializeToString()) == number


@pytest.mark.parametrize("max_bytes", [0, 200, 400, 1000, 10_000])
@pytest.mark.parametrize(
    ("signal", "request_"),
    [
        ("traces", spans(*"abcdefgh", scopes=("x", "y"), key="v" * 150)),
        ("logs", records(*("line " * 30 for _ in range(9)))),
        ("metrics", points("one", "two", "three", each=3)),
    ],
)
def test_parts_are_the_whole(signal: Signal, request_: Any, max_bytes: int) -> None:
    """Every item is in exactly one part, with its resource and scope; parts keep to the limit."""
    whole = request_.SerializeToString()
    parts = [piece for piece in split(signal, whole, max_bytes=max_bytes) if piece != NOTHING]
    found = [item for part, _ in parts for item in items(signal, parse(signal, part))]
    assert found == list(items(signal, request_))
    assert sum(number for _, number in parts) == count(signal, whole)
    for part, number in parts:
        assert len(part) <= max_bytes or len(list(items(signal, parse(signal, part)))) == 1
        assert count(signal, part) == number


def test_what_a_newer_protocol_adds_stays() -> None:
    """Unknown fields of the envelopes and of the items are in every part."""
    unknown = b"\xfa\x01\x03new"  # field 31
    request = spans("a", "b")
    inner = request.resource_spans[0].scope_spans[0]
    inner.spans[1].MergeFromString(unknown)
    inner.MergeFromString(unknown)
    request.resource_spans[0].MergeFromString(unknown)
    parts = [part for part, _ in split("traces", request.SerializeToString(), max_bytes=0) if part]
    assert [part.count(unknown) for part in parts] == [2, 3]


@pytest.mark.parametrize(
    "body", [b"{}", b"<html>", b"\x0a", b"\x0a\x05abc", b"\x0a" + b"\xff" * 10, b"\x00\x01",
             b"\x0d\x01", b"\x09\x01", b"\x08\x80", b"\x03"],
)  # fmt: skip
def test_what_is_not_protobuf(body: bytes) -> None:
    """Its first level alone shows it; nothing is read beyond the end."""
    assert not is_request(body)
    with pytest.raises(NotProtobufError):
        count("traces", body)


def test_a_field_that_is_not_known_is_protobuf() -> None:
    """Whatever its kind."""
    assert is_request(b"\x10\x01\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x2a\x00")


def test_what_is_broken_within() -> None:
    """An envelope that ends within a field is found when it is read."""
    broken = b"\x0a\x04\x12\x08ab"
    assert is_request(broken)
    with pytest.raises(NotProtobufError):
        list(split("traces", broken, max_bytes=0))


def fields(number: int, *values: bytes) -> bytes:
    """Return fields of one number, of at most 127 bytes each."""
    return b"".join(bytes((number << 3 | 2, len(value))) + value for value in values)


def of_items(*items: bytes, resource: bytes = b"", scope: bytes = b"") -> bytes:
    """Return a request of one resource and one scope with items of these contents."""
    inner = (fields(1, scope) if scope else b"") + fields(2, *items)
    around = (fields(1, resource) if resource else b"") + b"\x12" + varint(len(inner)) + inner
    return b"\x0a" + varint(len(around)) + around


def varint(number: int) -> bytes:
    """Return a number as protobuf has it."""
    found = b""
    while number >= 0x80:
        found, number = found + bytes((number & 0x7F | 0x80,)), number >> 7
    return found + bytes((number,))


@pytest.mark.parametrize(("max_bytes", "sizes"), [(62, [2, 2, 1]), (61, [1] * 5), (1, [2, 2, 1])])
def test_parts_are_as_large_as_they_may_be(max_bytes: int, sizes: list[int]) -> None:
    """To the byte: 12 for two envelopes, what is in these, and items of 20 with 2 before each.

    Where that is more than the bound, items come to as much as the envelopes.
    """
    if max_bytes == 1:
        body = of_items(*[b"x" * 20] * 5, resource=b"r" * 20, scope=b"s" * 8)
    else:
        body = of_items(*[b"x" * 20] * 5, resource=b"r" * 4)
    assert [number for _, number in split("logs", body, max_bytes=max_bytes)] == sizes


@pytest.mark.parametrize(("max_items", "sizes"), [(2, [2, 2, 1]), (3, [3, 2])])
def test_parts_have_so_many_items(max_items: int, sizes: list[int]) -> None:
    """However small these are."""
    body = of_items(*[b"x"] * 5)
    parts = split("traces", body, max_bytes=len(body) - 1, max_items=max_items)
    assert [number for _, number in parts] == sizes


def test_an_item_that_is_too_large_is_alone() -> None:
    """And nothing is before it or behind it."""
    body = of_items(b"x" * 100, b"y" * 100)
    assert [number for _, number in split("logs", body, max_bytes=1)] == [1, 1]


def test_a_request_that_fits_is_its_only_part() -> None:
    """As it is."""
    body = of_items(b"x", b"y")
    assert list(split("logs", body, max_bytes=len(body))) == [(body, 2)]
    assert len(list(split("logs", body, max_bytes=len(body), max_items=1))) == 1


def test_something_else_may_be_done_beside_much_of_nothing() -> None:
    """Once for each empty envelope, and for so many fields that are none."""
    others = fields(9, *[b""] * 513)
    fewer, empty = fields(9, *[b""] * 255), fields(1, b"")
    assert list(split("logs", fewer, max_bytes=1)) == []
    assert list(split("logs", others, max_bytes=1)) == [NOTHING] * 2
    assert list(split("logs", empty * 3, max_bytes=1)) == [NOTHING] * 3
    scope = b"\x12" + varint(len(others)) + others
    inside = b"\x0a" + varint(len(scope)) + scope
    assert list(split("logs", inside, max_bytes=1)) == [NOTHING] * 6
    assert count("logs", inside) == 0
    around = b"\x0a" + varint(len(others)) + others
    assert list(split("logs", around, max_bytes=1)) == [NOTHING] * 5
    around_fewer = b"\x0a" + varint(len(fewer)) + fewer
    assert list(split("logs", around_fewer, max_bytes=1)) == [NOTHING]
    assert count("logs", around) == 0
    assert is_request(others)


def test_fields_of_every_kind_are_passed_over() -> None:
    """Numbers of several bytes, fixed ones, and long texts; they stay with each part."""
    known = b"\x08\x96\x01" + b"\x31" + b"12345678" + b"\x3d" + b"1234" + b"\x82\x01\x03abc"
    inner = known + fields(2, b"x" * 10, b"y" * 10)
    body = b"\x0a" + varint(len(inner) + 2) + b"\x12" + varint(len(inner)) + inner
    parts = list(split("logs", body, max_bytes=5))
    assert [number for _, number in parts] == [2]
    assert all(known in part for part, _ in parts)
    long = fields(1, b"r")[:1] + varint(300) + b"r" * 300
    assert is_request(long)
    assert not is_request(long[:-1])


@pytest.mark.parametrize(
    "broken",
    [b"\x0a", b"\x0a\x05abcd", b"\x09" + b"1" * 7, b"\x0d" + b"1" * 3, b"\x0b", b"\x02\x00",
     b"\x08" + b"\xff" * 10 + b"\x01", b"\x80", b"\x0a\x80", b"\x00\x00"],
)  # fmt: skip
def test_bytes_that_end_too_soon_are_no_request(broken: bytes) -> None:
    """Nor are groups, fields without a number, and numbers without an end."""
    assert not is_request(broken)
    assert not is_request(fields(1, b"whole") + broken)


@pytest.mark.parametrize("whole", [b"", b"\x09" + b"1" * 8, b"\x0d" + b"1" * 4, b"\x0a\x00",
                                   b"\x08" + b"\xff" * 9 + b"\x01", b"\x0a\x80\x00"])  # fmt: skip
def test_bytes_that_end_in_time_may_be_one(whole: bytes) -> None:
    """The longest number has ten bytes."""
    assert is_request(whole)


def test_a_request_is_known_by_its_beginning() -> None:
    """What is broken behind that is found when it is read."""
    assert is_request(fields(1, *[b""] * 256) + b"\x0b")
    assert not is_request(fields(1, *[b""] * 255) + b"\x0b")


def test_of_metrics_the_points_are_counted() -> None:
    """Those of each kind of data; other fields of a metric are none."""
    for number, points_ in ((5, 2), (7, 2), (9, 2), (10, 2), (11, 2), (6, 0), (1, 0)):
        metric = fields(number, fields(1, b"", b"") + fields(2, b""))
        assert count("metrics", of_items(metric, b"")) == points_
        assert count("traces", of_items(metric, b"")) == 2
