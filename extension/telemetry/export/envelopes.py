"""PURE: OTLP requests as bytes: checked, counted and split without any protobuf library.

The requests of all three signals are built alike, and only this much of them is known here, so that
whatever else is in a request, a newer SDK's fields included, stays as it is:

    request { 1: of one resource { 1: resource, 2: of one scope { 1: scope, 2: item … } … } }

Sources: https://github.com/open-telemetry/opentelemetry-proto,
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from extension.telemetry.export.buffer import Signal

ENVELOPES, ITEMS = 1, 2
"""Numbers of the fields that hold the envelopes of a request, and what is in an envelope."""

DATA_POINTS = 1
DATA_OF_A_METRIC = frozenset({5, 7, 9, 10, 11})
"""Gauge, sum, histogram, exponential histogram, summary; each has its points in field 1."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FIXED = {FIXED64: 8, FIXED32: 4}
LONGEST_VARINT = 10
MOST_LOOKED_AT = 256
"""Envelopes that are checked while somebody waits; an SDK sends one, or a few."""

HEADS_BYTES = 12
"""Tags and lengths of the two envelopes around items."""


class NotProtobufError(ValueError):
    """The bytes are not fields one after the other."""


Field = tuple[int, int, int, int, int]
"""A number, a kind, where the field begins, and where its value begins and ends."""

Value = tuple[int, int, int]
"""Where a field begins, and where its value begins and ends."""


def is_request(body: bytes) -> bool:
    """Tell whether bytes can be a request: by its first envelopes, without looking into them."""
    try:
        for _ in islice(_fields(body, 0, len(body)), MOST_LOOKED_AT):
            pass
    except NotProtobufError:
        return False
    return True


def count(signal: Signal, body: bytes) -> int:
    """Return how many spans, log records or data points are in a request.

    Raises:
        NotProtobufError: an envelope is broken.
    """
    return sum(
        _weight(signal, body, item)
        for envelope in _nested(body, ENVELOPES, 0, len(body))
        for scope in _nested(body, ITEMS, *envelope[1:])
        for item in _nested(body, ITEMS, *scope[1:])
    )


def split(signal: Signal, body: bytes, *, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield requests of `max_bytes`, at most, and how many items each has; a larger item is alone.

    Together they are the request, but that envelopes are there several times, and empty ones gone.

    Raises:
        NotProtobufError: an envelope is broken.
    """
    if len(body) <= max_bytes:
        yield body, count(signal, body)
        return
    for envelope in _nested(body, ENVELOPES, 0, len(body)):
        resource = _without_items(body, envelope)
        for scope in _nested(body, ITEMS, *envelope[1:]):
            around = _without_items(body, scope)
            room = max_bytes - len(resource) - len(around) - HEADS_BYTES
            for items, number in _groups(signal, body, scope, room=room):
                inner = _length_field(ITEMS, around + items)
                yield _length_field(ENVELOPES, resource + inner), number


def _groups(signal: Signal, body: bytes, scope: Value, *, room: int) -> Iterator[tuple[bytes, int]]:
    """Yield the items of a scope, as many together as there is room for, and their number."""
    parts: list[bytes] = []
    size = number = 0
    for item in _nested(body, ITEMS, *scope[1:]):
        at, _, end = item
        if parts and size + end - at > room:
            yield b"".join(parts), number
            parts, size, number = [], 0, 0
        parts.append(body[at:end])
        size += end - at
        number += 1 if signal != "metrics" else _weight(signal, body, item)
    if parts:
        yield b"".join(parts), number


def _weight(signal: Signal, body: bytes, item: Value) -> int:
    """Return 1, but for a metric the number of its points."""
    if signal != "metrics":
        return 1
    return sum(
        1
        for number, kind, _, begin, end in _fields(body, *item[1:])
        if number in DATA_OF_A_METRIC and kind == LENGTH
        for _ in _nested(body, DATA_POINTS, begin, end)
    )


def _nested(body: bytes, number: int, begin: int, end: int) -> Iterator[Value]:
    for of, kind, at, value, after in _fields(body, begin, end):
        if of == number and kind == LENGTH:
            yield at, value, after


def _without_items(body: bytes, envelope: Value) -> bytes:
    """Return what an envelope says of all that is in it."""
    return b"".join(
        body[at:end] for number, _, at, _, end in _fields(body, *envelope[1:]) if number != ITEMS
    )


def _fields(body: bytes, begin: int, end: int) -> Iterator[Field]:
    at = begin
    while at < end:
        tag = body[at]
        if tag & 7 == LENGTH and tag < 0x80 and at + 1 < end and body[at + 1] < 0x80:
            value = at + 2  # nearly all fields
            after = value + body[at + 1]
        else:
            tag, value = _varint(body, at, end)
            after = _after(body, tag & 7, value, end)
            value = after if tag & 7 != LENGTH else _varint(body, value, end)[1]
        number = tag >> 3
        if after > end or not number:
            raise NotProtobufError("a field is longer than what it is in")
        yield number, tag & 7, at, value, after
        at = after


def _after(body: bytes, kind: int, value: int, end: int) -> int:
    """Return where a field ends whose tag ends before `value`."""
    if kind == LENGTH:
        length, value = _varint(body, value, end)
        return value + length
    if kind == VARINT:
        return _varint(body, value, end)[1]
    if kind in FIXED:
        return value + FIXED[kind]
    raise NotProtobufError("a kind of field that no request has")


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a number and where what follows it begins."""
    if at < end and (first := body[at]) < 0x80:  # nearly all of them
        return first, at + 1
    number = shift = 0
    for place in range(at, min(end, at + LONGEST_VARINT)):
        byte = body[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place + 1
        shift += 7
    raise NotProtobufError("a number has no end")


def _length_field(number: int, value: bytes) -> bytes:
    length, coded = len(value), bytearray([number << 3 | LENGTH])
    while length >= 0x80:
        coded.append(length & 0x7F | 0x80)
        length >>= 7
    coded.append(length)
    return bytes(coded) + value
