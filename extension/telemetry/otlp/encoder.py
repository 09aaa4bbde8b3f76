"""What is finished, to items of each signal that the user asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource

from extension.process.ids import Ids
from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall
from extension.telemetry.assembly.finished import Finished, JoinedSpan
from extension.telemetry.assembly.held_records import PartSize
from extension.telemetry.encoder import Encoder
from extension.telemetry.export.buffer import PendingItem, Signal
from extension.telemetry.health import Health
from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.requests import Requests
from extension.telemetry.otlp.resource import build_resource
from extension.telemetry.otlp.span_attributes import local_attributes
from extension.telemetry.otlp.spans import SpanBuilder
from extension.telemetry.resource_identity import ResourceIdentity

if TYPE_CHECKING:
    from extension.telemetry.assembly.undecided import SdkPart
    from extension.telemetry.otlp.logs import LogEncoder
    from extension.telemetry.otlp.metrics import Meter  # 40 ms to import: only with metrics
    from extension.telemetry.reading.sdk_spans import SdkRequest


class OtlpEncoder(Encoder):
    """Spans, log records and metrics of one sandbox."""

    def __init__(
        self,
        *,
        ids: Ids,
        identity: ResourceIdentity,
        signals: Sequence[str],
        part: PartSize,
        meter: Meter | None,
        health: Health,
        repeat_exceptions: bool = False,
        with_sdk: bool = False,
        for_xray: bool = False,
        span_limits: Limits | None = None,
        log_limits: Limits | None = None,
    ) -> None:
        self._identity = identity
        self._resource = build_resource(identity)
        self._health = health
        self._with_spans = "traces" in signals
        self._meter = meter
        self._logs = _open_logs(log_limits, health) if "logs" in signals else None
        self._sdk = _open_sdk_requests() if with_sdk else None
        self._spans = SpanBuilder(
            ids=ids,
            identity=identity,
            part=part,
            with_records=self._logs is None,
            repeat_exceptions=repeat_exceptions,
            limits=span_limits,
            local=_local(self._resource, identity) if for_xray else None,
            health=health,
        )
        self._requests = Requests(self._resource, health=health)

    def learn_instance(self, instance_id: str) -> None:
        """Take the log stream's name, by which the sandbox is known."""
        self._resource = build_resource(self._identity, instance_id=instance_id)
        self._requests.use(self._resource)

    def restored(self, at_ns: int) -> None:
        """Let metrics begin with the restore: the snapshot may be weeks old."""
        if self._meter:
            self._meter.gathered.begin(at_ns)

    def read_sdk(self, body: bytes, count: int, *, finds_orphans: bool) -> SdkRequest:
        """Take the spans of invocations out of a request that the function's SDK sent."""
        if self._sdk is None:
            return super().read_sdk(body, count, finds_orphans=finds_orphans)
        request: SdkRequest = self._sdk.read(body, count, finds_orphans=finds_orphans)
        return request

    def encode(self, finished: Finished) -> list[PendingItem]:
        """Return the requests of one finished thing, ids and times included."""
        if isinstance(finished, JoinedSpan):
            return [self._joined(finished)]
        requests: list[PendingItem] = []
        if self._with_spans:
            requests += self._requests.spans(self._spans.build(finished))
        if self._logs:
            requests += self._requests.logs(self._logs.encode(finished))
        if finished.dropped_records and (self._with_spans or self._logs):
            self._health.dropped["held_lines"] += finished.dropped_records
        if self._meter:
            self._meter.record(finished)
        return requests

    def _joined(self, joined: JoinedSpan) -> PendingItem:
        body = joined.span.body
        changed = self._sdk.change(body, joined.change) if self._sdk else body
        if joined.threshold is not None:
            changed = _open_sdk_parts().mark(changed, joined.threshold)
        return PendingItem(signal="traces", body=changed)

    def measure(self, finished: Finished) -> None:
        """Count something finished that is not sent."""
        if self._meter:
            self._meter.record(finished)

    def divide_sdk(
        self, signal: Signal, body: bytes, count: int, *, detail_below: int
    ) -> Sequence[SdkPart]:
        """Divide a request that the function's SDK sent by trace."""
        parts: Sequence[SdkPart] = _open_sdk_parts().divide(
            signal, body, count, detail_below=detail_below
        )
        return parts

    def mark_sdk(self, part: SdkPart) -> bytes:
        """Return what the SDK sent as it is sent on."""
        if part.threshold is None or part.signal != "traces":
            return part.body
        body: bytes = _open_sdk_parts().mark(part.body, part.threshold)
        return body

    def count_answer(self, answer: CacheAnswer) -> None:
        """Measure one GET of the cache."""
        if self._meter:
            self._meter.record_answer(answer)

    def count_call(self, call: CacheCall) -> None:
        """Measure one call of the cache to AWS."""
        if self._meter:
            self._meter.record_call(call)

    def collect(self, health: Health, *, now_ns: int) -> list[PendingItem]:
        """Return the metrics gathered since the last call."""
        if self._meter is None:
            return []
        return self._meter.collect(health, resource=self._resource, now_ns=now_ns)


def _local(resource: Resource, identity: ResourceIdentity) -> Mapping[str, Any]:
    service = resource.attributes[names.SERVICE_NAME]
    return local_attributes(str(service), identity)


def _open_sdk_requests() -> ModuleType:
    from extension.telemetry.otlp import sdk_requests  # noqa: PLC0415  # only with a receiver

    return sdk_requests


def _open_sdk_parts() -> ModuleType:
    from extension.telemetry.otlp import sdk_parts  # noqa: PLC0415  # only with a share

    return sdk_parts


def _open_logs(limits: Limits | None, health: Health) -> LogEncoder:
    from extension.telemetry.otlp.logs import LogEncoder  # noqa: PLC0415  # heavy: only with logs

    return LogEncoder(limits=limits, health=health)
