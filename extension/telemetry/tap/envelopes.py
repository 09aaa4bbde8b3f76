"""PURE: unwraps messages that one service delivered to another: SNS in SQS, EventBridge in SNS.

The body of a queue's message may be a notification, whose text may be an event of EventBridge. Each
layer may have a trace context and the time at which it was accepted; the innermost context and the
earliest time are used, because that is where the message began. Raw delivery adds no layer.
"""

from __future__ import annotations

from typing import Any

from extension.process.frozen import Frozen, replace
from extension.telemetry.tap.carriers import (
    from_attributes,
    from_object,
    from_typed_attributes,
    parse_body,
)
from extension.telemetry.tap.facts import Message
from extension.telemetry.tap.json_paths import (
    arn_name,
    at,
    mapping_at,
    name_at,
    text_at,
    time_ns,
    title_at,
)

DEEPEST = 5
"""Layers that are unwrapped."""
WORDS = ('"Notification"', '"detail-type"', '"eventSource"', '"specversion"')
"""A text that contains none of these is not an envelope and is not parsed."""


class Layers(Frozen):
    """A message and its layers; `publisher` is the outermost topic, event source or bucket."""

    message: Message
    publisher: str = ""
    detail: str = ""


def unwrap(message: Message) -> Layers:
    """Return a message with what its layers say."""
    layers = Layers(message=message)
    body = message.body
    for _ in range(DEEPEST):
        if isinstance(body, str):
            body = parse_body(body, words=WORDS) or body
        inside = _open(body)
        if inside is None:
            break
        layers = _together(layers, inside)
        body = inside.message.body
    return layers


def notification(body: Any, *, text: str, binary: str) -> Message:
    """Return the message in a notification, whose attributes are objects of either form."""
    attributes = at(body, "MessageAttributes")
    return Message(
        carrier=from_typed_attributes(attributes)
        or from_attributes(attributes, text=text, binary=binary),
        body=at(body, "Message"),
        sent_ns=time_ns(text_at(body, "Timestamp")),
    )


def bus_event(body: Any) -> Message:
    """Return the message in an event of EventBridge."""
    detail = mapping_at(body, "detail")
    return Message(carrier=from_object(detail), body=detail, sent_ns=time_ns(text_at(body, "time")))


def _open(body: Any) -> Layers | None:
    topic = text_at(body, "TopicArn")
    if topic and text_at(body, "Type") == "Notification":
        return Layers(
            message=notification(body, text="stringValue", binary="binaryValue"),
            publisher=arn_name(topic),
        )
    if text_at(body, "detail-type") and text_at(body, "source"):
        kind = title_at(body, "detail-type")
        return Layers(message=bus_event(body), publisher=name_at(body, "source"), detail=kind)
    bucket = name_at(body, "Records", 0, "s3", "bucket", "name")
    if bucket:
        sent = time_ns(text_at(body, "Records", 0, "eventTime"))
        return Layers(message=Message(sent_ns=sent), publisher=bucket)
    return None


def _together(outer: Layers, inner: Layers) -> Layers:
    times = [each.message.sent_ns for each in (outer, inner) if each.message.sent_ns]
    message = outer.message._replace(
        carrier=inner.message.carrier or outer.message.carrier,
        body=inner.message.body if inner.message.body is not None else outer.message.body,
        sent_ns=min(times, default=0),
    )
    return replace(
        outer,
        message=message,
        publisher=outer.publisher or inner.publisher,
        detail=inner.detail or outer.detail,
    )
