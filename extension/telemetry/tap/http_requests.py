"""PURE: the attributes of a request, whichever gateway it came through.

Callers write everything in a request: a text that does not have the form of its field is left out,
and queries, bodies, cookies and tokens are never read.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import MOST_NAMES
from extension.telemetry.tap.facts import cloud_event
from extension.telemetry.tap.json_paths import mapping_at

METHODS = frozenset(
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"]
)
HEADERS = frozenset(
    [
        "host", "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-amzn-trace-id",
        "ce-id", "ce-source", "ce-specversion", "ce-type",
    ]
)  # fmt: skip
"""Headers that are read, besides those of trace contexts."""
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::\d{1,5})?", re.ASCII)
ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}", re.ASCII)
ROUTE = re.compile(r"/[^\s?#]{0,511}", re.ASCII)
PATH = re.compile(r"(/[^?#\r\n]{0,1023})(?:[?#\r\n].*)?", re.DOTALL)
VERSION = re.compile(r"HTTP/(\d(?:\.\d)?)", re.ASCII)
LONGEST_AGENT = 1024
"""Longer texts are left out: a secret is not recognised by a part of it."""

Headers = Mapping[str, str]


def read_headers(event: Any) -> Headers:
    """Return the headers that attributes are made from, with names in lower case."""
    found: dict[str, str] = {}
    for key in ("multiValueHeaders", "headers"):
        for name, value in islice(mapping_at(event, key).items(), MOST_NAMES):
            first = value[0] if isinstance(value, list) and value else value
            if name.lower() in HEADERS and isinstance(first, str):
                found[name.lower()] = first
    return found


def request_attributes(
    headers: Headers,
    *,
    method: str = "",
    path: str = "",
    route: str = "",
    host: str = "",
    client: str = "",
    agent: str = "",
    protocol: str = "",
) -> dict[str, Any]:
    """Return the attributes of a request; what does not have the form of its field is left out."""
    host = host or headers.get("host", "")
    client = client or headers.get("x-forwarded-for", "").partition(",")[0].strip()
    version = VERSION.fullmatch(protocol)
    scheme = headers.get("x-forwarded-proto", "").lower()
    found_path = PATH.fullmatch(path)
    agent = agent or headers.get("user-agent", "")
    return {
        names.HTTP_METHOD: _method(method),
        names.HTTP_ROUTE: route,
        names.URL_PATH: found_path[1] if found_path else "",
        names.URL_SCHEME: scheme if scheme in ("http", "https") else "https",
        names.SERVER_ADDRESS: host.partition(":")[0] if HOST.fullmatch(host) else "",
        names.CLIENT_ADDRESS: client if ADDRESS.fullmatch(client) else "",
        names.USER_AGENT: agent if len(agent) <= LONGEST_AGENT else "",
        names.NETWORK_PROTOCOL_VERSION: version[1] if version else "",
        **cloud_event(headers, prefix="ce-"),
    }


def route_of(route: str) -> str:
    """Return a route's pattern, empty for `$default`."""
    return route if ROUTE.fullmatch(route) else ""


def span_name(method: str, route: str) -> str:
    """Return the span's name; `HTTP` stands for unknown methods, to bound the number of names."""
    known = method.upper() if method.upper() in METHODS else "HTTP"
    return f"{known} {route}" if route else known


def _method(method: str) -> str:
    if not method:
        return ""
    return method.upper() if method.upper() in METHODS else "_OTHER"
