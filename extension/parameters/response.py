"""Replies to callers: status, headers and body of a success, a refusal and a failure.

PURE. Only here an error of AWS becomes an HTTP status: always 400 with one fixed text, as from
AWS's extension and as clients expect; the actual error code is in a header.
"""

from __future__ import annotations

import re
from typing import Any

from extension.aws.errors import UpstreamError
from extension.http.messages import Reply
from extension.parameters import answer
from extension.parameters.answer import Result, Served, bare
from extension.parameters.missing import StillMissingError
from extension.parameters.request import Query, Rejection

GENERIC = "an unexpected error occurred while executing request"
JSON = "application/json"
TEXT = "text/plain"
UTF8_TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"

HEALTHY = Reply(200, {"Content-Type": TEXT}, b"healthy")

NOT_READY = Rejection(
    status=400,
    code="NotReadyException",
    text="not ready to serve traffic, please wait",
    plain=True,
)

_NOT_FOR_A_HEADER = re.compile(r"[^A-Za-z0-9._#:/+=-]")
LONGEST_HEADER = 128
"""Characters of a code or request id that are sent: AWS's are shorter."""


def success(served: Served, query: Query, *, as_json: bool = False) -> Reply:
    """Return the value in the form that the query asks for."""
    if query.json_key or query.raw:
        value = bare(served.body)
        if value is None:
            rejection = _invalid("the value is not text: ask without raw and jsonKey")
            return refusal(rejection, as_json=as_json)
        if query.json_key:
            try:
                return _bare(_at(query.json_key, value), served)
            except (ValueError, LookupError, RecursionError):
                return refusal(_invalid("jsonKey: the value has no such key"), as_json=as_json)
        return _bare(value, served)
    return _reply(served, JSON, served.body)


def _bare(value: object, served: Served) -> Reply:
    content_type, body = _bare_form(value)
    return _reply(served, content_type, body)


def _reply(served: Served, content_type: str, body: bytes) -> Reply:
    headers = {
        "Content-Type": content_type,
        "X-Cache": served.result,
        "Age": str(int(served.age_s)),
        # A caching client would keep a secret, perhaps on disk.
        "Cache-Control": "no-store",
    }
    if served.region:
        headers["X-Cache-Region"] = served.region
    return Reply(200, headers, body)


def refusal(rejection: Rejection, *, as_json: bool = False) -> Reply:
    """Return the reply to a request that is refused without asking AWS."""
    if as_json and not rejection.plain:
        return _json_error(rejection.status, rejection.code, rejection.text, "", "")
    headers = {"Content-Type": TEXT, "x-amzn-errortype": rejection.code}
    if rejection.status == 405:
        headers["Allow"] = "GET"
    return Reply(rejection.status, headers, rejection.text.encode())


def failure(error: UpstreamError, *, as_json: bool = False) -> Reply:
    """Return the reply to a request that AWS refused, or that never reached AWS."""
    kept = _kept(error.age_s) if isinstance(error, StillMissingError) else {}
    if as_json:
        reply = _json_error(400, error.code, error.message, error.request_id, error.service)
        return reply._replace(headers={**reply.headers, **kept})
    headers = {"Content-Type": TEXT} | _error_headers(error.code, error.request_id) | kept
    return Reply(400, headers, GENERIC.encode())


def _kept(age_s: float) -> dict[str, str]:
    """Return the headers of a refusal that AWS was not asked for again."""
    return {"X-Cache": Result.HIT.value, "Age": str(int(age_s))}


def _json_error(status: int, code: str, message: str, request_id: str, service: str) -> Reply:
    error = error_fields(code, message, request_id=request_id, service=service)
    headers = {"Content-Type": JSON} | _error_headers(code, request_id)
    return Reply(status, headers, answer.encode({"error": error}))


def error_fields(
    code: str, message: str, *, request_id: str = "", service: str = ""
) -> dict[str, str]:
    """Return an error as callers get it in JSON."""
    return {"code": code, "message": message, "requestId": request_id, "service": service}


def _error_headers(code: str, request_id: str) -> dict[str, str]:
    headers = {"x-amzn-errortype": _header(code)}
    if request_id:
        headers["x-amzn-requestid"] = _header(request_id)
    return headers


def _header(text: str) -> str:
    """Remove what a header must not contain: the endpoint need not be AWS's."""
    return _NOT_FOR_A_HEADER.sub("", text)[:LONGEST_HEADER]


def _invalid(text: str) -> Rejection:
    return Rejection(status=400, code="ValidationException", text=text)


def _at(json_key: str, value: str | bytes) -> Any:
    """Follow dots into objects and lists; a key that itself contains the dots takes precedence."""
    member: Any = answer.decode(value)
    if isinstance(member, dict) and json_key in member:
        return member[json_key]
    for step in json_key.split("."):
        member = _member(member, step)
    return member


def _member(container: object, name: str) -> Any:
    match container:
        case dict():
            return container[name]
        case list() if name.isdecimal():
            return container[int(name)]
    raise LookupError(name)


def _bare_form(value: object) -> tuple[str, bytes]:
    match value:
        case answer.Number():
            return JSON, value.encode()
        case str():
            return UTF8_TEXT, value.encode("utf-8", "replace")
        case bytes():
            return BINARY, value
    return JSON, answer.encode_decoded(value)
