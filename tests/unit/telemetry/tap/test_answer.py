"""What a response says of how the invocation went, to the source that reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.tap.answer import Answer, read_answer
from extension.telemetry.tap.cause import cause_of
from extension.telemetry.tap.partial_json import Excerpt
from tests.unit.telemetry.tap.samples import (
    ALB,
    APPSYNC,
    DIRECT,
    FIREHOSE,
    FUNCTION_URL,
    HTTP_API,
    REST,
    SNS,
    WEBSOCKET,
    sqs_record,
)

SECRET = "hunter2"
THREE = {"Records": [sqs_record(number=number) for number in (1, 2, 3)]}
PRELUDE = {"content-type": "application/vnd.awslambda.http-integration-response"}
LARGE = 'x"\\}' * 50_000


def answer(event: Any, value: Any, **headers: str) -> Answer:
    """Return what a response of this value says."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_answer(Excerpt(data), cause=cause_of(event), headers=headers)


def cut(value: Any) -> Excerpt:
    """Return what is kept of a response."""
    data = json.dumps(value).encode()
    return Excerpt(data[:65_536], data[-4096:], len(data))


@pytest.mark.parametrize("event", [REST, HTTP_API, FUNCTION_URL, ALB, WEBSOCKET])
@pytest.mark.parametrize(
    ("code", "status", "error"),
    [(200, 200, ""), ("404", 404, ""), (500, 500, "500"), (503.0, 503, "503"), ("503", 503, "503")],
)
def test_a_status_of_500_or_more_is_an_error(
    event: Any, code: Any, status: int, error: str
) -> None:
    """4xx is the caller's; a status may be a number or its text."""
    found = answer(event, {"statusCode": code, "body": SECRET})
    assert (found.status_code, found.error_type) == (status, error)
    assert found.attributes()["http.response.status_code"] == status
    assert found.attributes().get("error.type", "") == error


@pytest.mark.parametrize("event", [HTTP_API, FUNCTION_URL])
@pytest.mark.parametrize("value", [{"tea": "green"}, "tea", [1], 7])
def test_a_value_without_a_status_is_a_200(event: Any, value: Any) -> None:
    """Of an HTTP API or a URL: the value is the body."""
    assert answer(event, value).status_code == 200


@pytest.mark.parametrize("event", [REST, ALB])
@pytest.mark.parametrize("value", [{"tea": "green"}, "tea", None])
def test_a_value_without_a_status_says_nothing_elsewhere(event: Any, value: Any) -> None:
    """The gateway makes an error of it that nothing here sees."""
    assert answer(event, value).status_code == 0


@pytest.mark.parametrize("code", [100, 599])
def test_a_status_has_three_digits_up_to_599(code: int) -> None:
    """The lowest and the highest count."""
    assert answer(REST, {"statusCode": code}).status_code == code


@pytest.mark.parametrize(
    "code",
    [None, True, 99, 600, "2e2", "0200", "9" * 5000, "٢٠٠", [200], {"a": 1}, 10**30],
)
def test_what_is_no_status_is_none(code: Any) -> None:
    """No attribute says it, and nothing raises."""
    assert answer(REST, {"statusCode": code}).status_code == 0
    assert "http.response.status_code" not in answer(REST, {"statusCode": code}).attributes()
    if code is not None:
        assert answer(HTTP_API, {"statusCode": code}).status_code == 0


@pytest.mark.parametrize("event", [DIRECT, THREE, SNS, APPSYNC])
def test_a_status_means_nothing_to_other_sources(event: Any) -> None:
    """A queue does not read it."""
    assert answer(event, {"statusCode": 500}).status_code == 0


@pytest.mark.parametrize("event", [DIRECT, SNS, APPSYNC, REST])
def test_failed_items_mean_nothing_to_sources_without_batches(event: Any) -> None:
    """Nothing is retried because of them."""
    failed = {"batchItemFailures": [{"itemIdentifier": "a"}]}
    assert answer(event, failed).failed_messages is None


def test_a_stream_has_its_status_in_front() -> None:
    """Eight zero bytes end what is about it; what is streamed behind them is not read."""
    about = json.dumps({"statusCode": 502, "headers": {"x": SECRET}, "cookies": [SECRET]}).encode()
    data = about + b"\0" * 8 + b'{"statusCode": 200}'
    assert answer(FUNCTION_URL, data, **PRELUDE).status_code == 502
    headers = {"content-type": f"{PRELUDE['content-type'].upper()}; charset=utf-8"}
    excerpt = Excerpt(data[:600], b"tail", 10**9)
    found = read_answer(excerpt, cause=cause_of(FUNCTION_URL), headers=headers)
    assert (found.status_code, found.size_bytes) == (502, 10**9)


