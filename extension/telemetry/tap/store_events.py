"""PURE: changes in S3, DynamoDB and DocumentDB, and requests of S3 Object Lambda and S3 Batch.

The key of an object is a name that users chose, so it can be left out. The contents of items and
documents are never read.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html,
https://docs.aws.amazon.com/lambda/latest/dg/with-documentdb.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/olap-event-context.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from extension.telemetry.tap import names
from extension.telemetry.tap.facts import Event, Facts, Source, common
from extension.telemetry.tap.json_paths import (
    MS,
    S,
    arn_name,
    at,
    epoch_ns,
    kind_at,
    list_at,
    name_at,
    text_at,
    time_ns,
)

LONGEST_KEY = 1024
"""Bytes of an S3 key, encoded; no more of it is read."""
ITEM_OPERATIONS = {"INSERT": "insert", "MODIFY": "edit", "REMOVE": "delete"}
DOCUMENT_OPERATIONS = {
    "insert": "insert",
    "update": "edit",
    "replace": "edit",
    "delete": "delete",
}
OBJECT_LAMBDA = (
    "getObjectContext",
    "headObjectContext",
    "listObjectsContext",
    "listObjectsV2Context",
)


def document_attributes(*, bucket: str, key: str, operation: str, when: str) -> dict[str, Any]:
    """Return the attributes of a change of one object."""
    return {
        names.DOCUMENT_COLLECTION: bucket,
        names.DOCUMENT_NAME: key[:LONGEST_KEY].partition("?")[0],
        names.DOCUMENT_OPERATION: operation,
        names.DOCUMENT_TIME: when if time_ns(when) else "",
        names.AWS_S3_BUCKET: bucket,
    }


def _bucket(event: Event) -> Facts:
    records = list_at(event, "Records")
    kind = text_at(records, 0, "eventName")
    bucket = common(name_at(each, "s3", "bucket", "name") for each in records)
    key = text_at(records, 0, "s3", "object", "key") if len(records) == 1 else ""
    when = text_at(records, 0, "eventTime")
    return Facts(
        attributes={
            **document_attributes(
                bucket=bucket,
                key=unquote_plus(key[: 3 * LONGEST_KEY]),
                operation=_object_operation(kind),
                when=when,
            ),
            names.DETAIL: kind_at(records, 0, "eventName"),
        },
        sent_ns=time_ns(when),
    )


def _object_operation(kind: str) -> str:
    """Return the operation of an event such as `ObjectCreated:Put`, empty if no object changed."""
    kind = kind.removeprefix("s3:")
    if kind.startswith(("ObjectRemoved:", "LifecycleExpiration:")):
        return "delete"
    return "insert" if kind.startswith("ObjectCreated:") else ""


def _table(event: Event) -> Facts:
    records = list_at(event, "Records")
    arns = (text_at(each, "eventSourceARN") for each in records or [event])
    table = common(map(arn_name, arns))
    operation = common(ITEM_OPERATIONS.get(text_at(each, "eventName"), "") for each in records)
    return Facts(
        attributes={
            names.DOCUMENT_COLLECTION: table,
            names.DOCUMENT_OPERATION: operation,
            names.AWS_DYNAMODB_TABLE_NAMES: [table] if table else None,
        },
        count=len(records),
        sent_ns=_oldest(records, "dynamodb", "ApproximateCreationDateTime"),
    )


def _collection(event: Event) -> Facts:
    changes = list_at(event, "events")
    collection = common(_namespace(at(each, "event", "ns")) for each in changes)
    kinds = (text_at(each, "event", "operationType") for each in changes)
    return Facts(
        attributes={
            names.DOCUMENT_COLLECTION: collection,
            names.DOCUMENT_OPERATION: common(DOCUMENT_OPERATIONS.get(kind, "") for kind in kinds),
        },
        count=len(changes),
        sent_ns=_oldest(changes, "event", "clusterTime", "$timestamp", "t"),
    )


def _namespace(value: Any) -> str:
    parts = [name_at(value, "db"), name_at(value, "coll")]
    return "/".join(part for part in parts if part)


def _object_request(event: Event) -> Facts:
    """Read a request to an access point; its URLs are signed, so they are never read."""
    kind = next(key for key in OBJECT_LAMBDA if key in event)
    point = text_at(event, "configuration", "accessPointArn")
    return Facts(
        attributes={
            names.DETAIL: kind.removesuffix("Context"),
            names.DOCUMENT_COLLECTION: arn_name(point),
        }
    )


def _batch_task(event: Event) -> Facts:
    tasks = list_at(event, "tasks")
    bucket = common(_bucket_of(each) for each in tasks)
    return Facts(
        attributes={names.AWS_S3_BUCKET: bucket, names.DOCUMENT_COLLECTION: bucket},
        count=len(tasks),
    )


def _bucket_of(task: Any) -> str:
    arn = text_at(task, "s3BucketArn")
    return arn_name(arn) if arn else name_at(task, "s3Bucket")


def _oldest(records: Any, *path: str) -> int:
    """Return the earliest time, in seconds, or in milliseconds where the number is too large."""
    times = (epoch_ns(at(each, *path), unit_ns=S) or _in_ms(at(each, *path)) for each in records)
    return min((each for each in times if each), default=0)


def _in_ms(value: Any) -> int:
    return epoch_ns(value, unit_ns=MS)


def _is_bucket(event: Event) -> bool:
    first = at(event, "Records", 0)
    return text_at(first, "eventSource") == "aws:s3" or bool(at(first, "s3", "bucket"))


def _is_table(event: Event) -> bool:
    """Recognise a stream's records; the final call of a tumbling window may have none."""
    is_window = "window" in event and ":dynamodb:" in text_at(event, "eventSourceARN")[:64]
    return is_window or text_at(event, "Records", 0, "eventSource") == "aws:dynamodb"


def _is_collection(event: Event) -> bool:
    return text_at(event, "eventSource") == "aws:docdb"


def _is_object_request(event: Event) -> bool:
    return bool(text_at(event, "xAmzRequestId")) and any(key in event for key in OBJECT_LAMBDA)


def _is_batch_task(event: Event) -> bool:
    return "invocationSchemaVersion" in event and isinstance(event.get("tasks"), list)


SOURCES = (
    Source("dynamodb", "datasource", _is_table, _table, expects="batch"),
    Source("s3", "datasource", _is_bucket, _bucket),
    Source("documentdb", "datasource", _is_collection, _collection),
    Source("s3.object_lambda", "http", _is_object_request, _object_request),
    Source("s3.batch", "datasource", _is_batch_task, _batch_task),
)
