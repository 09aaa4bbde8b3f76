"""OTLP/HTTP: the official encoders, one POST, one outcome a batch.

Not the official exporter, which cannot say what the endpoint answered, sleeps through its retries
inside the call, needs a thread that cannot be cancelled, and takes a redirect for success; it is
the oracle in the tests instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.outgoing import Signal
from extension.telemetry.export.post import Post

CONTENT_TYPE = "application/x-protobuf"

Encode = Callable[[Sequence[Any]], Any]


class OtlpExporter:
    """Encodes a batch and posts it."""

    def __init__(self, post: Post, *, signals: Sequence[str]) -> None:
        self._post = post
        self._encoders: Mapping[str, Encode] = {signal: _encoder(signal) for signal in signals}

    async def export(self, signal: Signal, items: Sequence[Any], *, budget_s: float) -> Outcome:
        """Send one batch within `budget_s` seconds; never raises for what the endpoint does."""
        body: bytes = self._encoders[signal](items).SerializePartialToString()
        return await self._post.send(
            signal,
            body,
            content_type=CONTENT_TYPE,
            budget_s=budget_s,
            count_rejected=_count_rejected,
        )


def _encoder(signal: str) -> Encode:
    """Return the official encoder of a signal; those of logs and metrics are imported if used."""
    match signal:
        case "logs":
            from opentelemetry.exporter.otlp.proto.common._log_encoder import (  # noqa: PLC0415
                encode_logs,
            )

            return encode_logs
        case "metrics":
            from opentelemetry.exporter.otlp.proto.common.metrics_encoder import (  # noqa: PLC0415
                encode_metrics,
            )

            # A batch of metrics is several collections; their points stay apart in one request.
            return lambda items: encode_metrics(_together(items))
    return encode_spans


def _together(collections: Sequence[Any]) -> Any:
    first, *rest = collections
    return type(first)([*first.resource_metrics, *(r for c in rest for r in c.resource_metrics)])


def _count_rejected(content: bytes) -> int:
    """Read how many items the endpoint refused; field numbers are the same for every signal."""
    try:
        answer = ExportTraceServiceResponse.FromString(content)
    except DecodeError:
        return 0
    rejected: int = answer.partial_success.rejected_spans
    return max(rejected, 0)
