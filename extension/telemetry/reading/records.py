"""PURE: what a line of output says: severity, time, request id, body, attributes, exception.

`text_lines` and `json_lines` know the forms that runtimes and loggers write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from extension import NAME
from extension.telemetry.reading.error_objects import Evidence, HandlerError
from extension.telemetry.reading.events import LogLine, Stream
from extension.telemetry.reading.json_lines import NEW, around, read_object
from extension.telemetry.reading.line_parts import NOTHING, LineParts, LineTrace
from extension.telemetry.reading.text_lines import TEXT_FORMS, read_text

PLATFORM_KEYS = {"timestamp", "level", "message", "requestId"}
"""Where logs are JSON, the platform wraps what is written as text: Go's log, for instance."""

LINE_ENDS = "\r\n"

Knows = Callable[[str], object]
"""Returns whether a request id is one of ours."""

RECORD_BYTES = 64
"""What a record holds besides its texts."""


class Record(NamedTuple):
    """One record: severity number and text, body, attributes, and whose it is if it says so."""

    time_ns: int
    """The time the record gives itself, else when the platform took it."""
    observed_ns: int
    """When the platform took it; decides which invocation it belongs to."""
    stream: Stream
    body: str
    severity: int = 0
    severity_text: str = ""
    request_id: str = ""
    attributes: Mapping[str, Any] = NOTHING
    """What the line has besides: a trace context is among it, for signals that cannot take it."""
    error: HandlerError | None = None
    """The exception that the line reports."""
    evidence: Evidence = ""
    """What says that the exception left the handler."""
    trace: LineTrace | None = None
    """The span in which the line says it was written."""
    leaks: tuple[str, ...] = ()
    """Names of the secrets that were taken out of it."""


def size(record: Record) -> int:
    """Estimate the bytes that a record holds."""
    texts = RECORD_BYTES + len(record.body)
    if not record.attributes:
        return texts
    return texts + sum([len(key) + len(str(value)) for key, value in record.attributes.items()])


def is_own(stream: object, record: object) -> bool:
    """Return whether a line is one of ours, which must not come back as telemetry."""
    return stream == "extension" and has_marker(record)


def has_marker(record: object) -> bool:
    """Return whether a line of some extension, a text or a JSON object, carries our marker."""
    if isinstance(record, Mapping):
        return record.get("extension") == NAME
    return isinstance(record, str) and record.startswith(f'{{"extension": "{NAME}"')


def _unwrap(outer: LineParts, platform_ns: int) -> LineParts:
    """Read a text that the platform has put into JSON, with a level of its own: INFO."""
    inner = read_text(outer.body, platform_ns=platform_ns)
    if inner.body is outer.body and not inner.evidence:
        return outer  # it has none of the forms
    return around(inner, outer)._replace(evidence=outer.evidence or inner.evidence)


def read_record(line: LogLine, *, knows: Knows = lambda _: None) -> Record:
    """Read one line in whichever of the known forms it has.

    A request id stays an attribute, because it may belong to another service, unless `knows` finds
    it.
    """
    payload, time_ns = line.record, line.time_ns
    if isinstance(payload, str):
        parts = read_text(payload.rstrip(LINE_ENDS), platform_ns=time_ns, raw=payload)
    else:
        parts = read_object(payload, platform_ns=time_ns)
        if parts.body[:1] in TEXT_FORMS and payload.keys() <= PLATFORM_KEYS:
            parts = _unwrap(parts, time_ns)
    body, severity, severity_text, own_ns, request_id, key, attributes, error, evidence, trace = (
        parts
    )
    if key and isinstance(attributes, dict) and knows(request_id):
        attributes.pop(key, None)
    fields = (
        own_ns or time_ns, time_ns, line.stream, body, severity, severity_text, request_id,
        attributes, error, evidence, trace, (),
    )  # fmt: skip
    return NEW(Record, fields)