def test_a_stream_without_a_status_is_a_200() -> None:
    """As the URL answers."""
    assert answer(FUNCTION_URL, b"{}" + b"\0" * 8 + b"tea", **PRELUDE).status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b'{"headers": {"a": "' + b"x" * 70_000 + b'"}, "statusCode": 503}' + b"\0" * 8,
        b'{"headers": {}',
        b'{"headers": {}}',
        b"\0" * 8 + b"tea",
        b"no JSON" + b"\0" * 8 + b"tea",
        b'{"statusCode": "none"}' + b"\0" * 8 + b"tea",
    ],
)
def test_a_stream_whose_status_was_not_kept_has_none(data: bytes) -> None:
    """What precedes its body may be longer than what is copied, cut, or no JSON."""
    kept = Excerpt(data[:65_536], b"", len(data))
    found = read_answer(kept, cause=cause_of(FUNCTION_URL), headers=PRELUDE)
    assert (found.status_code, found.error_type) == (0, "")


@pytest.mark.parametrize("order", [("statusCode", "body"), ("body", "statusCode")])
def test_the_status_of_a_large_response_stands_at_either_end(order: tuple[str, str]) -> None:
    """Some frameworks write it behind the body."""
    value = {"statusCode": 503, "body": LARGE + '"statusCode":200}'}
    excerpt = cut({key: value[key] for key in order})
    assert read_answer(excerpt, cause=cause_of(REST), headers={}).status_code == 503


def test_a_large_response_whose_status_was_not_kept_has_none() -> None:
    """It is not taken for a 200 because of that."""
    excerpt = cut({"a": LARGE, "statusCode": 503, "body": LARGE})
    assert read_answer(excerpt, cause=cause_of(HTTP_API), headers={}).status_code == 0


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        ({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}, 2),
        ({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "a"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": str(each)} for each in range(9)]}, 3),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 3),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 3),
        ({"batchItemFailures": [{"id": "a"}]}, 3),
        ({"batchItemFailures": [7]}, 3),
        ({"batchItemFailures": "a"}, 3),
        ({"batchItemFailures": {"itemIdentifier": "a"}}, 3),
        ({"batchItemFailures": False}, 3),
        ({"batchItemFailures": []}, 0),
        ({"batchItemFailures": None}, None),
        ({}, None),
        (None, None),
        ("tea", None),
    ],
)
def test_messages_that_failed_are_counted(value: Any, *, failed: int | None) -> None:
    """One that is named wrongly makes the service retry all; the invocation is no error of that."""
    found = answer(THREE, value)
    assert found.failed_messages == failed
    assert found.error_type == ""
    assert found.attributes().get("lambda_dispatch.failed_messages") == failed


def test_all_of_an_unknown_number_is_no_number() -> None:
    """A batch of which only the head was kept."""
    cause = cause_of(THREE, is_cut=True)
    data = json.dumps({"batchItemFailures": [{"itemIdentifier": ""}]}).encode()
    found = read_answer(Excerpt(data), cause=cause, headers={})
    assert found.failed_messages == -1
    assert "lambda_dispatch.failed_messages" not in found.attributes()


def test_those_that_are_named_of_an_unknown_number_are_counted() -> None:
    """The batch has at least these."""
    failures = [{"itemIdentifier": each} for each in "aab"]
    data = json.dumps({"batchItemFailures": failures}).encode()
    cause = cause_of(THREE, is_cut=True)
    assert read_answer(Excerpt(data), cause=cause, headers={}).failed_messages == 2


def test_records_that_a_transformation_failed_are_counted() -> None:
    """Those that it dropped on purpose are not."""
    results = ["Ok", "Dropped", "ProcessingFailed", "ProcessingFailed"]
    records = [{"recordId": "1", "result": each, "data": SECRET} for each in results]
    assert answer(FIREHOSE, {"records": records}).failed_messages == 2
    assert answer(FIREHOSE, {"records": 7}).failed_messages is None
    excerpt = cut({"records": records * 5000})
    assert read_answer(excerpt, cause=cause_of(FIREHOSE), headers={}).failed_messages is None


@pytest.mark.parametrize("data", [b"", b"tea", b"\xff", b"[" * 5000, b"\0" * 100])
@pytest.mark.parametrize("event", [REST, HTTP_API, THREE, FIREHOSE, DIRECT])
def test_a_response_that_is_no_json_has_a_size(event: Any, data: bytes) -> None:
    """And says nothing else."""
    found = answer(event, data)
    assert found.attributes() == {"lambda_dispatch.response_bytes": len(data)}


@pytest.mark.parametrize("event", [REST, HTTP_API, THREE, FIREHOSE, DIRECT])
def test_nothing_that_is_answered_goes_out(event: Any) -> None:
    """Bodies, headers and cookies are the user's."""
    value = {
        "statusCode": 500,
        "body": SECRET,
        "headers": {"set-cookie": SECRET},
        "batchItemFailures": [{"itemIdentifier": SECRET}],
        "records": [{"result": SECRET, "data": SECRET}],
    }
    assert SECRET not in repr(answer(event, value))
