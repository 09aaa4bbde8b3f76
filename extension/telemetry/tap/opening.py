"""Connects telemetry with the pump, which has copied messages since before the runtime started."""

from __future__ import annotations

import socket

from extension.redaction.redactor import Redactor
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.tap.cause import CauseOptions
from extension.telemetry.tap.copy_reader import CopyReader, TappedMessage
from extension.telemetry.tap.tapped_requests import TappedRequests
from extension.telemetry.telemetry import Telemetry

LOST = "tapped_message"
"""The reason that messages are counted under which the pump could not hand over."""


def connect_tap(
    channel: socket.socket,
    telemetry: Telemetry,
    *,
    config: TelemetryConfig,
    redactor: Redactor,
    concurrent: bool,
) -> None:
    """Let telemetry have what the pump copies; the platform's events as they are say no more."""
    if config.format == "json":
        channel.close()
        return
    pipeline, health = telemetry.pipeline, telemetry.health
    settings = config.tap
    requests = TappedRequests(
        options=CauseOptions(
            trusts_caller=settings.trust_caller,
            trace_fields=settings.trace_fields,
            adopts_single_message=settings.adopt_message_parent,
            with_names=settings.cause_names,
        ),
        concurrent=concurrent,
        clean=lambda text: redactor.redact(text).text,
        on_fault=health.count_fault,
    )

    def take(message: TappedMessage) -> None:
        if message.lost:
            health.dropped[LOST] = message.lost
        requests.take(
            message.copied,
            first_ns=message.first_byte_ns,
            last_ns=message.last_byte_ns,
            is_complete=message.is_complete,
        )

    reader = CopyReader(channel, take=take, on_error=health.count_fault, on_end=requests.stop)
    requests.catch_up = reader.read_waiting
    pipeline.use_tap(requests)
    reader.start()
