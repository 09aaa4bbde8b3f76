"""Whatever an SDK posts is answered, and leaves as a request that can be parsed, or is counted."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any

from extension.redaction.redactor import Redactor
from extension.telemetry.export.envelopes import count
from extension.telemetry.health import Health
from extension.telemetry.receiver.content import Posted, RefusedError, check, decompress
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.from_json import JsonConverter
from extension.telemetry.receiver.json_fields import NotOtlpError
from extension.telemetry.receiver.posted_reader import PostedReader
from tests.fuzz.budget import fuzz
from tests.fuzz.posted import SECRET, posts
from tests.posted_requests import parse


def read(post: tuple[Any, Any, bytes]) -> None:
    """Read one post; what is handed on can be parsed, is counted right, and has no secret."""
    signal, encoding, body = post
    redactor, health, counts = Redactor(), Health(), ReceiverCounts()
    redactor.learn("key", SECRET)
    taken: list[tuple[str, bytes, int]] = []
    reader = PostedReader(
        take=lambda *each, **_: taken.append(each),
        signals=("traces", "logs", "metrics"),
        redaction=redactor,
        counts=counts,
        health=health,
    )
    try:
        check(body, encoding)
    except RefusedError:
        return
    for _ in reader.read(Posted(signal=signal, encoding=encoding, body=body)):
        pass
    _read_in_steps(post)
    for of, left, number in taken:
        assert of == signal
        assert count(of, left) == number  # type: ignore[arg-type]
        parse(of, left)  # type: ignore[arg-type]
        assert SECRET.encode() not in left
        assert SECRET.encode().hex().encode() not in left
    assert counts.items[signal] == sum(number for _, _, number in taken)
    assert not health.faults
    assert set(health.dropped) <= {"bad_request", "bad_item", "secret"}


def _read_in_steps(post: tuple[Any, Any, bytes]) -> None:
    """Convert JSON as that of a large request is: it is the same, or one of both is refused."""
    signal, encoding, body = post
    if encoding != "json":
        return
    found = []
    for converter in (JsonConverter(), JsonConverter(window=30)):
        with suppress(NotOtlpError):
            found.append(parse(signal, _all_steps(converter.convert(signal, body))))
    assert found in ([], found[:1], found[:1] * 2)


def _all_steps(steps: Generator[None, None, bytes]) -> bytes:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bytes(end.value)


def test_posts() -> None:
    """In both encodings, of every signal, right, nearly right and wrong."""
    assert fuzz(read, posts)


def unpack(compressed: tuple[Any, Any, bytes]) -> None:
    """Undo a compression that may be none."""
    for coding in ("gzip", "deflate"):
        with suppress(RefusedError):
            assert isinstance(decompress(compressed[2], coding), bytes)


def test_compressions() -> None:
    """What is not what it says is refused."""
    assert fuzz(unpack, posts)
