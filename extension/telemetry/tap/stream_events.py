"""PURE: records of Kinesis, Firehose and CloudWatch Logs.

The data of a Kinesis record is parsed only if it may contain a trace context. Of a CloudWatch Logs
subscription only the fields before the log lines are decompressed.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html,
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import binascii
import re
import zlib
from typing import Any

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import decode_base64
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
    arn_name,
    at,
    epoch_ns,
    list_at,
    name_at,
    text_at,
)
from extension.telemetry.tap.partial_json import read_head

SHARD = re.compile(r"shardId-\d{1,20}", re.ASCII)
MOST_READ = 256
"""Records of a batch whose data is searched."""
GZIP_HEAD = 4096
"""Characters of base64, and decompressed bytes: the names come before the lines."""
GZIP_OR_ZLIB = 47


def _stream(event: Event) -> Facts:
    records = list_at(event, "Records")
    arns = (text_at(each, "eventSourceARN") for each in records or [event])
    stream = common(map(arn_name, arns))
    shards = (_shard(each) for each in records[:MOST_READ])
    return Facts(
        name=process_name(stream),
        attributes={
            **message_attributes("aws.kinesis", stream, count=len(records)),
            names.AWS_KINESIS_STREAM_NAME: stream,
            names.MESSAGING_PARTITION: common(shards),
        },
        messages=(_streamed(each) for each in records[:MOST_READ]),
        count=len(records),
    )


def _shard(record: Any) -> str:
    found = SHARD.match(text_at(record, "eventID"))
    return found[0] if found else ""


def _streamed(record: Any) -> Message:
    arrived = at(record, "kinesis", "approximateArrivalTimestamp")
    return Message(
        body=decode_base64(text_at(record, "kinesis", "data")),
        sent_ns=epoch_ns(arrived, unit_ns=S),
    )


def _delivery(event: Event) -> Facts:
    records = list_at(event, "records")
    stream = arn_name(text_at(event, "deliveryStreamArn"))
    return Facts(
        name=process_name(stream),
        attributes=message_attributes("aws.firehose", stream, count=len(records)),
        messages=[
            Message(sent_ns=epoch_ns(at(each, "approximateArrivalTimestamp"), unit_ns=MS))
            for each in records[:MOST_READ]
        ],
        count=len(records),
    )


def _log_lines(event: Event) -> Facts:
    group = name_at(_unpacked(text_at(event, "awslogs", "data")), "logGroup")
    return Facts(
        name=process_name(group),
        attributes={
            **message_attributes("aws.cloudwatch_logs", group),
            names.AWS_LOG_GROUP_NAMES: [group] if group else None,
        },
    )


def _unpacked(data: str) -> Any:
    """Return the fields before the log lines, which name the group."""
    try:
        packed = binascii.a2b_base64(data[:GZIP_HEAD])
        head = zlib.decompressobj(GZIP_OR_ZLIB).decompress(packed, GZIP_HEAD)
    except (ValueError, zlib.error):
        return None
    return read_head(head)


def _is_stream(event: Event) -> bool:
    """Recognise a stream's records; the final call of a tumbling window may have none."""
    is_window = "window" in event and ":kinesis:" in text_at(event, "eventSourceARN")[:64]
    return is_window or text_at(event, "Records", 0, "eventSource") == "aws:kinesis"


def _is_delivery(event: Event) -> bool:
    is_named = bool(text_at(event, "deliveryStreamArn") or text_at(event, "invocationId"))
    has_records = bool(text_at(event, "records", 0, "recordId"))
    return is_named and has_records and "applicationArn" not in event


def _is_log_lines(event: Event) -> bool:
    return bool(text_at(event, "awslogs", "data"))


SOURCES = (
    Source("kinesis", "pubsub", _is_stream, _stream, expects="batch"),
    Source("firehose", "pubsub", _is_delivery, _delivery, expects="transform"),
    Source("cloudwatch.logs", "pubsub", _is_log_lines, _log_lines),
)
