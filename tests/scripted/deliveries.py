"""What the platform says of an invocation, and the bodies in which it posts that.

Rule of the module: pure functions, so that a delivery can be made again byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who an invocation is: ids in lower-case hex, as the exported span has them."""

    request_id: str
    trace_id: str
    span_id: str

    @classmethod
    def numbered(cls, number: int, *, seed: int) -> Identity:
        """Return the identity of the invocation with this number, from 1."""
        return cls(
            request_id=f"{seed & 0xFFFF_FFFF:08x}-0000-4000-8000-{number:012x}",
            trace_id=f"5759e988{seed & 0xFFFF_FFFF:08x}{number:016x}",
            span_id=f"ab{number:014x}",
        )

    @property
    def tracing(self) -> str:
        """X-Ray's header."""
        root = f"1-{self.trace_id[:8]}-{self.trace_id[8:]}"
        return f"Root={root};Parent={self.span_id[::-1]};Sampled=1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the function; its text names its invocation and is that of no other line."""

    text: str
    time_ns: int
    as_json: bool = False

    @property
    def event(self) -> dict[str, Any]:
        """The line as the platform tells it."""
        record = {"message": self.text, "level": "INFO"} if self.as_json else f"{self.text}\n"
        return _event("function", self.time_ns, record)


def init_events(time_ns: int, *, duration_ms: float) -> list[dict[str, Any]]:
    """Return the events of the cold start."""
    record = {"initializationType": "on-demand", "phase": "init"}
    end_ns = time_ns + round(duration_ms * NS_PER_MS)
    about = {"functionName": "soak", "functionVersion": "$LATEST", "instanceId": "soak"}
    return [
        _event("platform.initStart", time_ns, record | about),
        _event("platform.initRuntimeDone", end_ns, record | {"status": "success"}),
        _event("platform.initReport", end_ns, record | {"metrics": {"durationMs": duration_ms}}),
    ]


def start_event(who: Identity, time_ns: int) -> dict[str, Any]:
    """Return the beginning of an invocation."""
    tracing = {"spanId": who.span_id, "type": "X-Amzn-Trace-Id", "value": who.tracing}
    record = {"requestId": who.request_id, "version": "$LATEST", "tracing": tracing}
    return _event("platform.start", time_ns, record)


def done_event(who: Identity, time_ns: int, *, duration_ms: float) -> dict[str, Any]:
    """Return the end of the function's part."""
    metrics = {"durationMs": duration_ms, "producedBytes": 2}
    record = {"requestId": who.request_id, "status": "success", "metrics": metrics}
    return _event("platform.runtimeDone", time_ns, record)


def report_event(who: Identity, time_ns: int, *, duration_ms: float) -> dict[str, Any]:
    """Return what an invocation cost: known once every extension has asked for the next."""
    metrics = {
        "durationMs": duration_ms,
        "billedDurationMs": round(duration_ms) + 1,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 64,
    }
    record = {"requestId": who.request_id, "status": "success", "metrics": metrics}
    return _event("platform.report", time_ns, record)


def dropped_event(time_ns: int) -> dict[str, Any]:
    """Return the platform's word that it lost a record."""
    record = {
        "droppedRecords": 1,
        "droppedBytes": 200,
        "reason": "Consumer seems to have fallen behind",
    }
    return _event("platform.logsDropped", time_ns, record)


def delivery(events: list[dict[str, Any]]) -> bytes:
    """Return the body of one POST."""
    return f"[{','.join(map(_text, events))}]".encode()


def split_delivery(
    before: list[dict[str, Any]], cut: dict[str, Any], after: list[dict[str, Any]], *, at: float
) -> tuple[bytes, bytes]:
    """Return the two POSTs over which a record larger than `maxBytes` is spread.

    It is cut inside its value, at a share `at` of it; the first part is closed as if it were
    whole, and the second repeats the envelope. Neither is JSON, except that the second is by chance
    when the cut falls between a backslash and its quotation mark.
    """
    value = _text(cut["record"])
    place = min(max(round(len(value) * at), 2), len(value) - 2)
    envelope = f'{{"time":{_text(cut["time"])},"type":{_text(cut["type"])},"record":'
    halves = f"{envelope}{value[:place]}}}", f"{envelope}{value[place:]}}}"
    first, second = [*map(_text, before), halves[0]], [halves[1], *map(_text, after)]
    return f"[{','.join(first)}]".encode(), f"[{','.join(second)}]".encode()


def _event(kind: str, time_ns: int, record: Any) -> dict[str, Any]:
    moment = datetime.fromtimestamp(time_ns // NS_PER_MS / 1000, tz=UTC)
    time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": time, "type": kind, "record": record}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
