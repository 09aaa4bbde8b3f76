"""PURE: messages of SQS and SNS, and what other services wrapped in them.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html,
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html,
https://opentelemetry.io/docs/specs/semconv/messaging/sqs/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import from_attributes
from extension.telemetry.tap.envelopes import Layers, notification, unwrap
from extension.telemetry.tap.facts import (
    Event,
    Facts,
    Message,
    Source,
    common,
    message_attributes,
    process_name,
)
from extension.telemetry.tap.json_paths import (
    MS,
    arn_name,
    at,
    epoch_ns,
    is_arn,
    list_at,
    name_at,
    text_at,
)

MOST_READ = 256
"""Messages of a batch that are unwrapped."""
MOST_RECEIVES = 1_000_000
CHINA = "aws-cn"


def _queue(event: Event) -> Facts:
    records = list_at(event, "Records")
    arn = common(text_at(each, "eventSourceARN") for each in records)
    queue = arn_name(arn)
    layers = [unwrap(_queued(each)) for each in records[:MOST_READ]]
    return Facts(
        name=process_name(queue),
        attributes={
            **message_attributes(
                "aws_sqs", queue, count=len(records), message_id=name_at(records, 0, "messageId")
            ),
            names.AWS_SQS_QUEUE_URL: _queue_url(arn) if queue else "",
            names.RECEIVE_COUNT: _receives(records),
            **_layer_attributes(layers),
        },
        messages=[each.message for each in layers],
        count=len(records),
    )


def _queued(record: Any) -> Message:
    return Message(
        carrier=from_attributes(
            at(record, "messageAttributes"), text="stringValue", binary="binaryValue"
        ),
        body=text_at(record, "body"),
        xray=text_at(record, "attributes", "AWSTraceHeader"),
        sent_ns=epoch_ns(at(record, "attributes", "SentTimestamp"), unit_ns=MS),
    )


def _topic(event: Event) -> Facts:
    records = list_at(event, "Records")
    arn = common(text_at(each, "Sns", "TopicArn") for each in records)
    topic = arn_name(arn)
    layers = [unwrap(_notified(each)) for each in records[:MOST_READ]]
    return Facts(
        name=process_name(topic),
        attributes={
            **message_attributes(
                "aws.sns",
                topic,
                count=len(records),
                message_id=name_at(records, 0, "Sns", "MessageId"),
            ),
            names.AWS_SNS_TOPIC_ARN: arn if is_arn(arn) else "",
            **_layer_attributes(layers),
        },
        messages=[each.message for each in layers],
        count=len(records),
    )


def _notified(record: Any) -> Message:
    return notification(at(record, "Sns"), text="StringValue", binary="BinaryValue")


def _layer_attributes(layers: Sequence[Layers]) -> dict[str, Any]:
    """Return where the messages were first published, if that is the same place for all."""
    if not all(each.publisher for each in layers):
        return {}
    return {
        names.MESSAGING_PUBLISHED_TO: common(each.publisher for each in layers),
        names.DETAIL: common(each.detail for each in layers),
    }


def _receives(records: Sequence[Any]) -> int | None:
    """Return the highest receive count of the messages, None if it is 1."""
    counts = [
        epoch_ns(at(each, "attributes", "ApproximateReceiveCount"), unit_ns=1) for each in records
    ]
    most = max(counts, default=0)
    return most if 1 < most < MOST_RECEIVES else None


def _queue_url(arn: str) -> str:
    partition, _, region, account, queue = arn.split(":", 5)[1:]
    domain = "amazonaws.com.cn" if partition == CHINA else "amazonaws.com"
    return f"https://sqs.{region}.{domain}/{account}/{queue}"


def _is_queue(event: Event) -> bool:
    return text_at(event, "Records", 0, "eventSource") == "aws:sqs"


def _is_topic(event: Event) -> bool:
    first = at(event, "Records", 0)
    return text_at(first, "EventSource") == "aws:sns" or bool(text_at(first, "Sns", "TopicArn"))


SOURCES = (
    Source("sqs", "pubsub", _is_queue, _queue, expects="batch"),
    Source("sns", "pubsub", _is_topic, _topic),
)
