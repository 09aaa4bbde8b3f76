"""PURE: AppSync's resolvers, and the publications and subscriptions of its Event API.

Documents, variables, arguments and sources are never read.

Sources: https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference.html,
https://docs.aws.amazon.com/appsync/latest/eventapi/writing-event-handlers.html,
https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/
"""

from __future__ import annotations

import re
from typing import Any

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import from_object
from extension.telemetry.tap.facts import Event, Facts, Source
from extension.telemetry.tap.json_paths import at, text_at

NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,127}", re.ASCII)
"""Source: https://spec.graphql.org/October2021/#Name"""
CHANNEL = re.compile(r"/?[A-Za-z0-9-]{1,50}", re.ASCII)
OPERATIONS = frozenset(["Query", "Mutation", "Subscription"])
CHANNEL_OPERATIONS = frozenset(["PUBLISH", "SUBSCRIBE"])


def _resolver(event: Event) -> Facts:
    parent, field = (
        _name(at(event, "info", "parentTypeName")),
        _name(at(event, "info", "fieldName")),
    )
    return Facts(
        name=f"{parent}.{field}" if parent and field else field,
        attributes={
            names.GRAPHQL_OPERATION_TYPE: parent.lower() if parent in OPERATIONS else "",
            names.GRAPHQL_OPERATION_NAME: field,
        },
        caller=from_object(at(event, "request", "headers")),
    )


def _channel(event: Event) -> Facts:
    """Read an operation on a channel; only the namespace of its path is used."""
    path = text_at(event, "info", "channel", "path")
    namespace = CHANNEL.match(path)
    operation = text_at(event, "info", "operation")
    return Facts(
        attributes={
            names.DETAIL: operation if operation in CHANNEL_OPERATIONS else "",
            names.HTTP_ROUTE: namespace[0] if namespace else "",
        },
        caller=from_object(at(event, "request", "headers")),
    )


def _name(value: Any) -> str:
    return value if isinstance(value, str) and NAME.fullmatch(value) else ""


def _is_resolver(event: Event) -> bool:
    return bool(text_at(event, "info", "fieldName")) and "arguments" in event


def _is_direct_field(event: Event) -> bool:
    """Recognise the event of a request template that has the field's name at the top level."""
    has_names = bool(text_at(event, "typeName") and text_at(event, "fieldName"))
    return has_names and "arguments" in event


def _direct_field(event: Event) -> Facts:
    info = {"parentTypeName": event.get("typeName"), "fieldName": event.get("fieldName")}
    return _resolver({"info": info, "request": event.get("request")})


def _is_channel(event: Event) -> bool:
    return bool(at(event, "info", "channel"))


SOURCES = (
    Source("appsync", "http", _is_resolver, _resolver, is_public=True),
    Source("appsync", "http", _is_direct_field, _direct_field, is_public=True),
    Source("appsync.events", "http", _is_channel, _channel, is_public=True),
)
