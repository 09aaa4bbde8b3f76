"""OTLP requests as bytes: counted and split as the protobuf library would, or found broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.envelopes import NOTHING, NotProtobufError, count, is_request, split
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
