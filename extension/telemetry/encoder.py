"""What turns the pipeline's values into items for export: the base of both formats.

OTLP sends what is finished; the JSON format sends the platform's events as they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished
from extension.telemetry.export.buffer import PendingItem, Signal
from extension.telemetry.health import Health

if TYPE_CHECKING:  # not imported where no SDK sends anything
    from extension.telemetry.assembly.undecided import SdkPart
    from extension.telemetry.reading.sdk_spans import SdkRequest


class Encoder:
    """A format in which nothing is sent."""

    reads_lines = True
    """Whether what a line says is needed; else it is only passed on."""

    def learn_instance(self, instance_id: str) -> None:
        """Take the sandbox's name, which every later item carries."""

    def restored(self, at_ns: int) -> None:
        """Learn that the sandbox began at a time, from a snapshot."""

    def encode_events(self, events: Sequence[Any]) -> Sequence[PendingItem]:
        """Return the items that the platform's events, JSON objects as they came, are sent as."""
        del events
        return ()

    def encode(self, finished: Finished) -> Sequence[PendingItem]:
        """Return the items of one finished thing, ids and times included."""
        del finished
        return ()

    def read_sdk(self, body: bytes, count: int, *, finds_orphans: bool) -> SdkRequest:
        """Take the spans of invocations out of a request that the function's SDK sent."""
        raise NotImplementedError

    def measure(self, finished: Finished) -> None:
        """Count something finished that is not sent."""

    def divide_sdk(
        self, signal: Signal, body: bytes, count: int, *, detail_below: int
    ) -> Sequence[SdkPart]:
        """Divide a request that the function's SDK sent by trace."""
        raise NotImplementedError

    def mark_sdk(self, part: SdkPart) -> bytes:
        """Return what the SDK sent as it is sent on."""
        raise NotImplementedError

    def count_answer(self, answer: CacheAnswer) -> None:
        """Measure one GET of the cache."""

    def count_call(self, call: CacheCall) -> None:
        """Measure one call of the cache to AWS."""

    def collect(self, health: Health, *, now_ns: int) -> Sequence[PendingItem]:
        """Return the items measured since the last call."""
        del health, now_ns
        return ()
