"""PURE: what the Telemetry API tells, one frozen dataclass per event type; `decode` reads them.

Every field but the time and the request id may be absent on the wire, in one schema version or
another; absent texts are empty, absent metrics None. The name and the annotation of a field say
where `decode` finds it: `init_duration_ms: Metric` is `record.metrics.initDurationMs`.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
(2022-07-01, 2022-12-13, 2025-01-29)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

RequestId = str
"""Never absent: without it an event belongs nowhere and does not decode."""
Metric = float | None
"""A number of `record.metrics`, in the unit that its name ends in."""
WholeMetric = int | None
"""A whole number of `record.metrics`."""
Stream = Literal["function", "extension"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSpan:
    """A part of a phase that the platform measured, such as `responseLatency`."""

    name: str
    start_ns: int
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """X-Ray's header, and the segment id that Lambda reserved for the invocation."""

    header: str
    span_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitStart:
    """Initialization has begun. `instance_id` is the name of the log stream."""

    time_ns: int
    initialization_type: str = ""
    phase: str = ""
    function_name: str = ""
    function_version: str = ""
    instance_id: str = ""
    instance_max_memory: int = 0
    runtime_version: str = ""
    runtime_version_arn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRuntimeDone:
    """The runtime, and every extension, is ready."""

    time_ns: int
    initialization_type: str = ""
    phase: str = ""
    status: str = ""
    error_type: str = ""
    spans: tuple[PhaseSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """How long initialization took."""

    time_ns: int
    initialization_type: str = ""
    phase: str = ""
    status: str = ""
    error_type: str = ""
    duration_ms: Metric = None
    spans: tuple[PhaseSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreStart:
    """A snapshot is being restored."""

    time_ns: int
    function_name: str = ""
    function_version: str = ""
    instance_id: str = ""
    instance_max_memory: int = 0
    runtime_version: str = ""
    runtime_version_arn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRuntimeDone:
    """The runtime's restore hooks have run."""

    time_ns: int
    status: str = ""
    error_type: str = ""
    spans: tuple[PhaseSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """How long the restore took."""

    time_ns: int
    status: str = ""
    error_type: str = ""
    duration_ms: Metric = None
    spans: tuple[PhaseSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """An invocation has begun."""

    time_ns: int
    request_id: RequestId
    version: str = ""
    function_arn: str = ""
    tenant_id: str = ""
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeDone:
    """The runtime has finished an invocation; a caught exception is a `success` here."""

    time_ns: int
    request_id: RequestId
    status: str = ""
    error_type: str = ""
    tenant_id: str = ""
    duration_ms: Metric = None
    produced_bytes: WholeMetric = None
    spans: tuple[PhaseSpan, ...] = ()
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an invocation cost; generated after every extension has called /next."""

    time_ns: int
    request_id: RequestId
    status: str = ""
    error_type: str = ""
    tenant_id: str = ""
    duration_ms: Metric = None
    billed_duration_ms: Metric = None
    memory_size_mb: WholeMetric = None
    max_memory_used_mb: WholeMetric = None
    init_duration_ms: Metric = None
    restore_duration_ms: Metric = None
    billed_restore_duration_ms: Metric = None
    spans: tuple[PhaseSpan, ...] = ()
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionState:
    """How an extension stands at the end of initialization."""

    time_ns: int
    name: str = ""
    state: str = ""
    events: tuple[str, ...] = ()
    error_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySubscription:
    """An extension has subscribed."""

    time_ns: int
    name: str = ""
    state: str = ""
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsDropped:
    """The platform has dropped records because we were slow."""

    time_ns: int
    reason: str = ""
    dropped_records: int = 0
    dropped_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One record of the function's or an extension's output: a text, or a JSON object."""

    time_ns: int
    stream: Stream
    record: str | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """An event of a type that this version does not know."""

    time_ns: int
    type: str
    record: Any = None


Event = (
    InitStart
    | InitRuntimeDone
    | InitReport
    | RestoreStart
    | RestoreRuntimeDone
    | RestoreReport
    | Start
    | RuntimeDone
    | Report
    | ExtensionState
    | TelemetrySubscription
    | LogsDropped
    | LogLine
    | Unknown
)
