"""The responses of /next."""

from __future__ import annotations

import json

import pytest

from extension.platform.events import (
    Invoke,
    Job,
    NotAnEventError,
    Shutdown,
    parse_event,
    plausible_shutdown_s,
)
from extension.platform.extensions_api import Registration, parse_registration


def test_invoke() -> None:
    """INVOKE holds the request id, the deadline and X-Ray's header."""
    event = {
        "eventType": "INVOKE",
        "deadlineMs": 1676051031480,
        "requestId": "r",
        "invokedFunctionArn": "arn:aws:lambda:eu-central-1:1:function:f",
        "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-a"},
    }
    assert parse_event(json.dumps(event).encode()) == Invoke(
        request_id="r",
        deadline_ms=1676051031480,
        function_arn="arn:aws:lambda:eu-central-1:1:function:f",
        tracing="Root=1-a",
    )


def test_invoke_without_tracing() -> None:
    """Only the request id is required."""
    body = b'{"eventType":"INVOKE","requestId":"r","deadlineMs":1}'
    assert parse_event(body) == Invoke(request_id="r", deadline_ms=1)


@pytest.mark.parametrize("reason", ["spindown", "SPINDOWN", "Spindown"])
def test_shutdown(reason: str) -> None:
    """The reason is converted to lower case, as platforms differ."""
    body = json.dumps({"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": 5}).encode()
    assert parse_event(body) == Shutdown(reason="spindown", deadline_ms=5)


def test_an_event_without_a_deadline_has_none() -> None:
    """Nor has a shutdown without a reason one; the emulators of some tools leave them out."""
    assert parse_event(b'{"eventType":"SHUTDOWN"}') == Shutdown(reason="", deadline_ms=0)
    for tracing in (b"7", b"{}"):
        body = b'{"eventType":"INVOKE","requestId":"r","tracing":%b}' % tracing
        assert parse_event(body) == Invoke(request_id="r", deadline_ms=0)


@pytest.mark.parametrize("text", [b'"soon"', b"[1]", b"1e999", b"NaN", b"9" * 400, b"-5", b"null"])
def test_a_deadline_that_cannot_be_read_is_absent(text: bytes) -> None:
    """An event is one without it: the last export must not be missed for it."""
    shutdown = b'{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":%b}' % text
    assert parse_event(shutdown) == Shutdown(reason="spindown", deadline_ms=0)
    invoke = b'{"eventType":"INVOKE","requestId":"r","deadlineMs":%b}' % text
    assert parse_event(invoke) == Invoke(request_id="r", deadline_ms=0)


@pytest.mark.parametrize(
    ("left_s", "plausible_s"),
    [(0.001, 0.001), (1.5, 1.5), (2.0, 2.0), (2.1, 2.0), (0.0, 2.0), (-1.0, 2.0)],
)
def test_a_shutdown_that_takes_longer_than_lambda_lets_it_is_not_believed(
    left_s: float, plausible_s: float
) -> None:
    """The deadline may be of another clock."""
    assert plausible_shutdown_s(left_s) == plausible_s


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"eventType":"PAUSE"}',
        b'{"eventType":"INVOKE"}',
        b'{"eventType":"INVOKE","requestId":7,"deadlineMs":1}',
        b'{"eventType":"SHUTDOWN","more":%b' % (b"[" * 100_000),
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    """The meaning of an unknown event is not guessed."""
    with pytest.raises(NotAnEventError):
        parse_event(body)


def test_registration() -> None:
    """/register sends the function's name, version, handler and account id."""
    body = b'{"functionName":"f","functionVersion":"1","handler":"a.b","accountId":"123"}\n'
    assert parse_registration(body) == Registration(
        function_name="f", function_version="1", account_id="123"
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"functionName":null}'])
def test_a_registration_that_cannot_be_parsed(body: bytes) -> None:
    """A field that was not sent is empty."""
    assert parse_registration(body) == Registration()


async def test_a_job_without_calls_waits_for_none() -> None:
    """Nor does it do anything else that it does not override."""
    job = Job()
    assert await job.settle_calls(5.0) == 0.0
    await job.invoked(Invoke(request_id="r", deadline_ms=1))
    await job.shut_down(Shutdown(reason="spindown", deadline_ms=1))
