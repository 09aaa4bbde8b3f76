"""JSON as Go's encoding/json writes it, because clients search these bodies by offset.

PURE. Compact, non-ASCII as UTF-8, `<`, `>`, `&` and the two line separators escaped, `[]byte` as
base64, `time.Time` as RFC 3339 in UTC with the fraction's trailing zeros trimmed.
Source: https://pkg.go.dev/encoding/json#Marshal
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import UTC, datetime

MS_PER_S = 1000

_ESCAPES = str.maketrans(
    {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"}
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Number(str):
    """A number as it was written: `1.10`, `1e3` and `-0` would come out as others of Python."""

    __slots__ = ()


def decode(text: str | bytes) -> object:
    """Read JSON with numbers as they are written; raises ValueError or RecursionError."""
    if isinstance(text, str):
        text = text.removeprefix("\ufeff")
    return json.loads(text, parse_int=Number, parse_float=Number)


def encode_decoded(value: object) -> bytes:
    """Return the JSON of a value that `decode` gave."""
    match value:
        case Number():
            return value.encode()
        case dict():
            members = (encode(name) + b":" + encode_decoded(each) for name, each in value.items())
            return b"{" + b",".join(members) + b"}"
        case list():
            return b"[" + b",".join(map(encode_decoded, value)) + b"]"
    return encode(value)


def encode(value: object) -> bytes:
    """Return the JSON of `value`; half a surrogate pair becomes U+FFFD, as in Go."""
    text = json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))
    return _LONE_SURROGATE.sub("\ufffd", text.translate(_ESCAPES)).encode()


def _plain(value: object) -> str:
    match value:
        case bytes():
            return b64encode(value).decode()
        case datetime():
            return rfc3339(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def rfc3339(moment: datetime) -> str:
    """Write a moment in UTC, to the millisecond: that is all AWS's JSON carries."""
    utc = moment.astimezone(UTC)
    ms_since_epoch = round(utc.timestamp() * MS_PER_S)
    seconds, ms = divmod(ms_since_epoch, MS_PER_S)
    written = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{ms:03}".rstrip("0").rstrip(".")
    return f"{written}{fraction}Z"
