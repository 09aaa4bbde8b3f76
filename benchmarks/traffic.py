"""What Lambda's Telemetry API sends for one invocation, as JSON in the form of its pages.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

LINES = 5
"""Lines that the function logs in each invocation."""

Event = dict[str, Any]

_BEGIN = datetime.now(UTC)


def request_id(number: int) -> str:
    """Return the request id of the n-th invocation."""
    return str(UUID(int=(0x4BADC0DE << 96) | (4 << 76) | (8 << 60) | number))


def during(number: int) -> bytes:
    """Return the delivery in the n-th invocation: the report before, its start, its lines.

    The first one has the start of the init instead, which names the runtime.
    """
    before = [_report(number - 1)] if number > 1 else [_init_start()]
    lines = [_line(number, index) for index in range(LINES)]
    return _batch([*before, _start(number), *lines])


def after(number: int) -> bytes:
    """Return the delivery that follows the response of the n-th invocation."""
    return _batch([_runtime_done(number)])


def whole(numbers: range) -> bytes:
    """Return everything of several invocations in one delivery."""
    return _batch([event for number in numbers for event in _all(number)])


def _all(number: int) -> list[Event]:
    lines = [_line(number, index) for index in range(LINES)]
    return [_start(number), *lines, _runtime_done(number), _report(number)]


def _batch(events: list[Event]) -> bytes:
    return json.dumps(events, separators=(",", ":")).encode()


def _event(kind: str, number: int, offset_ms: float, record: object) -> Event:
    return {"time": _time(number, offset_ms), "type": kind, "record": record}


def _time(number: int, offset_ms: float) -> str:
    at = _BEGIN + timedelta(seconds=number, milliseconds=offset_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _init_start() -> Event:
    record = {
        "initializationType": "on-demand",
        "phase": "init",
        "runtimeVersion": "python:3.13.v60",
        "functionName": "function",
        "functionVersion": "$LATEST",
    }
    return _event("platform.initStart", 1, -100, record)


def _start(number: int) -> Event:
    record = {
        "requestId": request_id(number),
        "version": "$LATEST",
        "tracing": {
            "spanId": f"{number:016x}",
            "type": "X-Amzn-Trace-Id",
            "value": f"Root=1-68fc4a0b-{number:024x};Parent={number:016x};Sampled=1",
        },
    }
    return _event("platform.start", number, 0, record)


def _line(number: int, index: int) -> Event:
    record = {
        "timestamp": _time(number, 1 + index),  # a far one would be read as none of the line's
        "level": "INFO",
        "requestId": request_id(number),
        "message": f"order {number} step {index}: 3 items, 42.50 EUR, customer 1234567",
    }
    return _event("function", number, 1 + index, record)


def _runtime_done(number: int) -> Event:
    start = _time(number, 0)
    record = {
        "requestId": request_id(number),
        "status": "success",
        "metrics": {"durationMs": 12.3, "producedBytes": 53},
        "spans": [
            {"name": "responseLatency", "start": start, "durationMs": 11.2},
            {"name": "responseDuration", "start": start, "durationMs": 0.08},
        ],
        "tracing": _start(number)["record"]["tracing"],
    }
    return _event("platform.runtimeDone", number, 13, record)


def _report(number: int) -> Event:
    record = {
        "requestId": request_id(number),
        "status": "success",
        "metrics": {
            "durationMs": 13.1,
            "billedDurationMs": 14,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 93,
        },
        "tracing": _start(number)["record"]["tracing"],
    }
    return _event("platform.report", number, 14, record)
