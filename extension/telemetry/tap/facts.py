"""PURE: what a family of events tells of one, before anything is decided about it.

A family says where things stand and what they are called; which span becomes the parent, which
ones links, and what is left out, `cause` decides for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from extension.process.frozen import Frozen
from extension.telemetry.tap import names
from extension.telemetry.tap.json_paths import NOTHING, name_at, text_at
from extension.telemetry.tap.trace_context import Carrier

Trigger = Literal["datasource", "http", "other", "pubsub", "timer"]
"""`faas.trigger`. Source: https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/"""

Expects = Literal["", "http", "http_or_value", "batch", "transform"]
"""What the source reads in the answer: a status, a status where there is one (a plain value is a
200), items of a batch that failed, results of a transformation; or nothing."""

Event = Mapping[str, Any]


class Message(NamedTuple):
    """One of what a batch brings: what may name the span that sent it, and when it was sent.

    `carrier` is what its publisher attached; `body` its JSON, as text or parsed; `xray` the header
    that the service added, which counts where the publisher named nothing.
    """

    carrier: Carrier = NOTHING
    body: Any = None
    xray: str = ""
    sent_ns: int = 0


class Facts(Frozen):
    """What is known of an event by its source.

    `name`: of the span, empty for the function's name. `caller`: what names the span of who waits
    for the answer. `messages` are read as far as there may be links. `count`: messages in the
    batch. `sent_ns`: when the request was accepted, 0 if unknown or if the messages tell.
    """

    name: str = ""
    attributes: Mapping[str, Any] = NOTHING
    caller: Carrier = NOTHING
    caller_body: Any = None
    messages: Iterable[Message] = ()
    count: int = 0
    sent_ns: int = 0


class Source(NamedTuple):
    """A row of a family's table. `is_public`: callers are whoever reaches the endpoint."""

    name: str
    trigger: Trigger
    matches: Callable[[Event], bool]
    read: Callable[[Event], Facts]
    expects: Expects = ""
    is_public: bool = False


def message_attributes(
    system: str, destination: str, *, count: int = 1, message_id: str = ""
) -> dict[str, Any]:
    """Return the attributes of messages that are processed; a batch has a count, one an id.

    Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
    """
    return {
        names.MESSAGING_SYSTEM: system,
        names.MESSAGING_OPERATION_TYPE: "process",
        names.MESSAGING_OPERATION_NAME: "process",
        names.MESSAGING_DESTINATION: destination,
        names.MESSAGING_COUNT: count if count > 1 else None,
        names.MESSAGING_ID: message_id if count == 1 else "",
    }


def process_name(destination: str) -> str:
    """Return the name of a span that processes messages."""
    return f"process {destination}" if destination else ""


def common(values: Iterable[str]) -> str:
    """Return the value that all have that have one, empty if they differ."""
    different = {value for value in values if value}
    return different.pop() if len(different) == 1 else ""


def cloud_event(fields: Any, *, prefix: str = "") -> dict[str, Any]:
    """Return the attributes of a CloudEvent, none for anything else; its data is never read."""
    if not (text_at(fields, f"{prefix}specversion") and text_at(fields, f"{prefix}type")):
        return {}
    return {
        names.CLOUDEVENTS_ID: name_at(fields, f"{prefix}id"),
        names.CLOUDEVENTS_SOURCE: _without_query(text_at(fields, f"{prefix}source")),
        names.CLOUDEVENTS_SPEC_VERSION: name_at(fields, f"{prefix}specversion"),
        names.CLOUDEVENTS_TYPE: name_at(fields, f"{prefix}type"),
    }


def _without_query(uri: str) -> str:
    """Return a source's URI without what stands behind its path, or before its host."""
    before, slashes, rest = re.split(r"[?#]", uri[:512])[0].rpartition("//")
    return name_at(before + slashes + rest.rpartition("@")[2])
