"""Whatever lies in a bucket of dead letters is read as a request, or left with a reason."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from extension.replay.files import BucketError, DamagedError, DeadLetterFiles
from extension.replay.sending import divide
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.envelopes import NOTHING, count, split
from extension.telemetry.export.s3_location import KEY, Location
from tests.doubles import ManualClock
from tests.fuzz.budget import fuzz
from tests.fuzz.posted import protobuf, signals

FOLDER = "lost/year=2026/month=01/day=01/hour=12/minute=00"


class AnswersOf:
    """A bucket that gives these answers, one after the other, and then an empty one."""

    location = Location(bucket="b", prefix="lost", region="r", base_url="http://s3/b")

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)

    async def ask(self, *_: object, **__: object) -> Answer:
        """Answer a request."""
        return self._answers.pop(0) if self._answers else Answer(status=200)


async def at_once(_: float) -> None:
    """Pause for no time."""


def files_of(*answers: Answer) -> DeadLetterFiles:
    """Return the files of a bucket that gives these answers."""
    bucket: Any = AnswersOf(*answers)
    return DeadLetterFiles(bucket, clock=ManualClock(), sleep=at_once)


statuses = st.sampled_from([200, 200, 200, 204, 301, 403, 404, 500, 503])
contents = st.one_of(
    protobuf,
    st.lists(protobuf.map(gzip.compress), max_size=3).map(b"".join),
    st.tuples(protobuf.map(gzip.compress), st.integers(0, 40)).map(lambda each: each[0][: each[1]]),
)
names = st.one_of(
    st.text(max_size=40),
    signals.map(lambda signal: f"{FOLDER}/{signal}_a.binpb"),
    signals.map(lambda signal: f"{FOLDER}/{signal}_a.binpb.gz"),
)


def read(drawn: tuple[str, bool, int, bytes]) -> None:
    """Read one file: what is sent of it, whole or in parts, has as many items as it says."""
    signal, compressed, status, content = drawn
    key = f"{FOLDER}/{signal}_a.binpb{'.gz' * compressed}"
    try:
        body, items = _run(files_of(Answer(status=status, content=content)).read(key))
    except (BucketError, DamagedError):
        return
    assert items == count(signal, body) > 0  # type: ignore[arg-type]
    parts = [each for each in split(signal, body, max_bytes=50) if each is not NOTHING]  # type: ignore[arg-type]
    assert sum(number for _, number in parts) == items
    assert all(count(signal, part) == number for part, number in parts)  # type: ignore[arg-type]
    halves = divide(signal, body, items) if items > 1 else []  # type: ignore[arg-type]
    assert sum(number for _, number in halves) in (0, items)
    assert all(len(half) < len(body) for half, _ in halves)


def test_files() -> None:
    """Compressed or not, whole, cut, joined, or something else."""
    assert fuzz(read, st.tuples(signals, st.booleans(), statuses, contents))


def list_all(pages: list[tuple[int, list[str], bytes]]) -> None:
    """List a bucket: only names of dead letters come, each as it is, and the list ends."""
    answers = [
        Answer(
            status=status,
            content=b"".join(f"<Key>{escape(key)}</Key>".encode("utf-8", "replace") for key in keys)
            + b"<NextContinuationToken>t</NextContinuationToken>"
            + rubbish,
        )
        for status, keys, rubbish in pages
    ]
    files = files_of(*answers)

    async def listed() -> list[str]:
        return [key async for key in files.list_keys()]

    with suppress(BucketError):
        assert all(KEY.fullmatch(key) for key in _run(listed()))


def test_lists() -> None:
    """Names with anything in them, and pages that are no XML."""
    page = st.tuples(statuses, st.lists(names, max_size=4), st.binary(max_size=30))
    assert fuzz(list_all, st.lists(page, max_size=3))


def _run(step: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(step)
