"""Connects the receiver, which has been open since early in the start, with telemetry."""

from __future__ import annotations

from extension.redaction.redactor import Redactor
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.receiver.receiver import Receiver
from extension.telemetry.telemetry import Telemetry


def connect_receiver(
    receiver: Receiver, telemetry: Telemetry, *, config: TelemetryConfig, redactor: Redactor
) -> None:
    """Let telemetry have what the function's own SDK sent, and will send."""
    if config.format == "json":
        receiver.given_up()
        return
    from extension.telemetry.receiver.posted_reader import PostedReader  # noqa: PLC0415  # only for OTLP

    health = telemetry.health
    health.received = receiver.counts
    telemetry.reader.posted = PostedReader(
        take=telemetry.pipeline.take_sdk,
        signals=config.posted,
        redaction=redactor,
        counts=receiver.counts,
        health=health,
    )
    receiver.opened(telemetry.reader.receive_posted)
