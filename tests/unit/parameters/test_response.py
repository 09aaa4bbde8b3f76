"""Errors as HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from extension.aws.errors import UpstreamError, is_transient
from extension.parameters.access import UNAUTHORIZED
from extension.parameters.answer import Result, Served, secret_body
from extension.parameters.keys import ParameterKey
from extension.parameters.missing import StillMissingError
from extension.parameters.request import Query, Rejection
from extension.parameters.response import (
    GENERIC,
    HEALTHY,
    NOT_READY,
    failure,
    refusal,
    success,
)


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
    assert len(reply.headers["x-amzn-errortype"]) == 128
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


SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:s"


def served(value: str | bytes | None, *, age_s: float = 0.0, region: str = "") -> Served:
    """Return a secret with a value."""
    field = "SecretBinary" if isinstance(value, bytes) else "SecretString"
    return Served(secret_body({"ARN": SECRET_ARN, field: value}), Result.HIT, age_s, region)


def query(**form: Any) -> Query:
    """Return a query for a value in some form."""
    return Query(key=ParameterKey("a"), **form)


def test_a_body_is_sent_as_it_is() -> None:
    """With how it was obtained, its age in whole seconds, its region, and no leave to keep it."""
    of = served("v", age_s=2.9, region="eu-west-1")
    assert success(of, query()) == (
        200,
        {
            "Content-Type": "application/json",
            "X-Cache": "HIT",
            "Age": "2",
            "Cache-Control": "no-store",
            "X-Cache-Region": "eu-west-1",
        },
        of.body,
    )


def test_where_no_region_is_known_none_is_named() -> None:
    """An emulator's answer may have no ARN."""
    assert "X-Cache-Region" not in success(served("v"), query()).headers


JSON, TEXT = "application/json", "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("value", "form", "content_type", "body"),
    [
        ("v", {"raw": True}, TEXT, b"v"),
        (b"\xff", {"raw": True}, "application/octet-stream", b"\xff"),
        ("[1]", {"raw": True}, TEXT, b"[1]"),
        ('{"a":{"b":"v"}}', {"json_key": "a.b"}, TEXT, b"v"),
        ('{"a":{"b":1.10}}', {"json_key": "a.b"}, JSON, b"1.10"),
        ('{"a":{"b":[1,null]}}', {"json_key": "a"}, JSON, b'{"b":[1,null]}'),
        ('{"a":[4,5,6]}', {"json_key": "a.1"}, JSON, b"5"),
        ('[{"a":"v"}]', {"json_key": "0.a", "raw": True}, TEXT, b"v"),
        ('{"a.b":"dotted","a":{"b":"nested"}}', {"json_key": "a.b"}, TEXT, b"dotted"),
        (b'{"a":"v"}', {"json_key": "a"}, TEXT, b"v"),
        ('["a"]', {"json_key": "0"}, TEXT, b"a"),
    ],
)
def test_forms_of_a_value(
    value: str | bytes, form: dict[str, Any], content_type: str, body: bytes
) -> None:
    """The value alone, or a part of it: text as it is, everything else as JSON."""
    reply = success(served(value), query(**form))
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, content_type, body)
    assert reply.headers["X-Cache"] == "HIT"


NO_TEXT = b"the value is not text: ask without raw and jsonKey"
NO_KEY = b"jsonKey: the value has no such key"


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (None, {"raw": True}, NO_TEXT),
        (None, {"json_key": "a"}, NO_TEXT),
        ("v", {"json_key": "a"}, NO_KEY),
        ('{"a":1}', {"json_key": "b"}, NO_KEY),
        ('{"a":1}', {"json_key": "a.b"}, NO_KEY),
        ("[1]", {"json_key": "1"}, NO_KEY),
        ("[1]", {"json_key": "-1"}, NO_KEY),
        ('["a"]', {"json_key": "a"}, NO_KEY),
        ('"abc"', {"json_key": "abc"}, NO_KEY),
        ("[" * 100_000, {"json_key": "a"}, NO_KEY),
    ],
)
def test_a_part_that_is_not_there(value: str | None, form: dict[str, Any], text: bytes) -> None:
    """A refusal that says so, and names nothing of the value."""
    reply = success(served(value), query(**form))
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert reply.body == text
    assert reply.headers["Content-Type"] == "text/plain"
    as_json = success(served(value), query(**form), as_json=True)
    assert (as_json.status, as_json.headers["Content-Type"]) == (400, JSON)


def test_errors_as_json() -> None:
    """The same status and headers, with what AWS said in the body."""
    error = UpstreamError("Denied", message="no", service="SSM", request_id="r-1")
    reply = failure(error, as_json=True)
    assert reply == (
        400,
        {"Content-Type": JSON, "x-amzn-errortype": "Denied", "x-amzn-requestid": "r-1"},
        b'{"error":{"code":"Denied","message":"no","requestId":"r-1","service":"SSM"}}',
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_a_refusal_that_was_kept_says_so(as_json: bool) -> None:
    """With the headers of a hit, and no request id where AWS gave none."""
    missing = StillMissingError(UpstreamError("ParameterNotFound"), age_s=3.9)
    headers = failure(missing, as_json=as_json).headers
    assert (headers["X-Cache"], headers["Age"]) == ("HIT", "3")
    assert "x-amzn-requestid" not in headers
    assert "X-Cache" not in failure(UpstreamError("X"), as_json=as_json).headers


def test_only_a_wrong_method_is_told_the_right_one() -> None:
    """In the header that HTTP has for it (RFC 9110, 15.5.6)."""
    wrong = Rejection(status=405, code="MethodNotAllowed", text="only GET is allowed")
    assert refusal(wrong) == (
        405,
        {"Content-Type": "text/plain", "x-amzn-errortype": "MethodNotAllowed", "Allow": "GET"},
        b"only GET is allowed",
    )
    unknown = Rejection(status=404, code="NotFound", text="no such path")
    assert "Allow" not in refusal(unknown).headers
    assert refusal(NOT_READY).status == 400


def test_health() -> None:
    """What AWS's extension answers."""
    assert HEALTHY == (200, {"Content-Type": "text/plain"}, b"healthy")
