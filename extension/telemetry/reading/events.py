"""PURE: what the Telemetry API sends, one frozen value per event type; `decode` reads them.

Every field but the time and the request id may be absent on the wire, in one schema version or
another; absent texts are empty, absent metrics None. The name and the annotation of a field say
where `decode` finds it: `init_duration_ms: Metric` is `record.metrics.initDurationMs`.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
(2022-07-01, 2022-12-13, 2025-01-29)
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Literal, NamedTuple

from extension.process.frozen import Frozen

RequestId = str
"""Never absent: without it an event belongs nowhere and does not decode."""
Metric = float | None
"""A number of `record.metrics`, in the unit that its name ends in."""
WholeMetric = int | None
"""A whole number of `record.metrics`."""
Stream = Literal["function", "extension"]


class PhaseSpan(Frozen):
    """A part of a phase that the platform measured, such as `responseLatency`."""

    name: str
    start_ns: int
    duration_ms: float


class Tracing(Frozen):
    """X-Ray's header, and the segment id that Lambda reserved for the invocation."""

    header: str
    span_id: str = ""


class InitStart(Frozen):
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


class InitRuntimeDone(Frozen):
    """The runtime, and every extension, is ready."""

    time_ns: int
    initialization_type: str = ""
    phase: str = ""
    status: str = ""
    error_type: str = ""
    spans: tuple[PhaseSpan, ...] = ()


class InitReport(Frozen):
    """How long initialization took."""

    time_ns: int
    initialization_type: str = ""
    phase: str = ""
    status: str = ""
    error_type: str = ""
    duration_ms: Metric = None
    spans: tuple[PhaseSpan, ...] = ()


class RestoreStart(Frozen):
    """A snapshot is being restored."""

    time_ns: int
    function_name: str = ""
    function_version: str = ""
    instance_id: str = ""
    instance_max_memory: int = 0
    runtime_version: str = ""
    runtime_version_arn: str = ""


class RestoreRuntimeDone(Frozen):
    """The runtime's restore hooks have run."""

    time_ns: int
    status: str = ""
    error_type: str = ""
    spans: tuple[PhaseSpan, ...] = ()


class RestoreReport(Frozen):
    """How long the restore took."""

    time_ns: int
    status: str = ""
    error_type: str = ""
    duration_ms: Metric = None
    spans: tuple[PhaseSpan, ...] = ()


class Start(Frozen):
    """An invocation has begun."""

    time_ns: int
    request_id: RequestId
    version: str = ""
    function_arn: str = ""
    tenant_id: str = ""
    tracing: Tracing | None = None


class RuntimeDone(Frozen):
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


class Report(Frozen):
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


class ExtensionState(Frozen):
    """The state of an extension at the end of initialization."""

    time_ns: int
    name: str = ""
    state: str = ""
    events: tuple[str, ...] = ()
    error_type: str = ""


class TelemetrySubscription(Frozen):
    """An extension has subscribed."""

    time_ns: int
    name: str = ""
    state: str = ""
    types: tuple[str, ...] = ()


class LogsDropped(Frozen):
    """The platform has dropped records because we were slow."""

    time_ns: int
    reason: str = ""
    dropped_records: int = 0
    dropped_bytes: int = 0


class LogLine(NamedTuple):
    """One record of the function's or an extension's output: a text, or a JSON object."""

    time_ns: int
    stream: Stream
    record: str | Mapping[str, Any]


class Unknown(Frozen):
    """An event of a type that this version does not know."""

    time_ns: int
    type: str
    record: Any = None


PlatformEvent = (
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
    | Unknown
)
Event = PlatformEvent | LogLine

PhaseTold = InitRuntimeDone | InitReport | RestoreRuntimeDone | RestoreReport | RuntimeDone | Report
"""What has `spans`."""


def phases(*events: PhaseTold | None) -> tuple[PhaseSpan, ...]:
    """Return the parts of some events, each once, because some come in two of them."""
    told = [event.spans for event in events if event and event.spans]
    return told[0] if len(told) == 1 else tuple(dict.fromkeys(chain.from_iterable(told)))
