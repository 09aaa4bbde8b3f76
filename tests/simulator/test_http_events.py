"""HTTP requests become events of format 2.0, and answers become responses, as AWS does it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from extension.telemetry.tap.cause import cause_of
from simulator.answers import Answer
from simulator.http_events import HttpAnswer, HttpRequest, to_answer, to_event
from simulator.settings import FunctionSettings

if TYPE_CHECKING:
    from simulator.http_events import Front

SETTINGS = FunctionSettings(code=Path(), region="eu-west-1", account_id="111122223333")


def event_of(front: Front = "api-gateway", **changes: Any) -> dict[str, Any]:
    """Return the event for a request that differs from the usual one as said."""
    usual: dict[str, Any] = {
        "method": "GET",
        "target": "/",
        "headers": [("Host", "localhost"), ("User-Agent", "tea/1")],
        "body": b"",
        "client": "127.0.0.1",
        "now": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "request_id": "an-id",
    }
    return to_event(HttpRequest(**usual | changes), front=front, settings=SETTINGS)


def answer_of(
    value: object, *, front: Front = "api-gateway", status: str = "success"
) -> HttpAnswer:
    """Return the response for what a function returns."""
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    given = Answer(
        request_id="an-id",
        status=status,  # type: ignore[arg-type]
        payload=payload,
        error=None,
        cold_start=False,
        duration_ms=1.0,
        after_response_ms=0.0,
    )
    return to_answer(given, front=front)


def test_a_request_in_full() -> None:
    """Path decoded, query as it came and by name, headers in lower case, cookies apart."""
    event = event_of(
        method="POST",
        target="/tea/gr%C3%BCn?cup=1&cup=2&empty=",
        headers=[("X-A", "1"), ("x-a", "2"), ("Cookie", "a=b; c=d"), ("User-Agent", "tea/1")],
        body=b"hot",
    )
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/tea/grün",
        "rawQueryString": "cup=1&cup=2&empty=",
        "cookies": ["a=b", "c=d"],
        "headers": {"x-a": "1,2", "user-agent": "tea/1"},
        "queryStringParameters": {"cup": "1,2", "empty": ""},
        "requestContext": {
            "accountId": "111122223333",
            "apiId": "localhost0",
            "domainName": "localhost0.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "localhost0",
            "http": {
                "method": "POST",
                "path": "/tea/grün",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "tea/1",
            },
            "requestId": "an-id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "02/Jan/2026:03:04:05 +0000",
            "timeEpoch": 1767323045000,
        },
        "body": "hot",
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    ("front", "source"), [("api-gateway", "api_gateway.http"), ("function-url", "function_url")]
)
def test_the_extension_recognises_the_front(front: Front, source: str) -> None:
    """By the host name in the context."""
    assert cause_of(event_of(front)).source == source


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png"])
def test_a_body_that_is_no_text_is_encoded(kind: str) -> None:
    """In base64, and the event says so."""
    event = event_of(method="POST", headers=[("Content-Type", kind)], body=b"\xff\0")
    assert base64.b64decode(event["body"]) == b"\xff\0"
    assert event["isBase64Encoded"] is True


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/problem+json"])
def test_a_body_of_text_is_text(kind: str) -> None:
    """By its content type."""
    event = event_of(method="POST", headers=[("Content-Type", kind)], body=b"{}")
    assert (event["body"], event["isBase64Encoded"]) == ("{}", False)


def test_bytes_that_are_not_the_text_they_claim_to_be_are_encoded() -> None:
    """Whatever the content type says."""
    event = event_of(method="POST", headers=[("Content-Type", "text/plain")], body=b"\xff")
    assert event["isBase64Encoded"] is True


def test_a_response_in_full() -> None:
    """Status, headers, cookies and a body in base64."""
    answer = answer_of(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "image/png", "X-A": 1},
            "cookies": ["a=b", "c=d"],
            "body": base64.b64encode(b"\xff").decode(),
            "isBase64Encoded": True,
        }
    )
    assert answer == HttpAnswer(
        status=201,
        headers=[
            *(("content-type", "image/png"), ("x-a", "1")),
            *(("set-cookie", "a=b"), ("set-cookie", "c=d")),
        ],
        body=b"\xff",
    )


def test_any_other_value_is_the_body() -> None:
    """As JSON with status 200."""
    assert answer_of({"tea": "green"}) == HttpAnswer(
        status=200, headers=[("content-type", "application/json")], body=b'{"tea": "green"}'
    )


@pytest.mark.parametrize(("front", "status"), [("api-gateway", 500), ("function-url", 502)])
def test_what_fails_looks_as_aws_shows_it(front: Front, status: int) -> None:
    """An error of the function, and a response that is none; neither tells why."""
    for answer in (
        answer_of({"errorMessage": "secret"}, front=front, status="error"),
        answer_of({"statusCode": "soon"}, front=front),
        answer_of({"statusCode": 42}, front=front),
        answer_of({"statusCode": 200, "headers": "x"}, front=front),
        answer_of({"statusCode": 200, "body": "é", "isBase64Encoded": True}, front=front),
        answer_of(b"not JSON", front=front),
    ):
        assert answer.status == status
        assert b"Internal Server Error" in answer.body
        assert b"secret" not in answer.body
