"""Reads requests that were accepted: to protobuf, without secrets, counted, and handed on.

In steps of a few dozen items, between which the event loop has GETs and exports to look after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from extension.telemetry.export.buffer import REQUEST_BYTES, Signal
from extension.telemetry.export.envelopes import NotProtobufError, split
from extension.telemetry.health import Health
from extension.telemetry.receiver.cleaning import BadItemError, Cleaner, HiddenError, Redaction
from extension.telemetry.receiver.content import Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.from_json import JsonConverter, NotOtlpError

Take = Callable[[Signal, bytes, int], None]
"""Takes a request in protobuf, and the number of spans, log records or data points in it."""


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
        self._counts = counts
        self._health = health

    def read(self, posted: Posted) -> Iterator[None]:
        """Read one request; each step of the iterator is a part of the work."""
        signal = posted.signal
        if signal not in self._signals:
            self._counts.not_forwarded[signal] += 1
            return
        parts: list[bytes] = []
        number = 0
        try:
            body = self._as_protobuf(posted)
            for part, count in split(signal, body, max_bytes=REQUEST_BYTES):
                for clean, left in self._clean(signal, part, count):
                    parts.append(clean)
                    number += left
                yield
        except (NotOtlpError, NotProtobufError):
            self._health.dropped["bad_request"] += 1
        self._counts.items[signal] += number
        if number:
            self._take(signal, b"".join(parts), number)

    def _as_protobuf(self, posted: Posted) -> bytes:
        if posted.encoding == "json":
            return self._json.convert(posted.signal, posted.body)
        return posted.body

    def _clean(self, signal: Signal, part: bytes, count: int) -> Iterator[tuple[bytes, int]]:
        """Yield what may leave of a part; where something may not, each item by itself."""
        try:
            clean = self._cleaner.clean(signal, part)
        except Exception as error:  # noqa: BLE001  # one item's, whatever is wrong with it
            items = list(split(signal, part, max_bytes=0))
            if len(items) > 1:
                for item, number in items:
                    yield from self._clean(signal, item, number)
            else:
                self._drop(error, max(count, 1))
            return
        if redacted := self._cleaner.items_redacted:
            self._counts.redacted[signal] += redacted
            self._health.leaks += redacted
        yield clean, count

    def _drop(self, error: Exception, count: int) -> None:
        match error:
            case BadItemError():
                reason = "bad_item"
            case HiddenError():
                reason = "secret"
            case _:
                reason = "fault"
                self._health.faults[type(error).__name__] += 1
        self._health.dropped[reason] += count
