"""CreateLogGroup and CreateLogStream in AWS's JSON 1.1, where every fault of the caller is 400."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.aws.endpoints import AccessKey, AwsEndpoints
from tests.simulator.aws.conftest import GROUP, STREAM
from tests.simulator.aws.signed import Response, Signed

NEW = "/lambda-dispatch/new"
JSON_1_1 = "application/x-amz-json-1.1"


async def call(aws: AwsEndpoints, operation: str, arguments: Any, **changes: Any) -> Response:
    """Call the Logs API."""
    headers = {"Content-Type": JSON_1_1, "X-Amz-Target": f"Logs_20140328.{operation}"}
    body = json.dumps(arguments).encode()
    url = "https://logs.eu-central-1.amazonaws.com/"
    return await Signed(url=url, body=body, headers=headers, **changes).send(aws.url)


async def test_group_and_stream_are_created(aws: AwsEndpoints) -> None:
    """Both answer with an empty body; then they are there."""
    group = await call(aws, "CreateLogGroup", {"logGroupName": NEW})
    stream = await call(aws, "CreateLogStream", {"logGroupName": NEW, "logStreamName": STREAM})

    assert [(it.status, it.body) for it in (group, stream)] == [(200, b"")] * 2
    assert aws.log_groups[NEW].streams == {STREAM}
    assert [it.operation for it in aws.exchanges] == ["CreateLogGroup", "CreateLogStream"]


@pytest.mark.parametrize(
    ("operation", "arguments", "error"),
    [
        ("CreateLogGroup", {"logGroupName": GROUP}, "ResourceAlreadyExistsException"),
        ("CreateLogGroup", {"logGroupName": "aws/spans"}, "InvalidParameterException"),
        ("CreateLogGroup", {"logGroupName": "a b"}, "InvalidParameterException"),
        ("CreateLogGroup", {"logGroupName": "x" * 513}, "InvalidParameterException"),
        ("CreateLogGroup", {}, "InvalidParameterException"),
        ("CreateLogGroup", [], "SerializationException"),
        (
            "CreateLogStream",
            {"logGroupName": GROUP, "logStreamName": STREAM},
            "ResourceAlreadyExistsException",
        ),
        (
            "CreateLogStream",
            {"logGroupName": NEW, "logStreamName": STREAM},
            "ResourceNotFoundException",
        ),
        (
            "CreateLogStream",
            {"logGroupName": GROUP, "logStreamName": "a:b"},
            "InvalidParameterException",
        ),
        ("DescribeLogGroups", {}, "UnknownOperationException"),
    ],
)
async def test_refusals(aws: AwsEndpoints, operation: str, arguments: Any, error: str) -> None:
    """The names are those of the API."""
    response = await call(aws, operation, arguments)

    assert (response.status, response.error) == (400, error)
    assert response.headers["content-type"] == JSON_1_1


@pytest.mark.parametrize("operation", ["CreateLogGroup", "CreateLogStream"])
async def test_missing_permission(aws: AwsEndpoints, operation: str) -> None:
    """Here a missing permission is 400, too; it names the action."""
    aws.trouble.denied.add(f"logs:{operation}")
    arguments = {"logGroupName": GROUP, "logStreamName": "new"}
    response = await call(aws, operation, arguments)

    assert (response.status, response.error) == (400, "AccessDeniedException")
    assert f"logs:{operation}" in response.message


async def test_bad_signature_is_400_here(aws: AwsEndpoints) -> None:
    """The same names as at the OTLP endpoints, with the status of the JSON protocol."""
    aws.keys.expire()
    expired = await call(aws, "CreateLogGroup", {"logGroupName": NEW})
    unknown = await call(aws, "CreateLogGroup", {}, key=AccessKey(key_id="AKIDNOBODY"))

    assert (expired.status, expired.error) == (400, "ExpiredTokenException")
    assert (unknown.status, unknown.error) == (400, "UnrecognizedClientException")
    assert NEW not in aws.log_groups


async def test_throttled(aws: AwsEndpoints) -> None:
    """The JSON protocol has 400 for this, too."""
    aws.trouble.throttled.add("logs")
    response = await call(aws, "CreateLogGroup", {"logGroupName": NEW})

    assert (response.status, response.error) == (400, "ThrottlingException")
