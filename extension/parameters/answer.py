"""AWS's answers as the bodies that AWS's own extension sends, byte by byte.

PURE. AWS's extension marshals the output structs of the AWS SDK for Go v2, and clients search the
bodies by offset: compact JSON, keys in alphabetical order with `ResultMetadata` last, absent fields
`null`, non-ASCII as UTF-8, `<`, `>`, `&` and the two line separators escaped, `[]byte` as base64,
`time.Time` as RFC 3339 in UTC without the fraction's trailing zeros.
Source: https://pkg.go.dev/encoding/json#Marshal
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from extension.aws.call import Answer
from extension.aws.errors import UNUSABLE, UpstreamError

MS_PER_S = 1000

_ESCAPES = str.maketrans(
    {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"}
)
_ARN = b'"ARN":"arn:'
_LATEST_ARN = 48
"""Where the first ARN of a body begins at the latest."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Result(StrEnum):
    """How a GET was answered: the header `X-Cache`."""

    HIT = "HIT"
    MISS = "MISS"
    STALE = "STALE"
    REFRESH = "REFRESH"
    BYPASS = "BYPASS"
    ERROR = "ERROR"


class Served(NamedTuple):
    """A body, how it was obtained, and the region that it came from."""

    body: bytes
    result: Result
    age_s: float = 0.0
    region: str = ""


def parameter_body(answer: Answer) -> bytes:
    """Return the body for a GetParameter answer."""
    return encode({"Parameter": _parameter(_part(answer, "Parameter", dict)), "ResultMetadata": {}})


def path_body(parameters: list[Answer]) -> bytes:
    """Return the body for all pages of GetParametersByPath together."""
    filled = [_parameter(each) for each in parameters]
    return encode({"NextToken": None, "Parameters": filled, "ResultMetadata": {}})


def secret_body(answer: Answer) -> bytes:
    """Return the body for a GetSecretValue answer."""
    _part(answer, "ARN", str)
    fields = (
        "ARN", "CreatedDate", "Name", "SecretBinary", "SecretString", "VersionId", "VersionStages"
    )  # fmt: skip
    return encode({**{each: answer.get(each) for each in fields}, "ResultMetadata": {}})


def parameters_of(answer: Answer) -> list[Answer]:
    """Return the parameters of a GetParameters or GetParametersByPath answer."""
    parameters: list[Answer] = _part(answer, "Parameters", list)
    return parameters


def _part(answer: Answer, name: str, kind: type[Any]) -> Any:
    """Return a required field: what is no answer of AWS, but has status 200, parses to `{}`."""
    part = answer.get(name)
    if not isinstance(part, kind):
        raise UpstreamError(UNUSABLE, message=f"answer without {name}", transient=True)
    return part


def _parameter(parameter: Answer) -> dict[str, Any]:
    """Fill absent fields as Go does: pointers with null, other types with their zero value."""
    return {
        "ARN": parameter.get("ARN"),
        "DataType": parameter.get("DataType"),
        "LastModifiedDate": parameter.get("LastModifiedDate"),
        "Name": parameter.get("Name"),
        "Selector": parameter.get("Selector"),
        "SourceResult": parameter.get("SourceResult"),
        "Type": parameter.get("Type", ""),
        "Value": parameter.get("Value"),
        "Version": parameter.get("Version", 0),
    }


def region_of_body(body: bytes) -> str:
    """Return the region that a body came from, as AWS names it in its first ARN; empty without."""
    found = body.find(_ARN, 0, _LATEST_ARN)
    if found < 0:
        return ""
    begin = found + len(_ARN)
    pieces = body[begin : body.find(b'"', begin)].split(b":", 3)  # after `arn:`
    region = pieces[2].decode("ascii", "replace") if len(pieces) > 3 else ""
    is_name = region.replace("-", "").isalnum()  # which a replaced byte is not
    return region if is_name else ""  # the endpoint need not be AWS's: it goes into a header


def bare(body: bytes) -> str | bytes | None:
    """Return the value inside a body: text, the bytes of a binary secret, or None."""
    answer = json.loads(body)
    if "Parameter" in answer:
        text: str | None = answer["Parameter"]["Value"]
        return text
    if answer["SecretBinary"] is not None:
        return b64decode(answer["SecretBinary"])
    secret: str | None = answer["SecretString"]
    return secret


class Number(str):
    """A number as it was written: Python would write `1.10`, `1e3` and `-0` differently."""

    __slots__ = ()


def decode(text: str | bytes) -> object:
    """Read JSON, keeping numbers as they are written; raises ValueError or RecursionError."""
    if isinstance(text, str):
        text = text.removeprefix("\ufeff")
    return json.loads(text, parse_int=Number, parse_float=Number)


def encode_decoded(value: object) -> bytes:
    """Return the JSON of a value from `decode`."""
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
    """Return the JSON of a value; half a surrogate pair becomes U+FFFD, as in Go."""
    text = json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))
    return _LONE_SURROGATE.sub("\ufffd", text.translate(_ESCAPES)).encode()


def _plain(value: object) -> str:
    match value:
        case bytes():
            return b64encode(value).decode()
        case datetime():
            return rfc3339(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def rfc3339(time: datetime) -> str:
    """Write a time in UTC, to the millisecond: AWS's JSON is no more precise."""
    utc = time.astimezone(UTC)
    ms_since_epoch = round(utc.timestamp() * MS_PER_S)
    seconds, ms = divmod(ms_since_epoch, MS_PER_S)
    written = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{ms:03}".rstrip("0").rstrip(".")
    return f"{written}{fraction}Z"
