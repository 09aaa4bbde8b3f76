"""What a GET asks for: its path and query as a Query, or as the Rejection it is answered with.

PURE. `getMany` is Several queries. Unknown query parameters are ignored, and of a repeated one the
first counts. Names that were encoded twice, or whose plus was not encoded, are accepted: they
cannot mean anything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from extension.aws.arns import is_role
from extension.parameters.keys import Key, ParameterKey, PathKey, SecretKey
from extension.process.frozen import Frozen

REMEMBERED_TARGETS = 1024
"""Parsed targets kept: a function requests the same few URLs repeatedly (the cache has 1000
entries by default)."""

LONGEST_REMEMBERED = 1024
"""Characters of a target that is kept: with the number above, a few MB at most."""

MANY = "/getMany"
"""Not kept: parsed, such a target takes fifty times its length."""

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASHES = re.compile(r"/{2,}")
_ORIGIN = re.compile(r"\Ahttps?://[^/?]*", re.IGNORECASE)

_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")

_SWITCHES = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
"""What Go's ParseBool accepts, here in upper and lower case."""

MOST_NAMES = 100
"""Most names in one getMany; a URL of 8190 bytes holds as many of 70 characters."""

ARN_PIECES = 7
"""What the ARN of a secret has between its colons."""

ECS_PARTS = ("jsonKey", "versionStage", "versionId")
"""The fields that ECS appends to the ARN of a secret, in its order."""

NO_ROUTE = (
    "no such path; there are /secretsmanager/get?secretId=NAME and"
    " /systemsmanager/parameters/get?name=NAME, and getMany and getByPath beside them"
)

ROLE = "roleArn"
"""The role to ask as, under the name that AWS's agent has for it."""


class Query(NamedTuple):
    """What to return, and in which form."""

    key: Key
    refresh: bool = False
    raw: bool = False
    json_key: str = ""


class Several(NamedTuple):
    """Several queries of one kind, each beside the name or id as the caller wrote it."""

    queries: tuple[tuple[str, Query], ...]


class Rejection(Frozen):
    """A request that is refused without asking AWS.

    `plain`: its exact text is part of the contract, so it is never turned into JSON.
    """

    status: int
    code: str
    text: str
    plain: bool = False


class _RefusedError(Exception):
    """Ends the parsing of a query; never leaves this module."""


def read(method: str, target: str, *, decrypt: bool = False) -> Query | Several | Rejection:
    """Read a request target as sent in the request line: path, then method, then query.

    `decrypt` is the value of withDecryption for a query that does not contain it.
    """
    if len(target) > LONGEST_REMEMBERED or MANY in target:
        return _read(method, target, decrypt=decrypt)
    return _remembered(method, target, decrypt=decrypt)


def _read(method: str, target: str, *, decrypt: bool) -> Query | Several | Rejection:
    path, _, query = _ORIGIN.sub("", target).partition("?")
    path, query = _SLASHES.sub("/", path).rstrip("/"), query.partition("#")[0]
    route = _ROUTES.get(path)
    if route is None and path not in _SEVERAL:
        return Rejection(status=404, code="NotFound", text=NO_ROUTE)
    if method != "GET":
        return Rejection(status=405, code="MethodNotAllowed", text="only GET is allowed")
    try:
        fields = _fields(query)
        if decrypt:
            fields.setdefault("withDecryption", "true")
        return route(fields) if route else _several(query, fields, _SEVERAL[path])
    except _RefusedError as refused:
        return Rejection(status=400, code="ValidationException", text=str(refused))


_remembered = lru_cache(REMEMBERED_TARGETS)(_read)


def _fields(query: str) -> dict[str, str]:
    """Return the first value of each field, in the order of the URL, without empty ones."""
    if _BROKEN_ESCAPE.search(query):
        raise _RefusedError("the query has a broken percent-encoding")
    try:
        pairs = parse_qsl(query, errors="strict", keep_blank_values=True)
    except ValueError:
        raise _RefusedError("the query is not UTF-8") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name != ROLE and name.replace("_", "").replace("-", "").lower() == ROLE.lower():
            raise _RefusedError(f"the field for a role is {ROLE}")
        if value:
            fields.setdefault(name, value)
    if roles := {value for name, value in pairs if name == ROLE}:
        fields[ROLE] = _role(roles)
    return fields


def _role(named: set[str]) -> str:
    """Return the role; an empty one must not mean the function's own, nor one of two be chosen."""
    roles = {_as_name(each) for each in named}
    if len(roles) != 1 or not is_role(*roles):
        raise _RefusedError(f"{ROLE} must be one arn:PARTITION:iam::ACCOUNT:role/NAME")
    return roles.pop()


def _parameter(fields: Mapping[str, str]) -> Query:
    name = _required(fields, "name")
    selector = next((fields[each] for each in fields if each in {"version", "label"}), None)
    if selector is not None:
        name = f"{name}:{selector}"
    key = ParameterKey(name, _switch(fields, "withDecryption"), fields.get(ROLE, ""))
    return _query(key, fields)


def _secret(fields: Mapping[str, str]) -> Query:
    name, parts = _parts_of_arn(_required(fields, "secretId"))
    fields = {**parts, **fields}
    version = fields.get("versionId"), fields.get("versionStage")
    return _query(SecretKey(name, *version, fields.get(ROLE, "")), fields)


def _several(query: str, fields: dict[str, str], id_field: str) -> Several:
    """Return a query for each name or id; what else the URL has holds for all of them."""
    pairs = parse_qsl(query, errors="strict", keep_blank_values=True)
    names = [name for field, name in pairs if field == id_field]
    if not names:
        raise _RefusedError(f"{id_field} is missing")
    if len(names) > MOST_NAMES:
        raise _RefusedError(f"{id_field} is repeated more than {MOST_NAMES} times")
    one = _parameter if id_field == "name" else _secret
    return Several(tuple((name, one({**fields, id_field: name})) for name in names))


def _parts_of_arn(secret_id: str) -> tuple[str, dict[str, str]]:
    """Split an ARN as ECS writes it, `arn:…:secret:name-AbCdEf:key:stage:version`, into fields.

    Each part may be empty. No name of a secret holds a colon, so a plain ARN is left as it is.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    pieces = secret_id.split(":")
    arn, parts = pieces[:ARN_PIECES], pieces[ARN_PIECES:]
    is_secret = arn[0] == "arn" and arn[2:3] == ["secretsmanager"] and arn[5:6] == ["secret"]
    if not is_secret or len(parts) > len(ECS_PARTS):
        return secret_id, {}
    named = zip(ECS_PARTS, parts, strict=False)
    return ":".join(arn), {name: part for name, part in named if part}


def _path(fields: Mapping[str, str]) -> Query:
    for each in ("raw", "jsonKey"):
        if each in fields:
            raise _RefusedError(f"{each} is not for getByPath")
    recursive, decrypt = _switch(fields, "recursive"), _switch(fields, "withDecryption")
    key = PathKey(_required(fields, "path"), recursive, decrypt, fields.get(ROLE, ""))
    return _query(key, fields)


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
    """Undo what clients do to names beyond one encoding: no name or ARN holds `%` or a space.

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

_SEVERAL = {
    f"/systemsmanager/parameters{MANY}": "name",
    f"/secretsmanager{MANY}": "secretId",
}
"""The routes for several values, and the field that each of them repeats."""
