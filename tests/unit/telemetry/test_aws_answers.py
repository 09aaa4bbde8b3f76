"""What AWS's answers mean, in each of the forms that its services have for errors."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess

from extension.telemetry.export.answers import Answer
from extension.telemetry.export.aws_answers import SWITCH_ON, error_of, refine, remedy_of
from extension.telemetry.export.outcome import Outcome, judge_status

SKEWED = "Signature expired: 20260101T120000Z is now earlier than 20260101T130000Z"


def answer(name: str = "", message: str = "", *, status: int = 400, header: str = "") -> Answer:
    """Return an error as JSON, its name in the body or in a header."""
    body = {**({"__type": name} if name else {}), "message": message}
    return Answer(status=status, content=json.dumps(body).encode(), error_type=header)


def status(message: str, *, code: int = 403) -> Answer:
    """Return an error as a protobuf Status."""
    content = ExportTracePartialSuccess(error_message=message).SerializeToString()
    return Answer(status=code, content=content, content_type="application/x-protobuf")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (answer("ThrottledException"), "ThrottledException"),
        (answer("com.amazonaws.logs#ResourceNotFoundException"), "ResourceNotFoundException"),
        (answer(header="ValidationException:http://internal/"), "ValidationException"),
        (answer("InBody", header="InHeader"), "InHeader"),
        (answer("Anything", status=200), ""),
        (Answer(status=502, content=b"<html>Bad Gateway"), ""),
        (Answer(status=400, content=b"[1]"), ""),
        (Answer(status=400, content=b"[" * 100_000), ""),
        (Answer(status=400, content=b"\xff"), ""),
    ],
)
def test_the_name_of_an_error(given: Answer, name: str) -> None:
    """It may have a namespace before it or a URL behind it, or be missing."""
    assert error_of(given) == name


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (answer("ExpiredTokenException"), "credentials"),
        (answer("ExpiredToken", status=403), "credentials"),
        (answer("UnrecognizedClientException", status=401), "credentials"),
        (answer("InvalidSignatureException", "does not match", status=403), "credentials"),
        (answer("InvalidSignatureException", SKEWED, status=403), "clock"),
        (answer("RequestTimeTooSkewed", status=403), "clock"),
        (answer("RequestInTheFuture", status=403), "clock"),
        (answer("AccessDeniedException", status=403), ""),
        (answer("ExpiredTokenException", status=503), ""),
        (answer(message=SKEWED, status=403), "clock"),
        (answer(message="Forbidden", status=403), ""),
        (Answer(status=403), ""),
        (status(SKEWED), "clock"),
        (status("The security token included in the request is expired"), "credentials"),
        (status("The security token included in the request is invalid."), "credentials"),
        (status("The request signature we calculated does not match the s"), "credentials"),
        (status("Missing Authentication Token"), "credentials"),
        (status("User: a is not authorized to perform: xray:PutTraceSegments"), ""),
    ],
)
def test_what_to_try_before_an_answer_counts(given: Answer, remedy: str) -> None:
    """Other credentials, AWS's time, or nothing: a permission does not come with a signature."""
    assert remedy_of(given) == remedy


def test_an_answer_without_a_name_means_what_its_status_says() -> None:
    """It comes from a proxy, or from a gateway before AWS."""
    outcome = Outcome(kind="rejected", cause="status 404")
    assert refine(outcome, Answer(status=404)) == outcome


def test_an_error_that_nothing_cures_keeps_its_meaning() -> None:
    """It only gets a name."""
    outcome = Outcome(kind="rejected", cause="status 400", said="words")
    refined = refine(outcome, answer("ValidationException"))
    assert refined == Outcome(kind="rejected", cause="status 400 ValidationException", said="words")


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (answer("InternalFailure", status=500), "status 500 InternalFailure"),
        (answer("InternalServiceError", status=400), "status 400 InternalServiceError"),
        (answer("RequestLimitExceeded", status=400), "status 400 RequestLimitExceeded"),
        (Answer(status=500, content=b"<html>"), "status 500"),
    ],
)
def test_a_fault_of_aws_keeps_what_was_sent(given: Answer, cause: str) -> None:
    """It passes, though OTLP's rules would drop the batch."""
    outcome = judge_status(given.status)
    assert outcome.kind == "rejected"
    assert refine(outcome, given) == Outcome(kind="kept", cause=cause)


def test_a_collector_behind_a_gateway_of_aws_is_none_of_its_services() -> None:
    """What it answers has no name of AWS, and OTLP's rules hold for it; a gateway's own has one."""
    theirs, gateways = Answer(status=500), answer(header="InternalServerErrorException", status=500)
    refused = judge_status(500)
    assert refine(refused, theirs, is_cloudwatch=False).kind == "rejected"
    assert refine(refused, gateways, is_cloudwatch=False).kind == "kept"


@pytest.mark.parametrize(
    ("message", "code", "cause"),
    [
        (
            "The OTLP API is supported with CloudWatch Logs as a Trace Segment Destination.",
            400,
            f"status 400 InvalidRequestException: Transaction Search is off: {SWITCH_ON}",
        ),
        (
            "User: a is not authorized to perform: xray:PutTraceSegments on resource: *",
            400,
            "status 400 AccessDeniedException: the role needs xray:PutTraceSegments",
        ),
        (
            "The specified log group does not exist.",
            400,
            "status 400 ResourceNotFoundException: the log group or the log stream does not exist",
        ),
    ],
)
def test_a_status_without_a_name_is_known_by_its_words(message: str, code: int, cause: str) -> None:
    """A person can cure it, so the data is kept until then."""
    refined = refine(judge_status(code), status(message, code=code))
    assert refined == Outcome(kind="kept", cause=cause)


def test_a_throttled_status_is_kept() -> None:
    """Under whatever status of HTTP."""
    assert refine(judge_status(400), status("Rate exceeded", code=400)).kind == "kept"


def test_a_body_that_is_too_large_stays_so() -> None:
    """Whatever the error is called: it would be as large the next time."""
    assert refine(judge_status(413), answer("RequestTimeout", status=413)).kind == "too_large"


@pytest.mark.parametrize("key", ["message", "Message"])
def test_the_message_of_an_error_may_be_spelled_in_two_ways(key: str) -> None:
    """Which of them depends on the service."""
    body = {"__type": "InvalidSignatureException", key: SKEWED}
    assert remedy_of(Answer(status=403, content=json.dumps(body).encode())) == "clock"
