"""The size of a log record as CloudWatch Logs stores it: a JSON event with scope and resource.

AWS counts that text in UTF-8 and does not publish its form to the last byte; the fields here are
those that are seen in a log group.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

EVENT_BYTES = 300
"""The names of all fields of an event, its times, numbers and ids, and AWS's 26 bytes for each."""

SHORT_ESCAPES = b'"\\\n\r\t\b\f'
CONTROLS = bytes(range(0x20))
DOUBLE, INTEGER = b"\x21", b"\x18"
"""The tags of numbers, which take more as text."""


def text_bound(encoded: bytes) -> int:
    """Return how many bytes a message takes as JSON at most; this looks at no field of it.

    A third more is base64's; the rest are escapes, and numbers. What only looks like one, a tag or
    a length, counts too.
    """
    escapes = len(encoded) - len(encoded.translate(None, SHORT_ESCAPES))
    controls = len(encoded) - len(encoded.translate(None, CONTROLS))
    numbers = 8 * encoded.count(INTEGER) + 14 * encoded.count(DOUBLE)
    return len(encoded) * 4 // 3 + escapes + 5 * controls + numbers


def event_bytes(record: Any, *, scope: Any, resource: Any) -> int:
    """Return the bytes of the event that a record becomes."""
    event = [
        _object(resource.attributes),
        _object(scope.attributes),
        [scope.name, scope.version],
        record.severity_text,
        _plain(record.body),
        _object(record.attributes),
    ]
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass")) + EVENT_BYTES


def _plain(value: Any) -> object:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return _object(value.kvlist_value.values)
        case "bytes_value":
            return b64encode(value.bytes_value).decode()
        case field:
            return getattr(value, field)


def _object(pairs: Iterable[Any]) -> dict[str, object]:
    return {pair.key: _plain(pair.value) for pair in pairs}
