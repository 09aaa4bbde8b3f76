"""Reads requests that were accepted: to protobuf, without secrets, counted, and handed on.

In steps of a few dozen items, between which the event loop has GETs and exports to look after. The
usual request is handed on as a whole, because its spans are understood together; a larger one in
parts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Iterator
from hashlib import blake2b
from typing import Protocol

from extension.telemetry.export.buffer import REQUEST_BYTES, Signal
from extension.telemetry.export.envelopes import NOTHING, NotProtobufError, split
from extension.telemetry.health import Health
from extension.telemetry.receiver.cleaning import Cleaner, HiddenError, TooLargeError
from extension.telemetry.receiver.content import MAX_BODY_BYTES, Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.from_json import JsonConverter
from extension.telemetry.receiver.json_fields import NotOtlpError
from extension.telemetry.receiver.text_walks import BadItemError, Redaction

MAX_WHOLE_BYTES = 1_048_576
MAX_WHOLE_ITEMS = 4096
"""What is handed on as a whole: an SDK exports 512 spans at once, of a few hundred bytes."""

STEP_NOTHINGS = 128
MOST_NOTHINGS = 4096
"""How often nothing is found in one step, and in a request: envelopes may be empty."""

MOST_ITEMS = 131_072
"""Of a request: those of 8 MiB are larger than they can be, by far, unless they say nothing."""

REMEMBERED = 32
"""Requests that are known by their content: an SDK repeats the one it got no answer for, because a
freeze outlasted its patience, though it was taken."""

LEAST_WORK_BYTES = MAX_BODY_BYTES
MOST_WORK = 4
"""How many times its own size is read of a request, at most: what is said of a resource is read
again with each part of what it has."""


class Take(Protocol):
    """Takes what may leave."""

    def __call__(self, signal: Signal, body: bytes, count: int, *, is_whole: bool) -> None:
        """Take `count` spans, log records or data points in protobuf; all of a request, or not."""


class Outgoing:
    """What is handed on of one request."""

    def __init__(self, signal: Signal, take: Take) -> None:
        self._signal = signal
        self._take = take
        self._parts: list[tuple[bytes, int]] = []
        self._bytes = self._items = 0
        self._is_whole = True

    def add(self, part: bytes, number: int) -> None:
        """Keep a part, or hand it on if there are too many for a whole."""
        self._parts.append((part, number))
        self._bytes += len(part)
        self._items += number
        if self._bytes > MAX_WHOLE_BYTES or self._items > MAX_WHOLE_ITEMS:
            self._is_whole = False
        if not self._is_whole:
            self._hand_on(*self._parts.pop(0))

    def rest(self) -> Iterator[None]:
        """Hand on what is kept; each step is a part of it."""
        if self._is_whole and self._items:
            body = b"".join(part for part, _ in self._parts)
            self._take(self._signal, body, self._items, is_whole=True)
            return
        for part, number in self._parts:
            self._hand_on(part, number)
            yield

    def _hand_on(self, part: bytes, number: int) -> None:
        if number:
            self._take(self._signal, part, number, is_whole=False)


class PostedReader:
    """Reads requests of the signals that are exported."""

    def __init__(
        self,
        *,
        take: Take,
        signals: Collection[str],
        redaction: Redaction,
        counts: ReceiverCounts,
        health: Health,
    ) -> None:
        self._take = take
        self._signals = signals
        self._cleaner = Cleaner(redaction)
        self._json = JsonConverter()
        self._seen: deque[bytes] = deque(maxlen=REMEMBERED)
        self._counts = counts
        self._health = health

    def read(self, posted: Posted) -> Iterator[None]:
        """Read one request; each step of the iterator is a part of the work."""
        signal = posted.signal
        if signal not in self._signals:
            self._counts.not_forwarded[signal] += 1
            return
        if self._is_repeated(posted):
            self._counts.refused["repeated"] += 1
            return
        outgoing = Outgoing(signal, self._take)
        try:
            body = yield from self._as_protobuf(posted)
            del posted
            for clean, number in self._parts(signal, body):
                if clean:
                    outgoing.add(clean, number)
                    self._counts.items[signal] += number
                yield
        except (NotOtlpError, NotProtobufError):
            self._health.dropped["bad_request"] += 1
        yield from outgoing.rest()

    def count_unread(self, number: int) -> None:
        """Count requests that will not be read, or not to their end."""
        if number:
            self._counts.refused["waiting"] += number

    def _is_repeated(self, posted: Posted) -> bool:
        """Return whether these very bytes came before; no two have the same times and ids."""
        digest = blake2b(posted.body, digest_size=16, person=posted.signal.encode()).digest()
        if digest in self._seen:
            return True
        self._seen.append(digest)
        return False

    def _as_protobuf(self, posted: Posted) -> Generator[None, None, bytes]:
        if posted.encoding == "json":
            return (yield from self._json.convert(posted.signal, posted.body))
        return posted.body

    def _parts(self, signal: Signal, body: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield what may leave, and nothing now and then."""
        work = max(MOST_WORK * len(body), LEAST_WORK_BYTES)
        nothings = 0
        items = 0
        for part, count in split(signal, body, max_bytes=REQUEST_BYTES):
            items += count
            if items > MOST_ITEMS:
                raise NotProtobufError("there are more items than can be")
            if not part:
                nothings += 1
                if nothings > MOST_NOTHINGS:
                    raise NotProtobufError("there is nothing in it")
                if nothings % STEP_NOTHINGS == 0:
                    yield NOTHING
                continue
            for each in self._clean(signal, part, count):
                yield each
                work -= len(part)
                if work < 0:
                    raise NotProtobufError("more is said of a resource than there is in it")

    def _clean(self, signal: Signal, part: bytes, count: int) -> Iterator[tuple[bytes, int]]:
        """Yield what may leave of a part; where something may not, each item by itself."""
        try:
            clean = self._cleaned(signal, part)
        except Exception:  # noqa: BLE001  # one item's, whatever is wrong with it
            for item, number in split(signal, part, max_bytes=0):
                yield self._cleaned_or_dropped(signal, item, number), number
        else:
            yield clean, count

    def _cleaned_or_dropped(self, signal: Signal, item: bytes, number: int) -> bytes:
        try:
            return self._cleaned(signal, item) if item else item
        except Exception as error:  # noqa: BLE001  # that of this item
            self._drop(error, max(number, 1))
            return b""

    def _cleaned(self, signal: Signal, part: bytes) -> bytes:
        clean = self._cleaner.clean(signal, part)
        if redacted := self._cleaner.items_redacted:
            self._counts.redacted[signal] += redacted
            self._health.leaks += redacted
        return clean

    def _drop(self, error: Exception, count: int) -> None:
        match error:
            case BadItemError():
                reason = "bad_item"
            case HiddenError():
                reason = "secret"
            case TooLargeError():
                reason = "too_large"
            case _:
                reason = "fault"
                self._health.faults[type(error).__name__] += 1
        self._health.dropped[reason] += count
