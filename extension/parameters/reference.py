"""PURE: a reference to a value, as settings of this process spell it, to a Query.

`secretsmanager:name#json.key` · `ssm:/path`, decrypted · the ARN of either, `#json.key` behind it.
"""

from __future__ import annotations

from extension.parameters.keys import Key, ParameterKey, SecretKey
from extension.parameters.request import Query


class BadReferenceError(ValueError):
    """A text that refers to nothing."""


class UnusableValueError(ValueError):
    """The value is not text, or has no such key."""


def read_reference(reference: str, *, fresh: bool) -> Query:
    """Return the query for a reference; `fresh` goes past the cache.

    Raises:
        BadReferenceError: it is of no known form.
    """
    target, _, json_key = reference.partition("#")
    return Query(key=_key(target), refresh=fresh, raw=True, json_key=json_key)


def _key(target: str) -> Key:
    kind, _, name = target.partition(":")
    if kind == "arn":
        service = target.split(":")[2:3]
        if service == ["secretsmanager"]:
            return SecretKey(target)
        if service == ["ssm"]:
            return ParameterKey(target, decrypt=True)
    elif kind == "secretsmanager" and name:
        return SecretKey(name)
    elif kind == "ssm" and name:
        return ParameterKey(name, decrypt=True)
    raise BadReferenceError("neither secretsmanager:NAME, ssm:NAME nor an ARN of these")
