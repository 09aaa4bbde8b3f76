"""AWS's answers as the bodies that AWS's own extension sends, and as the values in them.

PURE. Keys in alphabetical order with `ResultMetadata` last, every absent field `null`: the output
structs of the AWS SDK for Go v2, marshalled.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from extension.aws.errors import UNUSABLE, UpstreamError
from extension.parameters.gojson import encode

Answer = Mapping[str, Any]
"""A parsed answer of botocore."""


class Result(StrEnum):
    """How a GET was answered: the header `X-Cache`."""

    HIT = "HIT"
    MISS = "MISS"
    STALE = "STALE"
    REFRESH = "REFRESH"
    BYPASS = "BYPASS"
    ERROR = "ERROR"


class Served(NamedTuple):
    """A body, and where it came from."""

    body: bytes
    result: Result
    age_s: float = 0.0


class Value(NamedTuple):
    """One value inside an answer; `secure`: it was encrypted and is readable here."""

    name: str
    value: str | bytes
    secure: bool


def parameter_body(answer: Answer) -> bytes:
    """Return the body for a GetParameter answer."""
    return encode({"Parameter": _parameter(_part(answer, "Parameter", dict)), "ResultMetadata": {}})


def path_body(parameters: list[Answer]) -> bytes:
    """Return the body for all pages of GetParametersByPath together."""
    found = [_parameter(each) for each in parameters]
    return encode({"NextToken": None, "Parameters": found, "ResultMetadata": {}})


def secret_body(answer: Answer) -> bytes:
    """Return the body for a GetSecretValue answer."""
    _part(answer, "ARN", str)
    fields = (
        "ARN", "CreatedDate", "Name", "SecretBinary", "SecretString", "VersionId", "VersionStages"
    )  # fmt: skip
    return encode({**{each: answer.get(each) for each in fields}, "ResultMetadata": {}})


def parameters_of(answer: Answer) -> list[Answer]:
    """Return the parameters of a GetParameters or GetParametersByPath answer."""
    found: list[Answer] = _part(answer, "Parameters", list)
    return found


def _part(answer: Answer, name: str, kind: type[Any]) -> Any:
    """Return a field without which the answer is none: rubbish with status 200 parses to `{}`."""
    found = answer.get(name)
    if not isinstance(found, kind):
        raise UpstreamError(UNUSABLE, message=f"answer without {name}", transient=True)
    return found


def _parameter(parameter: Answer) -> dict[str, Any]:
    """Fill what is absent: pointers with null, Go's plain string and integer with theirs."""
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


def parameter_values(parameter: Answer, *, decrypted: bool) -> Iterator[Value]:
    """List the values in one parameter; a reference to a secret carries it twice."""
    secure = decrypted and parameter.get("Type") == "SecureString"
    values = [parameter.get("Value"), *_referred(parameter.get("SourceResult"))]
    for value in values:
        if value:
            yield Value(parameter.get("Name", ""), value, secure)


def _referred(source: str | None) -> Iterator[str | bytes]:
    """Yield the secret in Secrets Manager's answer in JSON, not the names and dates beside it."""
    try:
        answer = json.loads(source or "{}")
        fields = {str(name).lower(): value for name, value in answer.items()}
        secret, binary = fields.get("secretstring"), fields.get("secretbinary")
        if isinstance(secret, str):
            yield secret
        if isinstance(binary, str):
            yield base64.b64decode(binary)
    except (ValueError, AttributeError, RecursionError):
        yield source or ""  # whatever it is


def secret_values(answer: Answer) -> Iterator[Value]:
    """List the values in one secret."""
    for field in ("SecretString", "SecretBinary"):
        if answer.get(field):
            yield Value(answer.get("Name", ""), answer[field], secure=True)


def values_in(body: bytes, *, decrypted: bool) -> Iterator[Value]:
    """List the values in a body, each as it was listed in the answer that the body was made of."""
    answer = _present(json.loads(body))
    for each in answer.get("Parameters", [answer.get("Parameter", {})]):
        yield from parameter_values(_present(each), decrypted=decrypted)
    if "SecretBinary" in answer:
        answer["SecretBinary"] = base64.b64decode(answer["SecretBinary"])
    yield from secret_values(answer)


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def bare(body: bytes) -> str | bytes | None:
    """Return the value inside a body: text, the bytes of a binary secret, or None."""
    answer = json.loads(body)
    if "Parameter" in answer:
        text: str | None = answer["Parameter"]["Value"]
        return text
    if answer["SecretBinary"] is not None:
        return base64.b64decode(answer["SecretBinary"])
    secret: str | None = answer["SecretString"]
    return secret
