"""PURE: requests by API Gateway, function URLs, load balancers and VPC Lattice.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html,
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html,
https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html,
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import MOST_NAMES, from_headers
from extension.telemetry.tap.facts import Event, Expects, Facts, Source
from extension.telemetry.tap.json_paths import (
    MS,
    US,
    S,
    at,
    epoch_ns,
    kind_at,
    mapping_at,
    name_at,
    text_at,
)

METHODS = frozenset(
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"]
)
HEADERS = frozenset(
    [
        "host", "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-amzn-trace-id",
        "ce-id", "ce-source", "ce-specversion", "ce-type",
    ]
)  # fmt: skip
"""All that is read besides what names a span."""
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::\d{1,5})?", re.ASCII)
ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}", re.ASCII)
ROUTE = re.compile(r"/[^\s?#]{0,511}", re.ASCII)
PATH = re.compile(r"/[^?#\r\n]{0,1023}")
VERSION = re.compile(r"HTTP/(\d(?:\.\d)?)", re.ASCII)
ROOT_TIME = re.compile(r"Root=1-([0-9a-fA-F]{8})-", re.ASCII)
LONGEST_AGENT = 256
HEALTH_CHECK = "ELB-HealthChecker/"

Headers = Mapping[str, str]


def read_headers(event: Any) -> Headers:
    """Return the headers that attributes are made of, by names in lower case."""
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
    found_path = PATH.match(path)
    return {
        names.HTTP_METHOD: _method(method),
        names.HTTP_ROUTE: route,
        names.URL_PATH: found_path[0] if found_path else "",
        names.URL_SCHEME: scheme if scheme in ("http", "https") else "https",
        names.SERVER_ADDRESS: host.partition(":")[0] if HOST.fullmatch(host) else "",
        names.CLIENT_ADDRESS: client if ADDRESS.fullmatch(client) else "",
        names.USER_AGENT: (agent or headers.get("user-agent", ""))[:LONGEST_AGENT],
        names.NETWORK_PROTOCOL_VERSION: version[1] if version else "",
        **cloud_event(headers, prefix="ce-"),
    }


def cloud_event(fields: Any, *, prefix: str = "") -> dict[str, Any]:
    """Return the attributes of a CloudEvent, none for anything else; its data is never read."""
    if not (text_at(fields, f"{prefix}specversion") and text_at(fields, f"{prefix}type")):
        return {}
    return {
        names.CLOUDEVENTS_ID: name_at(fields, f"{prefix}id"),
        names.CLOUDEVENTS_SOURCE: _without_query(text_at(fields, f"{prefix}source")),
        names.CLOUDEVENTS_SPEC_VERSION: name_at(fields, f"{prefix}specversion"),
        names.CLOUDEVENTS_TYPE: name_at(fields, f"{prefix}type"),
    }


def _rest(event: Event) -> Facts:
    """Read a REST API's request, or an HTTP API's of format 1.0."""
    context = mapping_at(event, "requestContext")
    method = text_at(event, "httpMethod")
    route = _route(text_at(event, "resource") or text_at(context, "resourcePath"))
    attributes = request_attributes(
        read_headers(event),
        method=method,
        path=text_at(event, "path"),
        route=route,
        host=text_at(context, "domainName"),
        client=text_at(context, "identity", "sourceIp"),
        agent=text_at(context, "identity", "userAgent"),
        protocol=text_at(context, "protocol"),
    )
    return Facts(
        name=_name(method, route),
        attributes=attributes,
        caller=from_headers(event),
        sent_ns=epoch_ns(context.get("requestTimeEpoch"), unit_ns=MS),
    )


def _http_api(event: Event) -> Facts:
    """Read format 2.0, which function URLs have too."""
    context = mapping_at(event, "requestContext")
    http = mapping_at(context, "http")
    method = text_at(http, "method")
    key = text_at(event, "routeKey") or text_at(context, "routeKey")
    route = _route(key.rpartition(" ")[2])
    attributes = request_attributes(
        read_headers(event),
        method=method,
        path=text_at(event, "rawPath") or text_at(http, "path"),
        route=route,
        host=text_at(context, "domainName"),
        client=text_at(http, "sourceIp"),
        agent=text_at(http, "userAgent"),
        protocol=text_at(http, "protocol"),
    )
    return Facts(
        name=_name(method, route),
        attributes=attributes,
        caller=from_headers(event),
        sent_ns=epoch_ns(context.get("timeEpoch"), unit_ns=MS),
    )


def _load_balancer(event: Event) -> Facts:
    method, headers = text_at(event, "httpMethod"), read_headers(event)
    attributes = request_attributes(headers, method=method, path=text_at(event, "path"))
    if headers.get("user-agent", "").startswith(HEALTH_CHECK):
        attributes[names.DETAIL] = "health check"
    root = ROOT_TIME.search(headers.get("x-amzn-trace-id", "")[:256])
    return Facts(
        name=_name(method, ""),
        attributes=attributes,
        caller=from_headers(event),
        sent_ns=epoch_ns(int(root[1], 16), unit_ns=S) if root else 0,
    )


def _lattice(event: Event) -> Facts:
    method = text_at(event, "method")
    path = text_at(event, "path") or text_at(event, "raw_path")
    return Facts(
        name=_name(method, ""),
        attributes=request_attributes(read_headers(event), method=method, path=path),
        caller=from_headers(event),
        sent_ns=epoch_ns(at(event, "requestContext", "timeEpoch"), unit_ns=US),
    )


def _websocket(event: Event) -> Facts:
    """Read a frame of a connection; only CONNECT comes with headers."""
    context = mapping_at(event, "requestContext")
    route = name_at(context, "routeKey")
    attributes = {
        **request_attributes(
            read_headers(event),
            route=route,
            host=text_at(context, "domainName"),
            client=text_at(context, "identity", "sourceIp"),
            agent=text_at(context, "identity", "userAgent"),
        ),
        names.HTTP_METHOD: "",
        names.NETWORK_PROTOCOL_NAME: "websocket",
        names.DETAIL: kind_at(context, "eventType"),
    }
    return Facts(
        name=route,
        attributes=attributes,
        caller=from_headers(event),
        sent_ns=epoch_ns(context.get("requestTimeEpoch"), unit_ns=MS),
    )


def _method(method: str) -> str:
    if not method:
        return ""
    return method.upper() if method.upper() in METHODS else "_OTHER"


def _route(route: str) -> str:
    """Return a route's pattern; `$default` is none."""
    return route if ROUTE.fullmatch(route) else ""


