"""What AWS answers, and in which form each kind of endpoint puts an error.

OTLP endpoints: `application/json`, the error's name in `__type` of the body or, as REST services
do, in the header `x-amzn-ErrorType` alone; or a protobuf Status, which has the message alone. The
Logs API: `application/x-amz-json-1.1`. S3: XML.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

ErrorForm = Literal["body", "header", "status"]


class AwsError(Exception):
    """An answer other than success.

    Attributes:
        name: As AWS has it, for example "AccessDeniedException".
        details: Further elements of an XML answer.
    """

    def __init__(
        self,
        name: str,
        message: str,
        *,
        status: int = 400,
        details: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.status = status
        self.details = dict(details or {})
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole HTTP response; `error` names what went wrong, for the record."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""


def otlp_error(error: AwsError, *, form: ErrorForm = "body") -> Answer:
    """Return the answer of an OTLP endpoint."""
    if form == "status":
        return _answer(error, {"Content-Type": "application/x-protobuf"}, _status(error.message))
    fields = {"message": error.message}
    headers = {"Content-Type": "application/json"}
    if form == "body":
        fields = {"__type": error.name, **fields}
    else:
        headers["x-amzn-ErrorType"] = error.name
    return _answer(error, headers, json.dumps(fields).encode())


def _status(message: str) -> bytes:
    """Return a google.rpc.Status, whose second field is the message.

    Source: https://opentelemetry.io/docs/specs/otlp/#failures-1
    """
    text = message.encode()
    low, high = len(text) & 0x7F, len(text) >> 7
    return bytes([2 << 3 | 2, *([low | 0x80, high] if high else [low])]) + text


def api_error(error: AwsError) -> Answer:
    """Return the answer of an API that speaks AWS's JSON 1.1, where the caller's faults are 400."""
    body = json.dumps({"__type": error.name, "message": error.message}).encode()
    answer = _answer(error, {"Content-Type": "application/x-amz-json-1.1"}, body)
    return answer if error.status >= 500 else replace(answer, status=400)


def s3_error(error: AwsError) -> Answer:
    """Return the answer of S3."""
    elements = {"Code": error.name, "Message": error.message, **error.details}
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
    return _answer(error, {"Content-Type": "application/xml"}, body)


def _answer(error: AwsError, headers: Mapping[str, str], body: bytes) -> Answer:
    return Answer(
        status=error.status, headers={**headers, **error.headers}, body=body, error=error.name
    )
