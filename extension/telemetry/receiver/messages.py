"""The messages of OTLP as the installed package has them, and which of their fields hold what.

What is known of a message is found out from its descriptor, so that a field which a later version
of the protocol adds is converted and redacted without a change here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Literal, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from extension.telemetry.export.buffer import Signal

SERVICES = {
    "traces": ("trace.v1.trace_service_pb2", "ExportTraceServiceRequest"),
    "logs": ("logs.v1.logs_service_pb2", "ExportLogsServiceRequest"),
    "metrics": ("metrics.v1.metrics_service_pb2", "ExportMetricsServiceRequest"),
}

ID_BYTES = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
"""Fields that are ids: hexadecimal in JSON, and of one length, or of none."""

ITEMS = frozenset(
    {
        "Span",
        "LogRecord",
        "NumberDataPoint",
        "HistogramDataPoint",
        "ExponentialHistogramDataPoint",
        "SummaryDataPoint",
    }
)
"""What leaks are counted by."""

Content = Literal["text", "texts", "bytes", "id", "message", "messages"]
CONTENTS: dict[tuple[bool, bool], Content] = {
    (False, False): "text",
    (False, True): "texts",
    (True, False): "message",
    (True, True): "messages",
}


class TextField(NamedTuple):
    """A field that is, or leads to, text."""

    name: str
    content: Content
    of: str
    """The full name of the message in it."""


@cache
def request_type(signal: Signal) -> Any:
    """Return the class of a signal's request; imports it the first time."""
    module, name = SERVICES[signal]
    return getattr(import_module(f"opentelemetry.proto.collector.{module}"), name)


def text_fields(signal: Signal) -> dict[str, tuple[TextField, ...]]:
    """Return the fields of each message of a signal that are, or lead to, text or ids."""
    found: dict[str, tuple[TextField, ...]] = {}
    waiting = [request_type(signal).DESCRIPTOR]
    while waiting:
        message = waiting.pop()
        if message.full_name not in found:
            found[message.full_name] = tuple(_text_fields(message))
            waiting += [each.message_type for each in message.fields if each.message_type]
    return found


def id_fields(fields: Mapping[str, tuple[TextField, ...]]) -> dict[str, tuple[TextField, ...]]:
    """Return those that are, or lead to, ids."""
    lead: set[str] = set()
    while True:
        more = {
            name
            for name, its in fields.items()
            if any(each.content == "id" or each.of in lead for each in its)
        }
        if more == lead:
            break
        lead = more
    return {
        name: tuple(each for each in fields[name] if each.content == "id" or each.of in lead)
        for name in lead
    }


def _text_fields(message: Descriptor) -> Iterator[TextField]:
    for field in message.fields:
        content = _content(field)
        if content is not None:
            of = field.message_type.full_name if field.message_type else ""
            yield TextField(field.name, content, of)


def _content(field: FieldDescriptor) -> Content | None:
    match field.type:
        case FieldDescriptor.TYPE_STRING | FieldDescriptor.TYPE_MESSAGE:
            return CONTENTS[field.message_type is not None, is_repeated(field)]
        case FieldDescriptor.TYPE_BYTES:
            return "id" if field.name in ID_BYTES else "bytes"
    return None


def is_repeated(field: FieldDescriptor) -> bool:
    """Return whether a field is a list."""
    return bool(field.is_repeated)
