"""What is finished and what the function's SDK sent, on its way into the buffer.

Where only some invocations are kept, it waits for the sampler first. A fault of ours costs what it
was about, and that is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from extension.telemetry.assembly.finished import Finished, Invocation
from extension.telemetry.encoder import Encoder
from extension.telemetry.export.buffer import REQUEST_BYTES, Buffer, PendingItem, Signal
from extension.telemetry.export.envelopes import split
from extension.telemetry.health import Health

if TYPE_CHECKING:  # not imported where everything is kept
    from extension.telemetry.assembly.sampling import Sampler
    from extension.telemetry.assembly.undecided import Item


class Outlet:
    """Fills the buffer.

    `sampler`: what is finished may wait for a verdict, and so may what the SDK sends; of its log
    records those below `detail_below` are details.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        buffer: Buffer,
        health: Health,
        sampler: Sampler | None = None,
        detail_below: int = 0,
    ) -> None:
        self._encoder = encoder
        self._buffer = buffer
        self._health = health
        self._sampler = sampler
        self._detail_below = detail_below
        if sampler:
            sampler.on_left_out = self._count_left_out

    def take(self, finished: Iterable[Finished]) -> None:
        """Take what is finished."""
        step = self._sample if self._sampler else self._encode_one
        for each in finished:
            if not self._health.guarded(step, each):
                self._health.dropped["fault"] += 1

    def take_sdk(self, signal: Signal, body: bytes, count: int) -> None:
        """Take an OTLP request of the function's own SDK: `count` spans, records or points."""
        if self._sampler and self._sampler.concerns(signal):
            if not self._health.guarded(self._sample_sdk, self._sampler, signal, body, count):
                self._health.dropped["fault"] += count
        else:
            self._buffer_sdk(signal, body, count)

    def end(self) -> None:
        """Let go of what waits for the sampler."""
        if self._sampler:
            self._health.guarded(self._emit, self._sampler.end())

    def _sample_sdk(self, sampler: Sampler, signal: Signal, body: bytes, count: int) -> None:
        for part in self._encoder.divide_sdk(signal, body, count, detail_below=self._detail_below):
            self._emit(sampler.feed_sdk(part))

    def _buffer_sdk(self, signal: Signal, body: bytes, count: int) -> None:
        if len(body) <= REQUEST_BYTES:
            self._buffer.add(PendingItem(signal=signal, body=body, count=count))
            return
        for part, number in split(signal, body, max_bytes=REQUEST_BYTES):
            if part:
                self._buffer.add(PendingItem(signal=signal, body=part, count=number))

    def _sample(self, finished: Finished) -> None:
        assert self._sampler
        self._emit(self._sampler.feed(finished))

    def _emit(self, items: Iterable[Item]) -> None:
        """Encode what was decided to be kept."""
        from extension.telemetry.assembly.undecided import SdkPart  # noqa: PLC0415  # with a sampler

        for each in items:
            if isinstance(each, SdkPart):
                self._buffer_sdk(each.signal, self._encoder.mark_sdk(each), each.count)
            elif not self._health.guarded(self._encode_one, each):
                self._health.dropped["fault"] += 1

    def _count_left_out(self, finished: Finished) -> None:
        if isinstance(finished, Invocation):
            self._health.finished += 1
        self._encoder.measure(finished)

    def _encode_one(self, finished: Finished) -> None:
        if isinstance(finished, Invocation):
            self._health.finished += 1
        self._buffer.extend(self._encoder.encode(finished))
