"""Telemetry API events as the platform sends them, written down by the second."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.doubles import NOON_NS

JsonEvent = dict[str, Any]

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
TRACE_ID = 0x5759E988BD862E3FE1BE46A994272793
PARENT = "53995c3f42cd8ad8"
RESERVED = "24cd7d670fa455f0"
HEADER = f"Root={ROOT};Parent={PARENT};Sampled=1"
TRACING: JsonEvent = {"spanId": RESERVED, "type": "X-Amzn-Trace-Id", "value": HEADER}


def ns(seconds: float) -> int:
    """Return the epoch nanoseconds of a second after noon."""
    return NOON_NS + round(seconds * 1000) * 1_000_000


def iso(seconds: float) -> str:
    """Return a second after noon as the platform writes times."""
    moment = datetime.fromtimestamp(ns(seconds) / 1e9, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(kind: str, seconds: float, record: Any) -> JsonEvent:
    """Return any event."""
    return {"time": iso(seconds), "type": kind, "record": record}


def platform(kind: str, seconds: float, **record: Any) -> JsonEvent:
    """Return a platform event."""
    return event(f"platform.{kind}", seconds, record)


def init(
    begin: float, seconds: float, *, kind: str = "on-demand", phase: str = "init"
) -> list[JsonEvent]:
    """Return the three events of an initialization."""
    fields = {"initializationType": kind, "phase": phase}
    end = begin + seconds
    return [
        platform(
            "initStart", begin, **fields, functionName="shop", instanceId="2026/01/01/[$LATEST]a"
        ),
        platform("initRuntimeDone", end, **fields, status="success"),
        platform(
            "initReport", end, **fields, status="success", metrics={"durationMs": seconds * 1000}
        ),
    ]


def start(request_id: str, seconds: float, *, traced: bool = True) -> JsonEvent:
    """Return the beginning of an invocation."""
    fields = {"tracing": TRACING} if traced else {}
    return platform("start", seconds, requestId=request_id, version="$LATEST", **fields)


def done(request_id: str, seconds: float, *, status: str = "success", **more: Any) -> JsonEvent:
    """Return the end of an invocation's runtime."""
    return platform("runtimeDone", seconds, requestId=request_id, status=status, **more)


def exited(request_id: str, seconds: float) -> JsonEvent:
    """Return the end of a runtime whose process ended."""
    return done(request_id, seconds, status="error", errorType="Runtime.ExitError")


def report(
    request_id: str, seconds: float, *, status: str = "success", **metrics: Any
) -> JsonEvent:
    """Return what an invocation cost."""
    return platform("report", seconds, requestId=request_id, status=status, metrics=metrics)


def line(text: Any, seconds: float, *, stream: str = "function") -> JsonEvent:
    """Return one line of output."""
    return event(stream, seconds, text)


def delivery(*events: JsonEvent) -> bytes:
    """Return the body that the platform posts."""
    return json.dumps(list(events)).encode()
