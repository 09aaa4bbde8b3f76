"""What one service put around the message of another is opened."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from extension.telemetry.tap import names
from extension.telemetry.tap.cause import Cause, CauseOptions, cause_of
from tests.unit.telemetry.tap.samples import (
    EVENTBRIDGE,
    ORDER,
    S3,
    SENT_NS,
    SNS,
    SPAN,
    SPAN_ID,
    TRACE_ID,
    TRACEPARENT,
    notification,
    sqs_record,
)

IDS = CauseOptions(trace_fields=("trace_id", "span_id"))
TRACED = {**ORDER, "trace_id": TRACE_ID, "span_id": SPAN_ID}
LATE_MS = str(SENT_NS // 1_000_000 + 5_000)


def queued(body: Any, *, attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an event of a queue that took the message in five seconds after it was published."""
    record = sqs_record(body, attributes=attributes or {})
    record["attributes"]["SentTimestamp"] = LATE_MS
    return {"Records": [record]}


def published(message: Any, *, attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an event of a topic."""
    sns = {**SNS["Records"][0]["Sns"], "Message": json.dumps(message)}
    return {
        "Records": [{**SNS["Records"][0], "Sns": sns | {"MessageAttributes": attributes or {}}}]
    }


def links(cause: Cause) -> list[tuple[int, int]]:
    """Return the ids of the links."""
    return [link.ids for link in cause.links]


DATADOG = json.dumps({"traceparent": TRACEPARENT})
PLAIN_BUS = {**EVENTBRIDGE, "detail": TRACED}

SHOP: dict[str, dict[str, Any]] = {
    "SNS in SQS, attribute": queued(notification()),
    "SNS in SQS, attribute of the other form": queued(
        notification(attributes={"traceparent": {"stringValue": TRACEPARENT}})
    ),
    "SNS in SQS, Datadog's attribute": queued(
        notification(attributes={"_datadog": {"Type": "String", "Value": DATADOG}})
    ),
    "SNS in SQS, Datadog's binary attribute": queued(
        notification(
            attributes={
                "_datadog": {"Type": "Binary", "Value": base64.b64encode(DATADOG.encode()).decode()}
            }
        )
    ),
    "SNS in SQS, ids in the body": queued(notification(TRACED, attributes={})),
    "SNS, ids in the body": published(TRACED),
    "SQS, ids in the body": queued(TRACED),
    "SQS, Datadog's attribute": queued(ORDER, attributes={"_datadog": {"stringValue": DATADOG}}),
    "raw delivery": queued(ORDER, attributes={"traceparent": {"stringValue": TRACEPARENT}}),
    "SNS without a context in SQS, attribute of SQS": queued(
        notification(attributes={}), attributes={"traceparent": {"stringValue": TRACEPARENT}}
    ),
    "EventBridge, in the detail": EVENTBRIDGE,
    "EventBridge, ids in the detail": PLAIN_BUS,
    "EventBridge, Datadog's field": {**EVENTBRIDGE, "detail": {"_datadog": json.loads(DATADOG)}},
    "EventBridge in SQS": queued(EVENTBRIDGE),
    "EventBridge in SQS, ids in the detail": queued(PLAIN_BUS),
    "EventBridge in SNS": published(EVENTBRIDGE),
    "EventBridge in SNS in SQS": queued(notification(EVENTBRIDGE, attributes={})),
    "EventBridge in SNS in SQS, ids in the detail": queued(notification(PLAIN_BUS, attributes={})),
}


@pytest.mark.parametrize("name", SHOP)
def test_the_sender_is_found_through_every_service(name: str) -> None:
    """A shop of producers and consumers with topics, queues and buses between them is linked."""
    cause = cause_of(SHOP[name], options=IDS)
    assert links(cause) == [SPAN]
    assert cause.parent is None


@pytest.mark.parametrize(
    ("body", "publisher", "detail"),
    [
        (notification(), "order-placed", None),
        (EVENTBRIDGE, "shop.orders", "Order placed"),
        (notification(EVENTBRIDGE, attributes={}), "order-placed", "Order placed"),
        (S3, "tea-pictures", None),
        (notification(S3, attributes={}), "order-placed", None),
    ],
    ids=["SNS", "EventBridge", "EventBridge in SNS", "S3", "S3 in SNS"],
)
def test_where_it_was_published_is_told(body: Any, publisher: str, detail: str | None) -> None:
    """And the time is the first of all, for the message has waited since then."""
    cause = cause_of(queued(body))
    assert cause.source == "sqs"
    assert cause.attributes[names.MESSAGING_PUBLISHED_TO] == publisher
    assert cause.attributes.get(names.DETAIL) == detail
    assert cause.sent_ns == SENT_NS


def test_a_batch_from_several_topics_was_published_nowhere_in_particular() -> None:
    """Nor is one that has a message of the queue's own."""
    event = {"Records": [sqs_record(notification()), sqs_record(ORDER)]}
    assert names.MESSAGING_PUBLISHED_TO not in cause_of(event).attributes


def test_layers_are_opened_so_deep_and_no_deeper() -> None:
    """More layers than services add are an attempt to keep the reader busy."""
    body: Any = TRACED
    for _ in range(12):
        body = notification(body, attributes={})
    assert links(cause_of(queued(body), options=IDS)) == []


@pytest.mark.parametrize(
    "body",
    [
        "tea",
        "",
        "{",
        '"Notification"',
        {"Type": "Notification"},
        {"Type": "Notification", "TopicArn": 7, "Message": TRACED},
        {"detail-type": 1, "source": 2, "detail": TRACED},
        {"detail-type": "Order placed", "detail": {"traceparent": TRACEPARENT}},
        {"source": "shop", "detail-type": "", "detail": {"traceparent": TRACEPARENT}},
        {"Records": 7, "eventSource": "aws:s3"},
        {"eventSource": "aws:s3", "Records": [{"s3": 7}]},
    ],
)
def test_a_body_that_is_no_envelope_is_left_alone(body: Any) -> None:
    """It is the message itself."""
    cause = cause_of(queued(body))
    assert (cause.source, cause.links) == ("sqs", ())
    assert names.MESSAGING_PUBLISHED_TO not in cause.attributes
