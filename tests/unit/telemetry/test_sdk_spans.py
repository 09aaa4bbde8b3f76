"""What our span of an invocation takes over from the SDK's."""

from __future__ import annotations

import pytest

from extension.telemetry.reading.sdk_spans import (
    Value,
    is_lambda_scope,
    may_have_invocation,
    shared_attributes,
)


@pytest.mark.parametrize(
    ("told", "shared"),
    [
        ({"faas.trigger": "timer"}, {"faas.trigger": "timer"}),
        ({"faas.trigger": "other", "http.method": "GET"},
         {"faas.trigger": "other", "http.method": "GET"}),
        ({"http.method": "GET", "server.port": 443},
         {"faas.trigger": "http", "http.method": "GET", "server.port": 443}),
        ({"url.path": "/a"}, {"faas.trigger": "http", "url.path": "/a"}),
        ({"server.address": "h", "messaging.system": "aws_sqs"},
         {"faas.trigger": "pubsub", "server.address": "h", "messaging.system": "aws_sqs"}),
        ({"server.address": "h"}, {"server.address": "h"}),
        ({"shop.order": 7, "faas.coldstart": True, "db.system": "x"}, {}),
        ({"url.query": "a=1", "http.request.header.cookie": "a", "http.response.header.x": "b"},
         {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_attributes_that_tell_of_the_request(
    told: dict[str, Value], shared: dict[str, Value]
) -> None:
    """And the trigger, where they show it; headers and queries may hold tokens."""
    assert shared_attributes(told.items()) == shared


@pytest.mark.parametrize("name", ["http.target", "http.url", "url.full"])
def test_queries_of_urls_are_cut_off(name: str) -> None:
    """Fragments, too; other texts may hold the same characters."""
    told = {name: "https://h/a?token=1#b", "http.route": "/a?", "client.address": "a#b"}
    expected = {name: "https://h/a", "http.route": "/a?", "client.address": "a#b"}
    assert shared_attributes(told.items()) == {**expected, "faas.trigger": "http"}
    assert shared_attributes([(name, "/a#b?c")])[name] == "/a"


def test_so_many_attributes_of_so_many_characters() -> None:
    """Those that come first; what is not taken over counts for nothing."""
    told = [("shop", "x"), *((f"url.{n}", "u" * 1025) for n in range(35))]
    shared = shared_attributes(told)
    assert list(shared) == [*(f"url.{n}" for n in range(32)), "faas.trigger"]
    assert {len(str(value)) for name, value in shared.items() if name != "faas.trigger"} == {1024}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("opentelemetry.instrumentation.aws_lambda", True), ("@x/instrumentation-aws-lambda", True),
        ("io.opentelemetry.aws-lambda-core-1.0", True), ("AWSLambda", True), ("aws", False),
        ("lambda.aws", False), ("", False),
    ],
)  # fmt: skip
def test_scopes_of_lambda(name: str, *, expected: bool) -> None:
    """However they write the two words."""
    assert is_lambda_scope(name) is expected


def test_requests_with_a_request_id_are_worth_reading() -> None:
    """By the name of today, or the one before it."""
    assert may_have_invocation(b"..faas.invocation_id..") is True
    assert may_have_invocation(b"..faas.execution..") is True
    assert may_have_invocation(b"..faas.trigger..") is False
