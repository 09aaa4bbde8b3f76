"""From how an invocation went to what the platform says of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator.clock import milliseconds
from simulator.errors import Failure
from simulator.telemetry import records

if TYPE_CHECKING:
    from simulator.clock import PlatformClock
    from simulator.invocation import Invocation, Status
    from simulator.settings import FunctionSettings
    from simulator.telemetry.events import Record

TIMED_OUT = "Sandbox.Timedout"


def timed_out(settings: FunctionSettings) -> Failure:
    """Return what is wrong with an invocation whose time is up."""
    message = f"Task timed out after {settings.timeout_s:.2f} seconds"
    return Failure(error_type=TIMED_OUT, message=message)


def platform_status(failure: Failure | None) -> Status:
    """Return the status of runtimeDone and report.

    An error that the runtime reported itself is a success to the platform; what is not the
    function's or an extension's fault is a failure.
    """
    if failure is None:
        return "success"
    if failure.error_type == TIMED_OUT:
        return "timeout"
    return "failure" if failure.error_type.startswith("Sandbox.") else "error"


def platform_error_type(failure: Failure | None) -> str:
    """Return the errorType that goes with the status; a timeout has none."""
    return "" if failure is None or failure.error_type == TIMED_OUT else failure.error_type


def report_record(
    settings: FunctionSettings,
    invocation: Invocation,
    *,
    failure: Failure | None,
    duration_ns: int,
    init_ns: int,
    peak_memory_mb: int,
) -> Record:
    """Return the record of platform.report; `init_ns` is 0 unless an init or restore preceded."""
    metrics: Record = {
        "durationMs": milliseconds(duration_ns),
        "billedDurationMs": math.ceil(milliseconds(duration_ns)),
        "memorySizeMB": settings.memory_mb,
        "maxMemoryUsedMB": peak_memory_mb,
    }
    if init_ns and settings.is_snap_start:
        metrics["restoreDurationMs"] = milliseconds(init_ns)
        metrics["billedRestoreDurationMs"] = math.ceil(milliseconds(init_ns))
    elif init_ns:
        metrics["initDurationMs"] = milliseconds(init_ns)
        # Since August 2025 the init of every function is billed.
        metrics["billedDurationMs"] = math.ceil(milliseconds(duration_ns + init_ns))
    status, error_type = _report_status(settings, invocation, failure)
    return records.report(
        invocation, status=status, metrics=metrics, spans=[], error_type=error_type
    )


def managed_report_record(
    invocation: Invocation,
    *,
    failure: Failure | None,
    duration_ns: int,
    clock: PlatformClock,
) -> Record:
    """Return the record of platform.report on Managed Instances: it has errors of the function."""
    handled = invocation.error_type if invocation.is_error else ""
    return records.report(
        invocation,
        status="error" if handled else platform_status(failure),
        metrics={"durationMs": milliseconds(duration_ns)},
        spans=records.runtime_spans(invocation, clock=clock)[:2],
        error_type=handled or platform_error_type(failure),
    )


def _report_status(
    settings: FunctionSettings, invocation: Invocation, failure: Failure | None
) -> tuple[str, str]:
    if failure is None and invocation.is_error and settings.reports_handled_errors:
        return "error", invocation.error_type
    return platform_status(failure), platform_error_type(failure)
