"""PURE: what a family of event sources reads from an event.

A family only locates fields and names attributes. `cause` decides, for all families alike, which
span becomes the parent, which become links, and which attributes are left out.
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
"""What the source reads in the response: an HTTP status; an HTTP status, where a plain value means
200; the failed items of a batch; the results of a transformation; nothing."""

Event = Mapping[str, Any]


class Message(NamedTuple):
    """A message of a batch: where its sender's span may be named, and when it was sent.

    `carrier`: what the publisher attached. `body`: the message's JSON, as text or parsed. `xray`:
    the trace header that the service added, used if the publisher named no span.
    """

    carrier: Carrier = NOTHING
    body: Any = None
    xray: str = ""
    sent_ns: int = 0


class Facts(Frozen):
    """What an event says.

    `name`: of the span, empty for the function's name. `caller` and `caller_body`: where the
    caller's span may be named. `count`: messages in the batch; `messages` may yield fewer.
    `sent_ns`: when the request was accepted, 0 if unknown or if `messages` have the times.
    """

    name: str = ""
    attributes: Mapping[str, Any] = NOTHING
    caller: Carrier = NOTHING
    caller_body: Any = None
    messages: Iterable[Message] = ()
    count: int = 0
    sent_ns: int = 0


class Source(NamedTuple):
    """A row of a family's table. `is_public`: callers may need no permission to invoke it."""

    name: str
    trigger: Trigger
    matches: Callable[[Event], bool]
    read: Callable[[Event], Facts]
    expects: Expects = ""
    is_public: bool = False


def message_attributes(
    system: str, destination: str, *, count: int = 1, message_id: str = ""
) -> dict[str, Any]:
    """Return the attributes of processed messages: a count for a batch, an id for one message.

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
    """Return the one value that is not empty, or an empty text if there are several."""
    different = {value for value in values if value}
    return different.pop() if len(different) == 1 else ""


def cloud_event(fields: Any, *, prefix: str = "") -> dict[str, Any]:
    """Return the attributes of a CloudEvent or none; its data and subject are not read."""
    if not (text_at(fields, f"{prefix}specversion") and text_at(fields, f"{prefix}type")):
        return {}
    return {
        names.CLOUDEVENTS_ID: name_at(fields, f"{prefix}id"),
        names.CLOUDEVENTS_SOURCE: _without_query(text_at(fields, f"{prefix}source")),
        names.CLOUDEVENTS_SPEC_VERSION: name_at(fields, f"{prefix}specversion"),
        names.CLOUDEVENTS_TYPE: name_at(fields, f"{prefix}type"),
    }


def _without_query(uri: str) -> str:
    """Return a URI without its query, fragment and user information."""
    before, slashes, rest = re.split(r"[?#]", uri[:512])[0].rpartition("//")
    return name_at(before + slashes + rest.rpartition("@")[2])
