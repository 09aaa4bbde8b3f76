"""Errors: one text for the caller, the real code in a header and in the log, never a value."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Serve
from tests.fake_aws import BROKEN, DENIED, REQUEST_ID, RESET, RUBBISH, THROTTLED, FakeAws, Fault
from tests.running_cache import GET_PARAMETER, GET_SECRET, RunningCache
from tests.waiting import until

GENERIC = b"an unexpected error occurred while executing request"

REFUSALS = [
    (f"{GET_PARAMETER}?name=/nope", None, "ParameterNotFound"),
    (f"{GET_PARAMETER}?name=/a/b&version=0", Fault(code="ParameterVersionNotFound"), None),
    (f"{GET_SECRET}?secretId=nope&versionStage=NOPE", None, "ResourceNotFoundException"),
    (f"{GET_PARAMETER}?name=/a/b", DENIED, "AccessDeniedException"),
    (f"{GET_SECRET}?secretId=n", Fault(code="AccessDeniedException", message="KMS"), None),
    (f"{GET_SECRET}?secretId=n", Fault(status=403, code="SignatureDoesNotMatch"), None),
    (f"{GET_SECRET}?secretId=n", Fault(code="InvalidRequestException"), None),
    (f"{GET_SECRET}?secretId=n", Fault(code="DecryptionFailure"), None),
]


@pytest.mark.parametrize(("target", "fault", "code"), REFUSALS)
async def test_refusals_of_aws(
    aws: FakeAws, cache: RunningCache, target: str, fault: Fault | None, code: str | None
) -> None:
    """400 with AWS's generic text, the real code and request id in headers; asked once."""
    if fault:
        aws.faults.append(fault)
    answer = await cache.get(target)
    assert (answer.status, answer.body) == (400, GENERIC)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["x-amzn-errortype"] == (code or (fault and fault.code))
    assert answer.headers["x-amzn-requestid"] == REQUEST_ID
    assert len(aws.requests) == 1


async def test_log_line_of_a_failure(aws: FakeAws, cache: RunningCache) -> None:
    """It names operation, name, code, request id and permission: what a person needs to act."""
    aws.faults.append(DENIED)
    await cache.secret("secretId=n&foo=hunter2")
    (line,) = cache.log.parsed
    assert line == {
        "extension": "lambda-dispatch",
        "level": "ERROR",
        "message": "upstream call failed",
        "service": "Secrets Manager",
        "operation": "GetSecretValue",
        "name": "n",
        "code": "AccessDeniedException",
        "request_id": REQUEST_ID,
        "attempts": 1,
        "region": "eu-central-1",
        "reason": "check that the role may call secretsmanager:GetSecretValue on it",
    }


async def test_failed_refresh_leaves_the_cache_alone(aws: FakeAws, cache: RunningCache) -> None:
    """A refresh of what does not exist is an error; other entries stay."""
    await cache.secret("secretId=n")
    assert (await cache.secret("secretId=nope&refresh=true")).status == 400
    assert (await cache.secret("secretId=n")).cache == "HIT"


async def test_refused_refresh_keeps_the_fresh_value(aws: FakeAws, cache: RunningCache) -> None:
    """The refresh says no; the value stays good for those who did not ask for more."""
    await cache.secret("secretId=n")
    aws.faults.append(DENIED)
    assert (await cache.secret("secretId=n&refresh=true")).status == 400
    assert (await cache.secret("secretId=n")).cache == "HIT"


async def test_throttled_twice_then_served(aws: FakeAws, cache: RunningCache) -> None:
    """Three attempts in total, so the third one counts."""
    aws.faults.extend([THROTTLED, THROTTLED])
    assert (await cache.secret("secretId=n")).status == 200
    assert len(aws.requests) == 3


