"""What an extension asks of the Telemetry API, checked as the platform checks it.

Source: "Lambda Telemetry API reference", Subscribe; bounds as in AWS's own JSON schema for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

SCHEMA_VERSIONS = ("2022-07-01", "2022-12-13", "2025-01-29")
TYPES = ("platform", "function", "extension")
HOSTS = ("sandbox.localdomain", "sandbox")
RESERVED_PORT = 9001
_BOUNDS = {
    "maxItems": (1000, 10000),
    "maxBytes": (262144, 1048576),
    "timeoutMs": (25, 30000),
}
_DEFAULTS = {"maxItems": 10000, "maxBytes": 262144, "timeoutMs": 1000}


class InvalidSubscriptionError(ValueError):
    """The request is refused; the message names everything that is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A valid request: what to send, how to batch it and where to."""

    schema_version: str
    types: tuple[str, ...]
    protocol: Literal["HTTP", "TCP"]
    port: int
    path: str = "/"
    host: str = HOSTS[0]
    max_items: int = _DEFAULTS["maxItems"]
    max_bytes: int = _DEFAULTS["maxBytes"]
    timeout_ms: int = _DEFAULTS["timeoutMs"]


def parse_subscription(body: bytes, *, is_managed: bool = False) -> Subscription:
    """Return the subscription a request body asks for; raises InvalidSubscriptionError."""
    try:
        request = json.loads(body)
    except ValueError as error:
        raise InvalidSubscriptionError(f"Invalid JSON: {error}") from None
    if not isinstance(request, dict):
        raise InvalidSubscriptionError("Invalid JSON: the request should be an object")
    problems: list[str] = []
    version = _schema_version(request, problems, is_managed=is_managed)
    types = _types(request, problems)
    protocol, port, host, path = _destination(request.get("destination"), problems)
    buffering = _buffering(request.get("buffering"), problems)
    if problems:
        raise InvalidSubscriptionError("; ".join(problems))
    return Subscription(
        schema_version=version,
        types=types,
        protocol=protocol,
        port=port,
        path=path,
        host=host,
        max_items=buffering["maxItems"],
        max_bytes=buffering["maxBytes"],
        timeout_ms=buffering["timeoutMs"],
    )


def _schema_version(request: dict[str, Any], problems: list[str], *, is_managed: bool) -> str:
    allowed = SCHEMA_VERSIONS[-1:] if is_managed else SCHEMA_VERSIONS
    version = request.get("schemaVersion")
    if version not in allowed:
        problems.append(f"schemaVersion should be one of {', '.join(allowed)}")
        return ""
    return str(version)


def _types(request: dict[str, Any], problems: list[str]) -> tuple[str, ...]:
    types = request.get("types")
    if not isinstance(types, list) or not types:
        problems.append("types should not be empty")
        return ()
    unknown = [str(each) for each in types if each not in TYPES]
    if unknown:
        problems.append(f"types has unknown values: {', '.join(unknown)}")
    return tuple(str(each) for each in types)


def _destination(
    destination: object, problems: list[str]
) -> tuple[Literal["HTTP", "TCP"], int, str, str]:
    match destination:
        case {"protocol": "HTTP", "URI": str(uri)} if uri:
            return "HTTP", *_http(uri, problems)
        case {"protocol": "TCP", "port": int(port)} if 1 <= port <= 65535:
            return "TCP", _usable(port, problems), HOSTS[0], "/"
        case _:
            problems.append(
                "destination should be HTTP with a URI or TCP with a port from 1 to 65535"
            )
            return "HTTP", 0, "", ""


def _http(uri: str, problems: list[str]) -> tuple[int, str, str]:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        problems.append("URI is not valid")
        return 0, "", ""
    host = parts.hostname or ""
    if parts.scheme != "http" or host not in HOSTS:
        problems.append(f"URI host should be http://{HOSTS[0]}")
    if port is None:
        problems.append("URI port is not provided")
        return 0, host, ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _usable(port, problems), host, path


def _usable(port: int, problems: list[str]) -> int:
    if port == RESERVED_PORT:
        problems.append(f"port {RESERVED_PORT} is reserved")
    return port


def _buffering(buffering: object, problems: list[str]) -> dict[str, int]:
    if buffering is None:
        return _DEFAULTS
    if not isinstance(buffering, dict):
        problems.append("buffering should be an object")
        return _DEFAULTS
    for name, (low, high) in _BOUNDS.items():
        value = buffering.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            problems.append(f"{name} should be from {low} to {high}")
    return {name: buffering.get(name, default) for name, default in _DEFAULTS.items()}
