"""A large request of the SDK keeps nothing else waiting, whatever is in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from extension.redaction.redactor import Redactor
from extension.telemetry.export.buffer import Signal
from extension.telemetry.health import Health
from extension.telemetry.receiver.content import Encoding, Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.posted_reader import PostedReader
from tests.posted_requests import as_json, parse, spans
from tests.sdk_requests import Stage, invocation_span, request
from tests.work import calls_of

SECRET = "tr0ub4dor&3-correct-horse"
MIB = 1_048_576
MOST_CALLS = 150_000
"""In one step: a hundredth of a second, or a few."""


def field(number: int, value: bytes) -> bytes:
    """Return one field of bytes."""
    length, size = bytearray(), len(value)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + value


def span(content: bytes) -> bytes:
    """Return a request with one span."""
    ids = field(1, bytes(range(16))) + field(2, bytes(range(8)))
    return field(1, field(2, field(2, ids + content)))


def text(value: str) -> bytes:
    """Return an attribute."""
    return field(9, field(1, b"k") + field(2, field(1, value.encode())))


RANDOM = base64.b64encode(hashlib.shake_256(b"7").digest(3 * MIB)).decode()

MANY = 140_000

BODIES: dict[str, tuple[Signal, Encoding, bytes, str]] = {
    "spans": (
        "traces", "protobuf", spans(*map(str, range(5000)), key="v" * 100).SerializeToString(), ""
    ),
    "spans in JSON": ("traces", "json", as_json(spans(*map(str, range(3000)), key="v" * 100)), ""),
    "a long text": ("traces", "protobuf", span(text(RANDOM)), "too_large"),
    "a long text in JSON": ("traces", "json", as_json(spans("a", key=RANDOM)), "too_large"),
    "empty attributes": ("traces", "protobuf", span(b"\x4a\0" * MANY), "too_large"),
    "attributes": ("traces", "protobuf", span(text("v") * 40_000), "too_large"),
    "empty spans": ("traces", "protobuf", field(1, field(2, b"\x12\0" * MANY)), "bad_request"),
    "empty scopes": ("traces", "protobuf", field(1, b"\x12\0" * MANY), "bad_request"),
    "empty resources": ("traces", "protobuf", b"\x0a\0" * MANY, "bad_request"),
    "unknown fields": ("traces", "protobuf", b"\x78\1" * MANY, "nothing"),
    "unknown fields of a span": ("traces", "protobuf", span(b"\x78\1" * MANY), ""),
    "a large resource": (
        "traces", "protobuf",
        field(1, field(1, text("v") * 10_000) + field(2, b"\x12\0" * MANY)), "bad_request",
    ),
    "unknown lists in JSON": ("traces", "json", b'{"a":[' + b"[]," * MANY + b"0]}", "nothing"),
    "empty objects in JSON": (
        "traces", "json", b'{"resourceSpans":[' + b"{}," * MANY + b"{}]}", "bad_request"
    ),
    "fields in JSON": (
        "traces", "json", b"{%b}" % b",".join(b'"%d":0' % each for each in range(MANY)), "nothing"
    ),
    "numbers in JSON": (
        "metrics", "json",
        b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":'
        b'[{"bucketCounts":[' + b"0," * MANY + b"0]}]}}]}]}]}", "too_large",
    ),
    "spans of invocations": (
        "traces", "protobuf", request(*(invocation_span(f"r{n}", n + 1) for n in range(3000))), ""
    ),
}  # fmt: skip
"""Each with why it is lost: \"nothing\" where nothing of it is known."""


def steps_of(reader: PostedReader, name: str) -> Iterator[int]:
    """Yield the work of each step of a body."""
    signal, encoding, body, _ = BODIES[name]
    steps = reader.read(Posted(signal=signal, encoding=encoding, body=body))
    ended = object()
    found: list[object] = []
    while not found or found[-1] is not ended:
        yield calls_of(lambda: found.append(next(steps, ended)))


def reading(stage: Stage) -> PostedReader:
    """Return a reader that knows a secret, in front of a pipeline."""
    redactor = Redactor()
    redactor.learn("key", SECRET)
    return PostedReader(
        take=stage.pipeline.take_sdk,
        signals=("traces", "metrics"),
        redaction=redactor,
        counts=ReceiverCounts(),
        health=stage.health,
    )


@pytest.mark.parametrize("name", BODIES)
def test_it_is_read_in_small_steps(name: str) -> None:
    """None takes longer than others may wait; what would take too long in all is lost, counted."""
    stage = Stage()
    work = list(steps_of(reading(stage), name))
    assert max(work) < MOST_CALLS, (len(work), max(work))
    assert len(work) < 1000
    assert not stage.health.faults
    reason = BODIES[name][-1]
    assert (reason in stage.health.dropped) == (reason not in ("", "nothing"))
    stage.end()
    assert stage.items or reason
    assert not stage.items or reason != "nothing"


def test_a_large_item_costs_itself_alone() -> None:
    """The others of its request leave."""
    sent = spans("a", "b", "c", key="v")
    sent.resource_spans[0].scope_spans[0].spans[1].attributes.add(
        key="k"
    ).value.string_value = RANDOM
    taken: list[bytes] = []
    health = Health()
    reader = PostedReader(
        take=keeping(taken), signals=("traces",), redaction=Redactor(), counts=ReceiverCounts(),
        health=health,
    )  # fmt: skip
    body = sent.SerializeToString()
    assert list(reader.read(Posted(signal="traces", encoding="protobuf", body=body)))
    names = [
        each.name
        for of in parse("traces", *taken).resource_spans
        for scope in of.scope_spans
        for each in scope.spans
    ]
    assert names == ["a", "c"]
    assert health.dropped == {"too_large": 1}


def keeping(taken: list[bytes]) -> Callable[..., None]:
    """Return what keeps all that is handed on."""
    numbers = count()

    def take(signal: Signal, body: bytes, number: int, *, is_whole: bool) -> None:
        assert (signal, number > 0, is_whole, next(numbers)) == ("traces", True, True, 0)
        taken.append(body)

    return take
