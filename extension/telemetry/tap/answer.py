"""PURE: reads a function's response: an HTTP status, failed messages, its size.

Only what the source of the event would read is read: `statusCode` means nothing to a queue. A
status of 500 or more is an error of the function; 4xx is the caller's. Failed messages are retried
by their source and do not make the invocation an error.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html,
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html,
https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension.process.frozen import Frozen
from extension.telemetry.tap import names
from extension.telemetry.tap.cause import Cause
from extension.telemetry.tap.json_paths import at, text_at
from extension.telemetry.tap.partial_json import Excerpt, members_at_end, read_excerpt, read_head

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
PRELUDE_END = b"\0" * 8
ANSWER_KEYS = ("statusCode", "batchItemFailures", "headers", "isBase64Encoded", "cookies")
"""Members that may come after a large body."""
FAILED_RECORD = "ProcessingFailed"


class Answer(Frozen):
    """What a response says; `status_code` is 0 and `failed_messages` None if it says nothing of it.

    `failed_messages`: the size of the batch if all of it will be retried, -1 if that is unknown.
    """

    size_bytes: int = 0
    status_code: int = 0
    failed_messages: int | None = None

    @property
    def error_type(self) -> str:
        """The `error.type` of a span whose handler raised nothing, empty if there was no error."""
        return str(self.status_code) if self.status_code >= 500 else ""

    def attributes(self) -> Mapping[str, Any]:
        """Return the attributes of the invocation's span."""
        failed = self.failed_messages
        given = {
            names.RESPONSE_BYTES: self.size_bytes,
            names.HTTP_STATUS_CODE: self.status_code or None,
            names.FAILED_MESSAGES: None if failed is None or failed < 0 else failed,
            names.ERROR_TYPE: self.error_type or None,
        }
        return {name: value for name, value in given.items() if value is not None}


def read_answer(excerpt: Excerpt, *, cause: Cause, headers: Mapping[str, str]) -> Answer:
    """Return what a response says; `headers`: of the runtime's request, in lower case."""
    size = excerpt.whole_size
    if not cause.expects:
        return Answer(size_bytes=size)
    if cause.expects in ("http", "http_or_value"):
        return Answer(size_bytes=size, status_code=_status(excerpt, cause=cause, headers=headers))
    value = _value(excerpt)
    if cause.expects == "transform":
        failed = None if not excerpt.is_whole else _failed_records(value)
        return Answer(size_bytes=size, failed_messages=failed)
    return Answer(size_bytes=size, failed_messages=_failed_items(value, cause=cause))


def _status(excerpt: Excerpt, *, cause: Cause, headers: Mapping[str, str]) -> int:
    """Return the status that the caller receives, 0 if it is unknown."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() == PRELUDE_TYPE:
        return _status_of_prelude(excerpt.head)
    value = _value(excerpt)
    if code := _code(at(value, "statusCode")):
        return code
    has_none = excerpt.is_whole and value is not None and at(value, "statusCode") is None
    return 200 if cause.expects == "http_or_value" and has_none else 0


def _status_of_prelude(head: bytes) -> int:
    """Return the status that precedes a streamed body: 200 only if all is there and names none."""
    text, end, _ = head.partition(PRELUDE_END)
    prelude = read_head(text)
    if code := _code(at(prelude, "statusCode")):
        return code
    names_none = isinstance(prelude, dict) and at(prelude, "statusCode") is None
    return 200 if end and names_none else 0


def _code(value: Any) -> int:
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    is_code = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_code and 100 <= value <= 599 else 0


def _value(excerpt: Excerpt) -> Any:
    value = read_excerpt(excerpt)
    if excerpt.is_whole or not isinstance(value, dict):
        return value
    return {**members_at_end(excerpt.tail, ANSWER_KEYS, closed_by=""), **value}


def _failed_items(value: Any, *, cause: Cause) -> int | None:
    """Return how many messages will be retried; what is no list of ids means all of them.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    failures = at(value, "batchItemFailures")
    if failures is None:
        return None
    if not isinstance(failures, list) or not all(map(_identifier, failures)):
        return cause.message_count or -1
    different = set(map(_identifier, failures))
    return min(len(different), cause.message_count or len(different))


def _identifier(failure: Any) -> str:
    return text_at(failure, "itemIdentifier")


def _failed_records(value: Any) -> int | None:
    records = at(value, "records")
    if not isinstance(records, list):
        return None
    return sum(text_at(each, "result") == FAILED_RECORD for each in records)
