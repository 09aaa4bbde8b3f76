"""OTLP/HTTP: the requests of one batch joined to one, one POST, one outcome.

Not the official exporter, which cannot say what the endpoint answered, sleeps through its retries
inside the call, needs a thread that cannot be cancelled, and takes a redirect for success; it is
the oracle in the tests instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from extension.process.waits import Budget
from extension.telemetry.export.answers import Answer, EndpointMessage, read_json, read_text
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.outcome import Outcome
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
            bodies,
            content_type=CONTENT_TYPE,
            budget=budget,
            read=read_answer,
        )


def read_answer(answer: Answer) -> EndpointMessage:
    """Read a partial success or an error's Status; fields are the same for every signal.

    Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
    """
    if answer.is_success and not answer.content:
        return EndpointMessage()
    if answer.is_success and answer.is_markup:
        return EndpointMessage(is_none=True)
    if (message := read_json(answer)) is not None:
        return message
    if answer.content_type and "protobuf" not in answer.content_type:
        return read_text(answer)
    try:
        if not answer.is_success:  # google.rpc.Status has its message in the same field
            status = ExportTracePartialSuccess.FromString(answer.content)
            return EndpointMessage(text=status.error_message)
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    except DecodeError:
        return read_text(answer)
    return EndpointMessage(
        rejected_items=max(partial.rejected_spans, 0), text=partial.error_message
    )
