"""Telemetry API events: the envelope, and the records of printed lines."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal

from simulator.clock import iso8601

Phase = Literal["init", "invoke", "snap-start"]
Record = dict[str, object]
_NEWER_FIELDS = frozenset(
    {
        "phase",
        "functionName",
        "functionVersion",
        "functionArn",
        "instanceId",
        "instanceMaxMemory",
        "runtimeVersion",
        "runtimeVersionArn",
        "spans",
        "tenantId",
    }
)
STRING_RECORDS_ONLY = "2022-07-01"  # the schema version before records of lines became objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `text` is the line as printed, where a process printed it."""

    time_ns: int
    type: str
    record: Record | str
    text: str | None = None

    @property
    def category(self) -> str:
        """What one subscribes to: platform, function or extension."""
        return self.type.partition(".")[0]

    def to_json(self, schema_version: str) -> bytes:
        """Return the event as subscribers of this schema version get it."""
        as_printed = schema_version == STRING_RECORDS_ONLY and self.text is not None
        record = self.text if as_printed else self.record
        envelope = {"time": iso8601(self.time_ns), "type": self.type, "record": record}
        try:
            text = json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)
        except RecursionError:
            # It could just be read, on a shallower stack than this one.
            return replace(self, record=str(self.text)).to_json(schema_version)
        # Half a surrogate pair, which UTF-8 cannot hold, stays the escape that it was.
        return text.encode(errors="backslashreplace")


def log_record(text: str, *, log_format: str, time_ns: int, request_id: str) -> Record | str:
    """Return the record of a printed line: a string, or an object when the log format is JSON.

    A line that is a JSON object is passed on; any other, and one nested too deeply, is wrapped.
    """
    if log_format != "JSON":
        return text
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    wrapped: Record = {"timestamp": iso8601(time_ns), "level": "INFO", "message": text.rstrip("\n")}
    return wrapped | ({"requestId": request_id} if request_id else {})


def in_shape_of_2022(record: Record | str) -> Record | str:
    """Return the record without what the API has added since 2022."""
    if isinstance(record, str):
        return record
    kept = {name: value for name, value in record.items() if name not in _NEWER_FIELDS}
    if "memorySizeMB" in str(record.get("metrics")):
        kept.pop("status", None)  # only platform.report has had no status
    return kept
