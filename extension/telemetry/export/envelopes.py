"""PURE: OTLP requests as bytes: checked, counted and split without any protobuf library.

The requests of all three signals are built alike, and only this much of them is known here, so that
whatever else is in a request, a newer SDK's fields included, stays as it is:

    request { 1: of one resource { 1: resource, 2: of one scope { 1: scope, 2: item … } … } }

Sources: https://github.com/open-telemetry/opentelemetry-proto,
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import islice

from extension.telemetry.export.buffer import Signal
from extension.telemetry.wire import FIXED32, FIXED64, LENGTH, VARINT, field

ENVELOPES, ITEMS = 1, 2
"""Numbers of the fields that hold the envelopes of a request, and what is in an envelope."""

DATA_POINTS = 1
DATA_OF_A_METRIC = frozenset({5, 7, 9, 10, 11})
"""Gauge, sum, histogram, exponential histogram, summary; each has its points in field 1."""

FIXED = {FIXED64: 8, FIXED32: 4}
LONGEST_VARINT = 10
MOST_LOOKED_AT = 256
"""Fields that are looked at in one go while others wait; an SDK sends one envelope, or a few."""

MOST_TOGETHER = 256
"""Items in one part of a request: small ones take time, too."""

HEADS_BYTES = 12
"""Tags and lengths of the two envelopes around items."""


class NotProtobufError(ValueError):
    """The bytes are not fields one after the other."""


Piece = tuple[bytes, int]
"""A request, and the number of its items."""

NOTHING: Piece = (b"", 0)

Field = tuple[int, int, int, int, int]
"""A number, a kind, where the field begins, and where its value begins and ends."""

Value = tuple[int, int, int]
"""Where a field begins, and where its value begins and ends."""


def is_request(body: bytes) -> bool:
    """Return whether bytes can be a request: by its first envelopes, without looking into them."""
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
        if envelope
        for scope in _nested(body, ITEMS, *envelope[1:])
        if scope
        for item in _nested(body, ITEMS, *scope[1:])
        if item
    )


def split(
    signal: Signal, body: bytes, *, max_bytes: int, max_items: int = MOST_TOGETHER
) -> Iterator[Piece]:
    """Yield requests of `max_bytes`, at most, and how many items each has; a larger item is alone.

    Together they are the request, but that envelopes are there several times, and empty ones gone.
    With a large envelope there is as much of items as of itself. `NOTHING` is yielded for an empty
    envelope, and where nothing was found for a while, so that the caller may do something else.

    Raises:
        NotProtobufError: an envelope is broken.
    """
    if len(body) <= max_bytes:
        yield body, count(signal, body)
        return
    for envelope in _nested(body, ENVELOPES, 0, len(body)):
        if envelope is None:
            yield NOTHING
            continue
        resource = yield from _without_items(body, envelope)
        found = 0
        for inner, number in _scopes(
            signal, body, envelope, around=len(resource), max_bytes=max_bytes, max_items=max_items
        ):
            found += len(inner)
            yield (field(ENVELOPES, resource + inner), number) if inner else NOTHING
        if not found:
            yield NOTHING


def _scopes(
    signal: Signal, body: bytes, envelope: Value, *, around: int, max_bytes: int, max_items: int
) -> Iterator[Piece]:
    """Yield parts of the scopes of a resource, of which `around` bytes go with each part."""
    for scope in _nested(body, ITEMS, *envelope[1:]):
        if scope is None:
            yield NOTHING
            continue
        without = yield from _without_items(body, scope)
        heads = around + len(without) + HEADS_BYTES
        most_bytes = max(max_bytes - heads, heads if max_bytes else 0)
        found = 0
        for items, number in _groups(
            signal, body, scope, most_bytes=most_bytes, max_items=max_items
        ):
            found += len(items)
            yield (field(ITEMS, without + items), number) if items else NOTHING
        if not found:
            yield NOTHING


def _groups(
    signal: Signal, body: bytes, scope: Value, *, most_bytes: int, max_items: int
) -> Iterator[Piece]:
    """Yield the items of a scope, as many together as fit, and their number."""
    parts: list[bytes] = []
    size = number = 0
    for item in _nested(body, ITEMS, *scope[1:]):
        if item is None:
            yield NOTHING
            continue
        at, _, end = item
        if parts and (size + end - at > most_bytes or len(parts) >= max_items):
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
        for point in _nested(body, DATA_POINTS, begin, end)
        if point
    )


def _nested(body: bytes, number: int, begin: int, end: int) -> Iterator[Value | None]:
    """Yield the fields of a number; None where others were looked at for a while."""
    others = 0
    for of, kind, at, value, after in _fields(body, begin, end):
        if of == number and kind == LENGTH:
            yield at, value, after
        else:
            others += 1
            if others % MOST_LOOKED_AT == 0:
                yield None


def _without_items(body: bytes, envelope: Value) -> Generator[Piece, None, bytes]:
    """Return what an envelope says of all that is in it."""
    parts = []
    for looked_at, (number, _, at, _, end) in enumerate(_fields(body, *envelope[1:]), 1):
        if number != ITEMS:
            parts.append(body[at:end])
        if looked_at % MOST_LOOKED_AT == 0:
            yield NOTHING
    return b"".join(parts)


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
