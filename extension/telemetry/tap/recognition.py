"""PURE: which service an event is from: the first row of all families' tables that knows it.

An event is known by its shape alone, which a caller's own may have by chance or on purpose: so
what is read of one is bounded and checked, whatever it says it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from extension.process.frozen import replace
from extension.telemetry.reading.read_json import read_json
from extension.telemetry.tap import (
    authorizer_events,
    broker_events,
    bus_events,
    graphql_events,
    http_events,
    queue_events,
    service_events,
    store_events,
    stream_events,
    workflow_events,
)
from extension.telemetry.tap.carriers import MOST_BODY
from extension.telemetry.tap.facts import Event, Facts, Source
from extension.telemetry.tap.json_paths import mapping_at, text_at
from extension.telemetry.tap.partial_json import Excerpt, members_at_end, read_excerpt

SOURCES = (
    *queue_events.SOURCES,
    *stream_events.SOURCES,
    *store_events.SOURCES,
    *broker_events.SOURCES,
    *authorizer_events.SOURCES,
    *http_events.SOURCES,
    *graphql_events.SOURCES,
    *workflow_events.SOURCES,
    *bus_events.SOURCES,
    *service_events.SOURCES,
)
"""Authorizers are before HTTP: their events look like a request's."""

RECORD_KEYS = ("attributes", "messageAttributes", "eventSource")
"""Members of a record that follow its body."""
NOTIFICATION_KEYS = ("Timestamp", "MessageAttributes")
EVENT_KEYS = ("requestContext", "info", "detail-type", "source")
"""Members of an event that may follow what is large in it."""
PIPED = frozenset(["aws:sqs", "aws:dynamodb", "aws:kinesis"])
SHARED = ("eventSource", "eventSourceARN")
"""What all records of a batch have the same of."""


class Recognised(NamedTuple):
    """A source and what its event says; `starter` is that of the event behind a durable one."""

    source: Source
    facts: Facts
    starter: Source | None = None


def read_event(excerpt: Excerpt) -> Any:
    """Return an event as far as it was kept; None where it is no JSON."""
    event = read_excerpt(excerpt)
    if excerpt.is_whole or not isinstance(event, dict):
        return event
    if isinstance(event.get("Records"), list):
        return event | {"Records": _with_last(event["Records"], excerpt.tail)}
    return {**members_at_end(excerpt.tail, EVENT_KEYS, closed_by=""), **event}


def recognise(event: Any) -> Recognised:
    """Return where an event is from, `DIRECT` where no row knows it."""
    event = _of_list(event)
    if not isinstance(event, dict):
        return Recognised(workflow_events.DIRECT, Facts())
    source = _source_of(event)
    facts = source.read(event)
    return _begun(facts, event) if source is workflow_events.DURABLE else Recognised(source, facts)


def _source_of(event: Event) -> Source:
    return next((each for each in SOURCES if each.matches(event)), workflow_events.DIRECT)


def _begun(facts: Facts, event: Event) -> Recognised:
    """Take over what caused the event that a durable execution began with."""
    text = workflow_events.started_by(event)
    try:
        starter = read_json(text) if 0 < len(text) <= MOST_BODY else None
    except ValueError:
        starter = None
    if not isinstance(starter, dict):
        return Recognised(workflow_events.DURABLE, facts)
    found = _source_of(starter)
    began = found.read(starter)
    taken = replace(
        facts,
        caller=began.caller,
        caller_body=began.caller_body,
        messages=[each._replace(sent_ns=0) for each in began.messages],
        count=began.count,
    )
    return Recognised(workflow_events.DURABLE, taken, found)


def _of_list(event: Any) -> Any:
    """Return what a list stands for: requests of one field by AppSync, or records of a pipe.

    A pipe of EventBridge passes on records of queues and tables as they are, those of streams with
    the members of `kinesis` beside the others.
    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
    """
    if not isinstance(event, list) or not event:
        return event
    if mapping_at(event, 0, "info"):
        return event[0]
    if text_at(event, 0, "eventSource") == "aws:kinesis":
        event = [{"kinesis": each} | each for each in event if isinstance(each, dict)]
    return {"Records": event} if text_at(event, 0, "eventSource") in PIPED else event


def _with_last(records: list[Any], tail: bytes) -> list[Any]:
    """Return the records in the head, and what the tail says of the last one."""
    last = members_at_end(tail, RECORD_KEYS, closed_by="]}")
    notified = members_at_end(tail, NOTIFICATION_KEYS, closed_by="}]}")
    if "Timestamp" in notified:
        return [*records, {"Sns": notified}]
    if "eventSource" not in last:
        return records
    shared = {key: last[key] for key in SHARED if key in last}
    return [*({**shared, **each} for each in records if isinstance(each, dict)), last]
