"""PURE: what several settings of telemetry mean together, for the parts that each need it."""

from __future__ import annotations

from typing import Literal

from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.assembly.held_records import FULL_SIZE, PartSize
from extension.telemetry.reading.levels import SEVERITIES
from extension.telemetry.resource_identity import ResourceIdentity

SPANS_IN_BUFFER = 4
"""Spans full of lines that the buffer holds, at least."""

XRAY_PART_BYTES = 60_000
"""Characters of lines in one span for X-Ray, which takes 200 KB: most have one byte, some three."""


def part_size(config: TelemetryConfig) -> PartSize:
    """Return what one span may carry; several must fit into the buffer, however small it is."""
    most = XRAY_PART_BYTES if config.goes_to_cloudwatch("traces") else FULL_SIZE.bytes
    return PartSize(
        lines=config.limits.span_events,
        bytes=min(most, config.buffer_max_bytes // SPANS_IN_BUFFER),
    )


def temporality_of(config: TelemetryConfig) -> Literal["delta", "cumulative"]:
    """Return what the user prefers, else what the back end can add up.

    PromQL's `rate`, by which CloudWatch is asked, needs sums that only grow.
    """
    if config.temporality:
        return "cumulative" if config.temporality == "cumulative" else "delta"
    return "cumulative" if config.goes_to_cloudwatch("metrics") else "delta"


def joins_sdk(config: TelemetryConfig) -> bool:
    """Return whether there are spans of invocations and of the function's SDK to put together."""
    has_both = "traces" in config.posted and "platform" in config.events
    return bool(config.otlp_port) and has_both


def has_verdicts(config: TelemetryConfig) -> bool:
    """Return whether invocations are judged: by the platform's events, not in the JSON format."""
    return "platform" in config.events and config.format == "otlp"


def detail_severity(config: TelemetryConfig) -> int:
    """Return the severity below which lines are details, which verdicts decide; 0 if none are."""
    levels = config.selection.detail_level_min, config.selection.log_level_min
    detail, least = (SEVERITIES.get(level, 0) for level in levels)
    return detail if detail > least and has_verdicts(config) else 0


def own_log_group(config: TelemetryConfig, identity: ResourceIdentity) -> str:
    """Return the log group in CloudWatch Logs that we export to."""
    return config.log_group or f"/lambda-dispatch/{identity.function_name or 'function'}"


def correlated_log_groups(config: TelemetryConfig, identity: ResourceIdentity) -> str:
    """Return the log groups with lines of the function's traces: Lambda's, and our own."""
    groups = [identity.log_group or f"/aws/lambda/{identity.function_name}"]
    if "logs" in config.posted and config.goes_to_cloudwatch("logs"):
        groups.append(own_log_group(config, identity))
    return "&".join(dict.fromkeys(groups))
