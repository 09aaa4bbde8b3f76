"""What is finished, to items of each signal that the user asked for."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from extension.ids import Ids
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished
from extension.telemetry.export.outgoing import Outgoing
from extension.telemetry.health import Health
from extension.telemetry.otlp.resource import build_resource
from extension.telemetry.otlp.spans import SpanBuilder
from extension.telemetry.reading.decode import Batch
from extension.telemetry.sender import Sender

if TYPE_CHECKING:
    from extension.telemetry.otlp.metrics import Meter  # 40 ms to import, for who asks for it


class OtlpEncoder:
    """Spans, log records and metrics of one sandbox."""

    def __init__(
        self,
        *,
        ids: Ids,
        sender: Sender,
        signals: Sequence[str],
        max_events: int,
        meter: Meter | None,
    ) -> None:
        self._sender = sender
        self._with_spans = "traces" in signals
        self._meter = meter
        self._logs = _open_logs() if "logs" in signals else None
        self._spans = SpanBuilder(
            ids=ids, sender=sender, max_events=max_events, with_records=self._logs is None
        )

    def learn_instance(self, instance_id: str) -> None:
        """Take the log stream's name, by which the sandbox is known."""
        self._spans.resource = build_resource(self._sender, instance_id=instance_id)

    def take_events(self, batch: Batch) -> list[Outgoing]:
        """Return nothing: OTLP sends what is finished, not the events."""
        del batch
        return []

    def build(self, finished: Finished) -> list[Outgoing]:
        """Return the items of one finished thing, ids and times included."""
        items: list[Outgoing] = []
        if self._with_spans:
            items += [
                Outgoing(signal="traces", item=span, size=self._spans.size(span))
                for span in self._spans.build(finished)
            ]
        if self._logs:
            items += [
                Outgoing(signal="logs", item=record, size=self._logs.size(record))
                for record in self._logs.build_logs(finished, resource=self._spans.resource)
            ]
        if self._meter:
            self._meter.record(finished)
        return items

    def count_answer(self, answer: CacheAnswer) -> None:
        """Measure one GET of the cache."""
        if self._meter:
            self._meter.record_answer(answer)

    def count_call(self, call: CacheCall) -> None:
        """Measure one call of the cache to AWS."""
        if self._meter:
            self._meter.record_call(call)

    def collect(self, health: Health, *, now_ns: int) -> list[Outgoing]:
        """Return the metrics gathered since the last call."""
        if self._meter is None:
            return []
        return self._meter.collect(health, resource=self._spans.resource, now_ns=now_ns)


def _open_logs() -> ModuleType:
    from extension.telemetry.otlp import logs  # noqa: PLC0415  # heavy: for who asks for them

    return logs
