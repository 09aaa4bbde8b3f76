"""A log record as CloudWatch Logs stores it: one JSON event with its scope and its resource.

The size of an event is that of this text in UTF-8. AWS does not publish the text to the last byte:
the fields are those that are seen in a log group.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource


def stored_event(record: LogRecord, *, scope: InstrumentationScope, resource: Resource) -> bytes:
    """Return the event that the record becomes."""
    event = {
        "resource": {"attributes": _object(resource.attributes)},
        "scope": _scope(scope),
        "timeUnixNano": record.time_unix_nano,
        "observedTimeUnixNano": record.observed_time_unix_nano,
        "severityNumber": record.severity_number,
        "severityText": record.severity_text,
        "body": plain(record.body),
        "attributes": _object(record.attributes),
        "flags": record.flags,
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def plain(value: AnyValue) -> object:
    """Return a value of OTLP as JSON has it; bytes become base64."""
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return _object(value.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case field:
            return getattr(value, field)


def as_text(value: AnyValue) -> str:
    """Return a value as the text of a label."""
    stored = plain(value)
    if isinstance(stored, str):
        return stored
    return json.dumps(stored, ensure_ascii=False, separators=(",", ":"))


def _scope(scope: InstrumentationScope) -> dict[str, object]:
    stored: dict[str, object] = {"name": scope.name, "version": scope.version}
    if scope.attributes:
        stored["attributes"] = _object(scope.attributes)
    return {name: value for name, value in stored.items() if value}


def _object(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: plain(pair.value) for pair in pairs}
