"""The body of an OTLP request → its message: protobuf or JSON, gzip or as it is, nothing else."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from simulator.aws.endpoints.limits import MAX_DECOMPRESSED_BYTES

_Message = TypeVar("_Message")

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_GZIP = zlib.MAX_WBITS | 16
_IDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})


class BodyError(ValueError):
    """A body that cannot be read; the text says why."""


def decompressed(raw: bytes, *, encoding: str) -> bytes:
    """Return the body without its Content-Encoding; raises BodyError."""
    match encoding.strip().lower():
        case "" | "identity":
            return raw
        case "gzip":
            return _gunzip(raw)
        case other:
            raise BodyError(f"Content-Encoding {other} is not supported.")


def _gunzip(raw: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=_GZIP)
    try:
        body = stream.decompress(raw, MAX_DECOMPRESSED_BYTES + 1)
    except zlib.error as error:
        raise BodyError(f"The body is not gzip: {error}") from None
    if len(body) > MAX_DECOMPRESSED_BYTES:
        raise BodyError("The decompressed body is too large.")
    if not stream.eof or stream.unused_data:
        raise BodyError("The body is not one whole gzip member.")
    return body


def decoded(kind: type[_Message], body: bytes, *, content_type: str) -> _Message:
    """Return the message; raises BodyError, with the name of the format."""
    message: Any = kind()
    try:
        if content_type == JSON:
            json_format.ParseDict(_with_ids(_object(body)), message, ignore_unknown_fields=True)
        else:
            message.ParseFromString(body)
    except (DecodeError, json_format.ParseError, ValueError, RecursionError) as error:
        raise BodyError(f"The body is not OTLP: {error}") from None
    return message  # type: ignore[no-any-return]


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body)
    if not isinstance(value, dict):
        raise BodyError("The body is no JSON object.")
    return value


def _with_ids(value: Any) -> Any:
    """Return OTLP's JSON, whose ids are hex, as protobuf's, which takes them for base64."""
    match value:
        case dict():
            return {
                key: _base64_of(it) if key in _IDS and isinstance(it, str) else _with_ids(it)
                for key, it in value.items()
            }
        case list():
            return [_with_ids(it) for it in value]
        case _:
            return value


def _base64_of(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