def _name(method: str, route: str) -> str:
    """Return the span's name; a method that nobody knows may be anything, so it is HTTP."""
    known = method.upper() if method.upper() in METHODS else "HTTP"
    return f"{known} {route}" if route else known


def _without_query(uri: str) -> str:
    """Return a source's URI without what stands behind its path, or before its host."""
    before, slashes, rest = re.split(r"[?#]", uri[:512])[0].rpartition("//")
    return name_at(before + slashes + rest.rpartition("@")[2])


def _is_load_balancer(event: Event) -> bool:
    return bool(at(event, "requestContext", "elb"))


def _is_lattice(event: Event) -> bool:
    newer = at(event, "requestContext", "serviceNetworkArn")
    return bool(newer or (text_at(event, "raw_path") and text_at(event, "method")))


def _is_websocket(event: Event) -> bool:
    context = mapping_at(event, "requestContext")
    is_frame = bool(context.get("eventType") or context.get("routeKey"))
    return bool(context.get("connectionId")) and is_frame and "http" not in context


def _is_format_2(event: Event) -> bool:
    return event.get("version") == "2.0" and bool(mapping_at(event, "requestContext", "http"))


def _is_function_url(event: Event) -> bool:
    return _is_format_2(event) and ".lambda-url." in text_at(event, "requestContext", "domainName")


def _is_rest(event: Event) -> bool:
    has_shape = bool(text_at(event, "httpMethod")) and isinstance(event.get("path"), str)
    is_named = bool(text_at(event, "resource") or at(event, "requestContext", "httpMethod"))
    return has_shape and is_named and "messageVersion" not in event


def _is_http_api_1(event: Event) -> bool:
    return _is_rest(event) and event.get("version") == "1.0"


def _source(
    name: str,
    matches: Callable[[Event], bool],
    read: Callable[[Event], Facts],
    *,
    expects: Expects = "http",
) -> Source:
    return Source(name, "http", matches, read, expects=expects, is_public=True)


SOURCES = (
    _source("alb", _is_load_balancer, _load_balancer),
    _source("vpc_lattice", _is_lattice, _lattice),
    _source("api_gateway.websocket", _is_websocket, _websocket),
    _source("function_url", _is_function_url, _http_api, expects="http_or_value"),
    _source("api_gateway.http", _is_format_2, _http_api, expects="http_or_value"),
    _source("api_gateway.http", _is_http_api_1, _rest),
    _source("api_gateway.rest", _is_rest, _rest),
)
"""In this order: a load balancer's request looks like a REST API's."""
