"""OTLP requests in JSON → the same requests in protobuf.

OTLP's JSON is that of protobuf but for its ids, which are hexadecimal digits and not base64.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

if TYPE_CHECKING:
    from google.protobuf.message import Message

_IDS = {"traceId", "spanId", "parentSpanId"}


def to_protobuf(body: bytes, message: Message) -> bytes:
    """Return a request as protobuf; raises ValueError. `message` is an empty one of its type."""
    try:
        json_format.ParseDict(_with_base64_ids(json.loads(body)), message, True)  # noqa: FBT003
    except json_format.ParseError as error:
        raise ValueError(str(error)) from error
    encoded: bytes = message.SerializeToString()
    return encoded


def _with_base64_ids(value: Any) -> Any:
    match value:
        case list():
            return [_with_base64_ids(item) for item in value]
        case dict():
            return {
                key: base64.b64encode(bytes.fromhex(item)).decode()
                if key in _IDS
                else _with_base64_ids(item)
                for key, item in value.items()
            }
    return value
