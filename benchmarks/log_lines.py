"""Deliveries of log lines as functions write them: of real words, because one letter hides what
costs.

Every line of one invocation, in the platform's deliveries of a thousand.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from benchmarks.traffic import request_id

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REQUEST = request_id(1)
LINES_A_MS = 2
"""Lines that a busy function writes in a millisecond."""

SYLLABLES = tuple(map("".join, product("bdfgklmnprst", "aeiou")))
SECRET = "Zk7-secret-of-the-benchmark-41"  # of no one


class Writer:
    """Writes lines; the same each time, because they are drawn from a seed."""

    def __init__(self) -> None:
        self._random = random.Random(7)  # words, no secrets

    def text(self, at_ms: float) -> str:
        """Return a line of Python's runtime, about 180 characters."""
        level = self._random.choice(["INFO", "INFO", "INFO", "WARNING", "DEBUG"])
        return f"[{level}]\t{iso(at_ms)}\t{REQUEST}\t{self._words(100)}\n"

    def json(self, at_ms: float) -> str:
        """Return a line of a logger that writes JSON; every third has a nested field."""
        fields: dict[str, Any] = {
            "timestamp": iso(at_ms),
            "level": "INFO",
            "message": self._words(60),
            "requestId": REQUEST,
            "order": self._random.randrange(10**6),
            "customer": self._word(),
        }
        if self._random.random() < 1 / 3:
            fields["cart"] = {"items": 3, "tags": [1, 2, self._word()]}
        return json.dumps(fields) + "\n"

    def _words(self, characters: int) -> str:
        words: list[str] = []
        while sum(map(len, words)) + len(words) < characters:
            words.append(self._word())
        return " ".join(words)

    def _word(self) -> str:
        if self._random.random() < 0.2:
            return str(self._random.randrange(10**6))
        return "".join(self._random.choices(SYLLABLES, k=self._random.randrange(1, 5)))


def deliveries(
    write: Callable[[float], str], *, lines: int, a_delivery: int = 1000, leaks_every: int = 0
) -> Iterator[bytes]:
    """Yield deliveries of lines; one in so many holds `SECRET`."""
    for first in range(0, lines, a_delivery):
        events = []
        for number in range(first, first + a_delivery):
            at_ms = number / LINES_A_MS
            record = write(at_ms)
            if leaks_every and number % leaks_every == 0:
                record = f"{record.rstrip()} {SECRET}\n"
            events.append({"time": iso(at_ms + 1), "type": "function", "record": record})
        yield json.dumps(events, separators=(",", ":")).encode()


def iso(at_ms: float) -> str:
    """Return a time as the platform writes it."""
    return f"{NOON + timedelta(milliseconds=at_ms):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def start(request_id: str = REQUEST) -> bytes:
    """Return the delivery with which an invocation begins."""
    record = {"requestId": request_id, "version": "$LATEST"}
    return json.dumps([{"time": iso(-100), "type": "platform.start", "record": record}]).encode()


def done(request_id: str = REQUEST) -> bytes:
    """Return the delivery with which it ends."""
    record = {"requestId": request_id, "status": "success"}
    event = {"time": iso(60_000), "type": "platform.runtimeDone", "record": record}
    return json.dumps([event]).encode()
