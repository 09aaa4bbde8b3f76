"""Builds what assembles invocations, and what decides which are kept, from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extension.process.ids import Ids
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.derived_settings import (
    detail_severity,
    has_verdicts,
    joins_sdk,
    part_size,
)
from extension.telemetry.health import Health

if TYPE_CHECKING:  # a feature that is off is not imported
    from extension.telemetry.assembly.details import Details
    from extension.telemetry.assembly.sampling import Sampler


def open_assembler(
    config: TelemetryConfig, *, concurrent: bool, ids: Ids, health: Health
) -> Assembler:
    """Return what turns events into invocations; `concurrent` on Managed Instances."""
    with_platform = "platform" in config.events
    # The ids of a line are its invocation's, which may still follow the SDK's.
    ids_may_change = joins_sdk(config) and config.trace_parent == "sdk"
    return Assembler(
        ids=ids,
        trace_parent=config.trace_parent,  # type: ignore[arg-type]  # one of its choices
        concurrent=concurrent,
        stream_records=("logs" in config.posted and not ids_may_change) or not with_platform,
        with_platform=with_platform,
        below_segment=config.goes_to_cloudwatch("traces"),
        part=part_size(config),
        details=_open_details(config, health),
    )


def _open_details(config: TelemetryConfig, health: Health) -> Details | None:
    below = detail_severity(config)
    if not below:
        return None
    from extension.telemetry.assembly.details import Details  # noqa: PLC0415  # only with a level

    return Details(below=below, slow_ms=config.selection.slow_ms, filtered=health.filtered)


def open_sampler(config: TelemetryConfig, *, concurrent: bool, health: Health) -> Sampler | None:
    """Return what decides which invocations are sent; None if all of them are, with everything."""
    has_share = (
        config.selection.sample_ratio != 1
        and has_verdicts(config)
        and config.posted != ("metrics",)
    )
    has_sdk_details = bool(config.otlp_port and "logs" in config.posted and detail_severity(config))
    if not (has_share or has_sdk_details):
        return None
    from extension.settings.sharing import Share, share_of  # noqa: PLC0415  # only with a share
    from extension.telemetry.assembly.sampling import Sampler  # noqa: PLC0415

    return Sampler(
        share=share_of(config) if has_share else Share(),
        slow_ms=config.selection.slow_ms,
        concurrent=concurrent,
        filtered=health.filtered,
        dropped=health.dropped,
    )
