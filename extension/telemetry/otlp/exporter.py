"""OTLP/HTTP: the requests of one batch joined to one, one POST, one outcome.

Not the official exporter, which cannot say what the endpoint answered, sleeps through its retries
inside the call, needs a thread that cannot be cancelled, and takes a redirect for success; it is
the oracle in the tests instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from extension.budget import Budget
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.outgoing import Signal
from extension.telemetry.export.post import Post

CONTENT_TYPE = "application/x-protobuf"


class OtlpExporter:
    """Posts requests that are encoded already."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def export(self, signal: Signal, bodies: Sequence[bytes], *, budget: Budget) -> Outcome:
        """Send one batch within the budget; never raises for what the endpoint does."""
        return await self._post.send(
            signal,
            b"".join(bodies),
            content_type=CONTENT_TYPE,
            budget=budget,
            count_rejected=_count_rejected,
        )


def _count_rejected(content: bytes) -> int:
    """Read how many items the endpoint refused; field numbers are the same for every signal."""
    try:
        answer = ExportTraceServiceResponse.FromString(content)
    except DecodeError:
        return 0
    rejected: int = answer.partial_success.rejected_spans
    return max(rejected, 0)
