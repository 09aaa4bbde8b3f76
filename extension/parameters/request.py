"""Path and query of a GET as a Query, or as the Rejection it gets.

PURE. Unknown parameters are ignored, of a repeated one the first counts. Names that are encoded
twice, or have a plus that is not encoded, are understood: they can mean nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from extension.aws.errors import Rejection
from extension.parameters.keys import Key, ParameterKey, PathKey, SecretKey

REMEMBERED_TARGETS = 1024
"""Parsed targets kept: a function asks the same few URLs again and again (cache size is 1000)."""

LONGEST_REMEMBERED = 1024
"""Characters of a target worth keeping: with the number above at most a few MB."""

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASHES = re.compile(r"/{2,}")
_ORIGIN = re.compile(r"https?://[^/?]*", re.IGNORECASE)

_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")

_SWITCHES = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
"""What Go's ParseBool takes, in any case."""

OTHER_CALLER = "roleArn"
"""Names whose value is meant, in AWS's own agent: with a role, that of another account."""


class Query(NamedTuple):
    """What a caller wants, and in which form."""

    key: Key
    refresh: bool = False
    raw: bool = False
    json_key: str = ""


class _RefusedError(Exception):
    """Unwinds the parser; never leaves this module."""


def read(method: str, target: str) -> Query | Rejection:
    """Read the request target as it stands in the request line: path, then method, then query."""
    if len(target) > LONGEST_REMEMBERED:
        return _read(method, target)
    return _remembered(method, target)


def _read(method: str, target: str) -> Query | Rejection:
    path, _, query = _ORIGIN.sub("", target, count=1).partition("?")
    route = _ROUTES.get(_SLASHES.sub("/", path).rstrip("/"))
    if route is None:
        return Rejection(status=404, code="NotFound", text="no such path")
    if method != "GET":
        return Rejection(status=405, code="MethodNotAllowed", text="only GET is allowed")
    try:
        return route(_fields(query.partition("#")[0]))
    except _RefusedError as refused:
        return Rejection(status=400, code="ValidationException", text=str(refused))


_remembered = lru_cache(REMEMBERED_TARGETS)(_read)


def _fields(query: str) -> dict[str, str]:
    """Return the first value of each field, in the order of the URL; empty ones are absent."""
    if _BROKEN_ESCAPE.search(query):
        raise _RefusedError("the query has a broken percent-encoding")
    try:
        pairs = parse_qsl(query, errors="strict")
    except ValueError:
        raise _RefusedError("the query is not UTF-8") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    if OTHER_CALLER in fields:
        raise _RefusedError(f"{OTHER_CALLER} is not supported: the function's own role is used")
    return fields


def _parameter(fields: Mapping[str, str]) -> Query:
    name = _required(fields, "name")
    selector = next((fields[each] for each in fields if each in {"version", "label"}), None)
    if selector is not None:
        name = f"{name}:{selector}"
    return _query(ParameterKey(name, _switch(fields, "withDecryption")), fields)


def _secret(fields: Mapping[str, str]) -> Query:
    name = _required(fields, "secretId")
    return _query(SecretKey(name, fields.get("versionId"), fields.get("versionStage")), fields)


def _path(fields: Mapping[str, str]) -> Query:
    for each in ("raw", "jsonKey"):
        if each in fields:
            raise _RefusedError(f"{each} is not for getByPath")
    recursive, decrypt = _switch(fields, "recursive"), _switch(fields, "withDecryption")
    return _query(PathKey(_required(fields, "path"), recursive, decrypt), fields)


def _query(key: Key, fields: Mapping[str, str]) -> Query:
    return Query(
        key=key,
        refresh=_switch(fields, "refresh") or _switch(fields, "refreshNow"),
        raw=_switch(fields, "raw"),
        json_key=fields.get("jsonKey", ""),
    )


def _required(fields: Mapping[str, str], name: str) -> str:
    if not (value := fields.get(name)):
        raise _RefusedError(f"{name} is missing")
    return _as_name(value)


def _as_name(text: str) -> str:
    """Undo what clients do to names beyond one encoding: no name and no ARN holds `%` or a blank.

    Sources: the patterns of Name in GetParameter, and of a secret's name in CreateSecret.
    """
    if _ESCAPE.search(text):
        try:
            text = unquote(text, errors="strict")
        except ValueError:
            raise _RefusedError("a name is not UTF-8") from None
    return text.replace(" ", "+")


def _switch(fields: Mapping[str, str], name: str) -> bool:
    value = _SWITCHES.get(fields.get(name, "false").lower())
    if value is None:
        raise _RefusedError(f"{name} must be true or false")
    return value


_ROUTES = {
    "/systemsmanager/parameters/get": _parameter,
    "/systemsmanager/parameters/getByPath": _path,
    "/secretsmanager/get": _secret,
}
