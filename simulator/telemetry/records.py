"""Records of platform events, one maker for each kind.

Source: "Lambda Telemetry API Event schema reference", schema version 2025-01-29, plus the fields
that are on the wire without being documented.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from simulator.clock import iso8601, milliseconds, monotonic_ns

if TYPE_CHECKING:
    from simulator.clock import PlatformClock
    from simulator.invocation import Invocation
    from simulator.sandbox.registry import RegisteredExtension
    from simulator.settings import FunctionSettings
    from simulator.telemetry.events import Phase, Record


def init_start(settings: FunctionSettings, *, phase: Phase, log_stream: str) -> Record:
    """Return the record of platform.initStart; the memory is in bytes, as on the wire.

    A snapshot has no log stream yet: it gets one when it is restored.
    """
    return {
        "initializationType": settings.initialization_type,
        "phase": phase,
        **_runtime_version(settings),
        "functionName": settings.name,
        "functionVersion": settings.version,
        **({} if settings.is_snap_start else {"instanceId": log_stream}),
        "instanceMaxMemory": settings.memory_mb * 1024 * 1024,
    }


def init_runtime_done(
    settings: FunctionSettings, *, phase: Phase, status: str, error_type: str = ""
) -> Record:
    """Return the record of platform.initRuntimeDone."""
    return {
        "initializationType": settings.initialization_type,
        "phase": phase,
        "status": status,
        **_error(error_type),
    }


def init_report(
    settings: FunctionSettings, *, phase: Phase, status: str, duration_ns: int, error_type: str = ""
) -> Record:
    """Return the record of platform.initReport."""
    return {
        "initializationType": settings.initialization_type,
        "phase": phase,
        "status": status,
        "metrics": {"durationMs": milliseconds(duration_ns)},
        **_error(error_type),
    }


def restore_start(settings: FunctionSettings, *, log_stream: str) -> Record:
    """Return the record of platform.restoreStart."""
    return {
        "functionName": settings.name,
        "functionVersion": settings.version,
        "instanceId": log_stream,
        "instanceMaxMemory": settings.memory_mb * 1024 * 1024,
        **_runtime_version(settings),
    }


def restore_runtime_done(*, status: str, error_type: str = "") -> Record:
    """Return the record of platform.restoreRuntimeDone."""
    return {"status": status, **_error(error_type)}


def restore_report(*, status: str, duration_ns: int, error_type: str = "") -> Record:
    """Return the record of platform.restoreReport."""
    return {
        "status": status,
        "metrics": {"durationMs": milliseconds(duration_ns)},
        **_error(error_type),
    }


def extension(extension: RegisteredExtension) -> Record:
    """Return the record of platform.extension."""
    return {
        "name": extension.name,
        "state": extension.state,
        "events": list(extension.events),
        **_error(extension.error_type),
    }


def telemetry_subscription(name: str, types: tuple[str, ...]) -> Record:
    """Return the record of platform.telemetrySubscription."""
    return {"name": name, "state": "Subscribed", "types": list(types)}


def logs_dropped(*, reason: str, count: int, size_bytes: int) -> Record:
    """Return the record of platform.logsDropped."""
    return {"droppedBytes": size_bytes, "droppedRecords": count, "reason": reason}


def start(settings: FunctionSettings, invocation: Invocation) -> Record:
    """Return the record of platform.start."""
    return {
        "requestId": invocation.request_id,
        "version": settings.version,
        "functionArn": settings.arn,
        **_context(invocation),
    }


def runtime_done(
    invocation: Invocation, *, status: str, spans: list[Record], error_type: str = ""
) -> Record:
    """Return the record of platform.runtimeDone; Managed Instances have none."""
    produced = len(invocation.response or b"")
    duration_ns = invocation.runtime_done_ns - invocation.started_ns
    return {
        "requestId": invocation.request_id,
        "status": status,
        "metrics": {"durationMs": milliseconds(duration_ns), "producedBytes": produced},
        **({"spans": spans} if spans else {}),
        **_context(invocation),
        **_error(error_type),
    }


def report(
    invocation: Invocation, *, status: str, metrics: Record, spans: list[Record], error_type: str
) -> Record:
    """Return the record of platform.report."""
    return {
        "requestId": invocation.request_id,
        "status": status,
        "metrics": metrics,
        **({"spans": spans} if spans else {}),
        **_context(invocation),
        **_error(error_type),
    }


def runtime_spans(invocation: Invocation, *, clock: PlatformClock) -> list[Record]:
    """Return how the time of an answered invocation was spent."""
    if not invocation.response_ended_ns:
        return []
    to_wall_ns = clock.now_ns() - monotonic_ns()
    ended_ns = invocation.response_ended_ns
    marks = [
        ("responseLatency", invocation.started_ns, invocation.response_began_ns),
        ("responseDuration", invocation.response_began_ns, ended_ns),
        ("runtimeOverhead", ended_ns, invocation.runtime_done_ns or ended_ns),
    ]
    return [
        {
            "name": name,
            "start": iso8601(to_wall_ns + began_ns),
            "durationMs": milliseconds(until_ns - began_ns),
        }
        for name, began_ns, until_ns in marks
    ]


def _runtime_version(settings: FunctionSettings) -> Record:
    """Name Python's runtime, or the one that a command of the user's own runs in."""
    python = f"python:{sys.version_info.major}.{sys.version_info.minor}.v1"
    version = "provided:al2023.v1" if settings.runtime else python
    return {
        "runtimeVersion": version,
        "runtimeVersionArn": f"arn:aws:lambda:{settings.region}::runtime:{'0' * 64}",
    }


def _context(invocation: Invocation) -> Record:
    tracing = invocation.trace.as_telemetry_tracing()
    tenant = {"tenantId": invocation.tenant_id} if invocation.tenant_id else {}
    return {**({"tracing": tracing} if tracing else {}), **tenant}


def _error(error_type: str) -> Record:
    return {"errorType": error_type} if error_type else {}
