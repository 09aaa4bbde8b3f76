"""PURE: messages of Kafka, ActiveMQ and RabbitMQ.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html,
https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html,
https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html,
https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import (
    decode_base64,
    from_object,
    from_pairs,
    text_of_bytes,
)
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
    S,
    at,
    epoch_ns,
    list_at,
    lists_in,
    mapping_at,
    name_at,
    text_at,
)

MOST_READ = 256
"""Messages of a batch whose headers and bodies are searched."""
MOST_HEADERS = 64
KAFKA = frozenset(["aws:kafka", "SelfManagedKafka", "aws:SelfManagedKafka"])
ACTIVEMQ = frozenset(["aws:mq", "aws:amq"])
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
RABBIT_TIME = re.compile(
    r"([A-Z][a-z]{2}) (\d{1,2}), (\d{4}), (\d{1,2}):(\d\d):(\d\d)[ \u202f](AM|PM)", re.ASCII
)
"""`Jan 1, 1970, 12:33:41 AM`, as Lambda writes the basic properties' timestamp."""


def _topics(event: Event) -> Facts:
    by_partition = mapping_at(event, "records")
    records = lists_in(by_partition, most=MOST_READ)
    count = sum(len(each) for each in by_partition.values() if isinstance(each, list))
    topic = common(name_at(each, "topic") for each in records)
    return Facts(
        name=process_name(topic),
        attributes={
            **message_attributes("kafka", topic, count=count),
            names.MESSAGING_PARTITION: common(_number(each, "partition") for each in records),
            names.KAFKA_OFFSET: _offset(records[0]) if count == 1 else None,
        },
        messages=map(_recorded, records),
        count=count,
    )


def _recorded(record: Any) -> Message:
    headers = list_at(record, "headers")[:MOST_HEADERS]
    pairs = (pair for each in headers if isinstance(each, dict) for pair in each.items())
    return Message(
        carrier=from_pairs((name, text_of_bytes(value)) for name, value in pairs),
        body=decode_base64(text_at(record, "value")),
        sent_ns=epoch_ns(at(record, "timestamp"), unit_ns=MS),
    )


def _active(event: Event) -> Facts:
    messages = list_at(event, "messages")
    queue = common(name_at(each, "destination", "physicalName") for each in messages)
    return Facts(
        name=process_name(queue),
        attributes=message_attributes(
            "activemq", queue, count=len(messages), message_id=name_at(messages, 0, "messageID")
        ),
        messages=map(_active_message, messages[:MOST_READ]),
        count=len(messages),
    )


def _active_message(message: Any) -> Message:
    sent = epoch_ns(at(message, "timestamp"), unit_ns=MS)
    return Message(
        carrier=from_object(at(message, "properties")),
        body=decode_base64(text_at(message, "data")),
        sent_ns=sent or epoch_ns(at(message, "brokerInTime"), unit_ns=MS),
    )


def _rabbit(event: Event) -> Facts:
    by_queue = mapping_at(event, "rmqMessagesByQueue")
    messages = lists_in(by_queue, most=MOST_READ)
    count = sum(len(each) for each in by_queue.values() if isinstance(each, list))
    queue = common(name_at(name.partition("::")[0]) for name in by_queue)
    return Facts(
        name=process_name(queue),
        attributes=message_attributes(
            "rabbitmq",
            queue,
            count=count,
            message_id=name_at(messages, 0, "basicProperties", "messageId"),
        ),
        messages=map(_rabbit_message, messages),
        count=count,
    )


def _rabbit_message(message: Any) -> Message:
    headers = mapping_at(message, "basicProperties", "headers")
    return Message(
        carrier=from_pairs((name, _header_text(value)) for name, value in headers.items()),
        body=decode_base64(text_at(message, "data")),
        sent_ns=_rabbit_time(at(message, "basicProperties", "timestamp")),
    )


def _header_text(value: Any) -> str:
    return value if isinstance(value, str) else text_of_bytes(at(value, "bytes"))


def _rabbit_time(value: Any) -> int:
    """Return epoch nanoseconds; the text has no offset and is UTC."""
    if not isinstance(value, str):
        return epoch_ns(value, unit_ns=MS)
    found = RABBIT_TIME.fullmatch(value)
    if found is None or found[1] not in MONTHS:
        return 0
    day, year, hour, minute, second = (int(found[part]) for part in range(2, 7))
    hour = hour % 12 + (12 if found[7] == "PM" else 0)
    try:
        moment = datetime(year, MONTHS.index(found[1]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return 0
    return epoch_ns(int(moment.timestamp()), unit_ns=S)


def _number(record: Any, key: str) -> str:
    value = at(record, key)
    return str(value) if type(value) is int and abs(value) < 1 << 63 else ""


def _offset(record: Any) -> int | None:
    value = at(record, "offset")
    return value if type(value) is int and abs(value) < 1 << 63 else None


def _is_kafka(event: Event) -> bool:
    source = event.get("eventSource")
    return isinstance(source, str) and source in KAFKA and bool(mapping_at(event, "records"))


def _is_active(event: Event) -> bool:
    source = event.get("eventSource")
    return isinstance(source, str) and source in ACTIVEMQ and bool(list_at(event, "messages"))


def _is_rabbit(event: Event) -> bool:
    return text_at(event, "eventSource") == "aws:rmq" and "rmqMessagesByQueue" in event


SOURCES = (
    Source("kafka", "pubsub", _is_kafka, _topics, expects="batch"),
    Source("activemq", "pubsub", _is_active, _active),
    Source("rabbitmq", "pubsub", _is_rabbit, _rabbit),
)