async def test_always_throttled(aws: FakeAws, cache: RunningCache) -> None:
    """400 after the third attempt."""
    aws.fault = lambda _: THROTTLED
    answer = await cache.secret("secretId=n")
    assert (answer.status, answer.body) == (400, GENERIC)
    assert answer.headers["x-amzn-errortype"] == "ThrottlingException"
    assert len(aws.requests) == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (BROKEN, "InternalServerError"),
        (Fault(status=503, body=b"<html>busy"), "503"),
        (RESET, "ConnectionClosedError"),
        (RUBBISH, "InvalidResponse"),
        (Fault(status=200, body=b""), "InvalidResponse"),
        (Fault(status=200, body=b"[]"), None),
        (Fault(status=200, body=b'{"Parameter": {"LastModifiedDate": "rubbish"}}'), None),
        (Fault(status=200, body=b'{"Parameter": "rubbish"}'), None),
        (Fault(status=400, body=b'{"__type": "a\\r\\nX-Evil: 1"}'), "aX-Evil"),
        (Fault(status=400, body=b""), None),
    ],
)
async def test_upstream_in_trouble(
    aws: FakeAws, serve: Serve, fault: Fault, code: str | None
) -> None:
    """Errors, resets and rubbish are a 400; the process goes on."""
    cache = await serve()
    aws.fault = lambda _: fault
    answer = await cache.parameter("name=/a/b")
    assert (answer.status, answer.body) == (400, GENERIC)
    if code is not None:
        assert answer.headers["x-amzn-errortype"] == code
    assert answer.headers["x-amzn-errortype"]
    aws.fault = None
    assert (await cache.parameter("name=/a/b")).status == 200


@pytest.mark.parametrize(
    ("variable", "target"),
    [
        ("SSM_PARAMETER_STORE_TIMEOUT_MILLIS", f"{GET_PARAMETER}?name=/a/b"),
        ("SECRETS_MANAGER_TIMEOUT_MILLIS", f"{GET_SECRET}?secretId=n"),
    ],
)
async def test_deadline_over_all_attempts(
    aws: FakeAws, serve: Serve, variable: str, target: str
) -> None:
    """An upstream that hangs is given up at the user's deadline, not three times that."""
    cache = await serve(**{variable: "200"})
    aws.hold()
    answer = await cache.get(target)
    assert answer.headers["x-amzn-errortype"] in {"RequestTimeout", "ReadTimeoutError"}
    assert (answer.status, answer.body) == (400, GENERIC)
    aws.release()
    await until(lambda: aws.waiting == 0)
    assert len(aws.requests) <= 2


async def test_no_connection_at_all(serve: Serve) -> None:
    """Nothing listens at the endpoint."""
    cache = await serve(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    answer = await cache.secret("secretId=n")
    assert answer.headers["x-amzn-errortype"] == "EndpointConnectionError"


async def test_no_credentials(serve: Serve) -> None:
    """A sandbox without credentials gets an error it can act on."""
    cache = await serve(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    answer = await cache.secret("secretId=n")
    assert answer.headers["x-amzn-errortype"] == "NoCredentialsError"


@pytest.mark.parametrize("asked", ["header", "variable"])
async def test_json_errors(aws: FakeAws, serve: Serve, asked: str) -> None:
    """Opt-in: valid JSON, whatever quotes and line breaks the message has."""
    cache = await serve(DISPATCH_CACHE_ERRORS="json" if asked == "variable" else "text")
    headers = {"Accept": "application/json"} if asked == "header" else {}
    aws.faults.append(DENIED)
    answer = await cache.secret("secretId=n", **headers)
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json == {
        "error": {
            "code": "AccessDeniedException",
            "message": 'User "x" is not authorized\nto perform',
            "requestId": REQUEST_ID,
            "service": "Secrets Manager",
        }
    }
    refused = await cache.get("/nope", **headers)
    assert refused.json["error"]["code"] == "NotFound"
    assert (await cache.secret("secretId=n", token="wrong", **headers)).body.startswith(b"bad")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json, text/plain, */*", "application/json;q=0.9", ""]
)
async def test_longer_accept_lists_keep_the_text(
    aws: FakeAws, cache: RunningCache, accept: str
) -> None:
    """HTTP libraries send lists by default: that is not a wish for JSON errors."""
    aws.faults.append(DENIED)
    assert (await cache.secret("secretId=n", Accept=accept)).body == GENERIC


NO_DATE = Fault(
    status=200, body=b'{"Parameter":{"Value":"v","LastModifiedDate":253402300799.9999}}'
)


async def test_an_answer_without_sense_is_one_that_may_pass(
    aws: FakeAws, cache: RunningCache
) -> None:
    """A date behind the year 9999: the stale value is served, and names beside it have theirs."""
    assert (await cache.parameter("name=/a/b")).status == 200
    aws.fault = lambda asked: NO_DATE if asked.arguments.get("Name") != "/a/secure" else None
    cache.clock.advance(400)
    several = await cache.get("/systemsmanager/parameters/getMany?name=/a/b&name=/n&name=/a/secure")
    assert several.status == 200
    results = [(each["status"], each.get("cache")) for each in several.json["results"]]
    assert results == [(200, "STALE"), (400, None), (200, "MISS")]
    assert several.json["results"][1]["error"]["code"] == "InvalidResponse"
