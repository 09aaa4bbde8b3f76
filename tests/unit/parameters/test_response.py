"""Errors as HTTP."""

from __future__ import annotations

import pytest

from extension.aws.errors import UpstreamError, is_transient
from extension.parameters.access import UNAUTHORIZED
from extension.parameters.request import Rejection
from extension.parameters.response import GENERIC, LONGEST_HEADER, NOT_READY, failure, refusal


def test_failure_is_always_400_with_one_text() -> None:
    """Whatever AWS said; the code stands in a header."""
    reply = failure(UpstreamError("AccessDeniedException", message="denied", request_id="r-1"))
    assert (reply.status, reply.body.decode()) == (400, GENERIC)
    assert reply.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert reply.headers["x-amzn-requestid"] == "r-1"


def test_headers_take_nothing_that_could_break_them() -> None:
    """Code and request id come from what answered in AWS's place."""
    reply = failure(UpstreamError("a\r\nX-Evil: 1" + "x" * 500, request_id="\x00ü é"))
    assert reply.headers["x-amzn-errortype"].startswith("aX-Evil:1xxx")
    assert len(reply.headers["x-amzn-errortype"]) == LONGEST_HEADER
    assert reply.headers["x-amzn-requestid"] == ""


@pytest.mark.parametrize("plain", [UNAUTHORIZED, NOT_READY])
def test_texts_of_the_contract_are_never_json(plain: Rejection) -> None:
    """Clients match on them."""
    assert refusal(plain, as_json=True).body == plain.text.encode()


def test_other_rejections_may_be_json() -> None:
    """In the form of all JSON errors."""
    rejection = Rejection(status=404, code="NotFound", text="no such path")
    assert refusal(rejection, as_json=True).body == (
        b'{"error":{"code":"NotFound","message":"no such path","requestId":"","service":""}}'
    )


@pytest.mark.parametrize(
    ("code", "status", "transient"),
    [
        ("ThrottlingException", 400, True),
        ("TooManyRequestsException", 429, True),
        ("Whatever", 429, True),
        ("Whatever", 500, True),
        ("Whatever", 503, True),
        ("InternalServiceError", 400, True),
        ("AccessDeniedException", 400, False),
        ("ParameterNotFound", 400, False),
        ("ExpiredTokenException", 403, False),
        ("Whatever", 0, False),
    ],
)
def test_trouble_and_refusal(code: str, status: int, transient: bool) -> None:
    """Only trouble allows a stale value."""
    assert is_transient(code, status=status) is transient
