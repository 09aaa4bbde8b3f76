"""PURE: what waits for export: OTLP request bytes of one signal, with the number of their items.

Serialized `Export…ServiceRequest`s of one signal joined byte by byte are the merged request, for
their only field is repeated; the events of the JSON format are joined by commas. So everything is
encoded once, when it is finished, its size is exact, and a batch is a join.
Source: https://protobuf.dev/programming-guides/encoding/#last-one-wins
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from extension.process.frozen import Frozen

Signal = Literal["traces", "logs", "metrics", "events"]
"""What kind of items these are; `events` are the platform's own, for the JSON format."""

REQUEST_BYTES = 32_768
"""What many records are cut into: an endpoint that takes no more at once still gets them all, and
the smallest buffer that may be set has a place for it."""


class Outgoing(Frozen):
    """A small request of its own: `count` spans, log records, data points or events."""

    signal: Signal
    body: bytes
    count: int = 1


def split(texts: Iterable[bytes], *, max_bytes: int) -> Iterator[list[bytes]]:
    """Yield the texts in groups of `max_bytes` with commas, at most; a larger one is alone."""
    group: list[bytes] = []
    room = max_bytes
    for text in texts:
        if group and len(text) > room:
            yield group
            group, room = [], max_bytes
        group.append(text)
        room -= len(text) + 1  # the comma between two
    if group:
        yield group
