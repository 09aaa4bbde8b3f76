"""PURE: requests by API Gateway, function URLs, load balancers and VPC Lattice.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html,
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html,
https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import from_headers
from extension.telemetry.tap.facts import Event, Expects, Facts, Source
from extension.telemetry.tap.http_requests import (
    read_headers,
    request_attributes,
    route_of,
    span_name,
)
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

ROOT_TIME = re.compile(r"Root=1-([0-9a-fA-F]{8})-", re.ASCII)
HEALTH_CHECK = "ELB-HealthChecker/"


def _rest(event: Event) -> Facts:
    """Read a REST API's request, or an HTTP API's of format 1.0."""
    context = mapping_at(event, "requestContext")
    method = text_at(event, "httpMethod")
    route = route_of(text_at(event, "resource") or text_at(context, "resourcePath"))
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
        name=span_name(method, route),
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
    route = route_of(key.rpartition(" ")[2])
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
        name=span_name(method, route),
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
        name=span_name(method, ""),
        attributes=attributes,
        caller=from_headers(event),
        sent_ns=epoch_ns(int(root[1], 16), unit_ns=S) if root else 0,
    )


def _lattice(event: Event) -> Facts:
    method = text_at(event, "method")
    path = text_at(event, "path") or text_at(event, "raw_path")
    return Facts(
        name=span_name(method, ""),
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
