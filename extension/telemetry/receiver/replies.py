"""PURE: what is answered to an SDK, in the encoding of its request.

Never 429, 502, 503 or 504: an SDK repeats its request then, for seconds of the function's time.
Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import json

from extension.http.messages import Reply
from extension.telemetry.receiver.content import Encoding

CONTENT_TYPES = {"protobuf": "application/x-protobuf", "json": "application/json"}

TAKEN = {
    "protobuf": Reply(200, {"Content-Type": CONTENT_TYPES["protobuf"]}, b""),
    "json": Reply(200, {"Content-Type": CONTENT_TYPES["json"]}, b"{}"),
}
"""All of the request was taken; the response message is empty."""


def warning(encoding: Encoding, message: str) -> Reply:
    """Return a success that says what will not leave; how many items these are is not known."""
    text = message.encode()
    if encoding == "json":
        body = json.dumps({"partialSuccess": {"errorMessage": message}}).encode()
    else:
        body = _text_field(1, _text_field(2, text))
    return Reply(200, {"Content-Type": CONTENT_TYPES[encoding]}, body)


def refusal(status: int, message: str, encoding: Encoding | None) -> Reply:
    """Return an error with a google.rpc.Status, as text where the encoding is not known."""
    if encoding is None:
        return Reply(status, {"Content-Type": "text/plain"}, message.encode())
    if encoding == "json":
        body = json.dumps({"message": message}).encode()
    else:
        body = _text_field(2, message.encode())
    return Reply(status, {"Content-Type": CONTENT_TYPES[encoding]}, body)


def _text_field(number: int, value: bytes) -> bytes:
    """Encode a field of less than 128 bytes, as all of ours are."""
    assert len(value) < 0x80
    return bytes([number << 3 | 2, len(value)]) + value
