"""PURE: requests to Lambda authorizers; their tokens are never read.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html,
https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html
"""

from __future__ import annotations

import re

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import from_headers, from_object
from extension.telemetry.tap.facts import Event, Facts, Source
from extension.telemetry.tap.http_requests import METHODS, ROUTE
from extension.telemetry.tap.json_paths import MS, at, epoch_ns, kind_at, mapping_at, text_at

KINDS = frozenset(["TOKEN", "REQUEST"])
ROUTE_KEY = re.compile(r"([A-Z]{3,7}) (/\S{0,511})", re.ASCII)


def _gateway(event: Event) -> Facts:
    """Read a request of any format; its path is not an attribute."""
    context = mapping_at(event, "requestContext")
    key = ROUTE_KEY.fullmatch(text_at(event, "routeKey"))
    method = key[1] if key else text_at(event, "httpMethod") or text_at(context, "http", "method")
    route = key[2] if key else text_at(event, "resource")
    when = context.get("requestTimeEpoch") or context.get("timeEpoch")
    return Facts(
        attributes={
            names.HTTP_METHOD: method if method in METHODS else "",
            names.HTTP_ROUTE: route if ROUTE.fullmatch(route) else "",
            names.DETAIL: kind_at(event, "type"),
        },
        caller=from_headers(event),
        sent_ns=epoch_ns(when, unit_ns=MS),
    )


def _appsync(event: Event) -> Facts:
    return Facts(caller=from_object(at(event, "requestHeaders")))


def _is_gateway(event: Event) -> bool:
    is_kind = text_at(event, "type") in KINDS
    return is_kind and bool(text_at(event, "methodArn") or text_at(event, "routeArn"))


def _is_appsync(event: Event) -> bool:
    has_token = "authorizationToken" in event
    return has_token and bool(text_at(event, "requestContext", "apiId"))


SOURCES = (
    Source("api_gateway.authorizer", "http", _is_gateway, _gateway, is_public=True),
    Source("appsync.authorizer", "http", _is_appsync, _appsync, is_public=True),
)
