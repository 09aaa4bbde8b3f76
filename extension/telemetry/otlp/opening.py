"""Builds what writes telemetry as OTLP from its configuration; HEAVY."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extension.process.clock import Clock
from extension.process.ids import Ids
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.derived_settings import joins_sdk, part_size, temporality_of
from extension.telemetry.health import Health
from extension.telemetry.otlp.encoder import OtlpEncoder
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.resource_identity import ResourceIdentity

if TYPE_CHECKING:  # heavier still
    from extension.telemetry.otlp.metrics import Meter


def open_encoder(
    config: TelemetryConfig, *, identity: ResourceIdentity, health: Health, ids: Ids, clock: Clock
) -> OtlpEncoder:
    """Return the encoder of the signals that are posted."""
    limits = config.limits
    return OtlpEncoder(
        ids=ids,
        identity=identity,
        signals=config.posted,
        part=part_size(config),
        meter=_open_meter(config, identity=identity, health=health, clock=clock),
        health=health,
        repeat_exceptions=config.exception_signal == "logs/dup",
        with_sdk=joins_sdk(config),
        for_xray=config.goes_to_cloudwatch("traces"),
        span_limits=Limits(
            length=limits.span_attribute_length or limits.attribute_length,
            count=limits.span_attribute_count or limits.attribute_count,
            cut=health.cut,
        ),
        log_limits=Limits(
            length=limits.log_attribute_length or limits.attribute_length,
            count=limits.log_attribute_count or limits.attribute_count,
            cut=health.cut,
        ),
    )


def _open_meter(
    config: TelemetryConfig, *, identity: ResourceIdentity, health: Health, clock: Clock
) -> Meter | None:
    if "metrics" not in config.posted:
        return None
    from extension.telemetry.otlp.metrics import Meter  # noqa: PLC0415  # heavier still

    meter = Meter(
        temporality=temporality_of(config), now_ns=clock.now().wall_ns, trigger=identity.trigger
    )
    health.on_added = meter.record_added
    health.on_used = meter.record_usage
    return meter
