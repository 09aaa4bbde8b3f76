"""PURE: recognises the source of an event: the first row of the families' tables that matches.

Only the shape of an event says where it came from, and callers can imitate any shape. So all that
is read is bounded and validated, whatever the event says it is.
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
"""Authorizers come before HTTP, because their events look like requests."""

RECORD_KEYS = ("attributes", "messageAttributes", "eventSource")
"""Members of a record that follow its body."""
NOTIFICATION_KEYS = ("Timestamp", "MessageAttributes")
EVENT_KEYS = ("requestContext", "info", "detail-type", "source")
"""Members of an event that may follow a large one."""
PIPED = frozenset(["aws:sqs", "aws:dynamodb", "aws:kinesis"])
SHARED = ("eventSource", "eventSourceARN")
"""Members that are the same in all records of a batch."""


class Recognised(NamedTuple):
    """A source and what its event says; `starter`: the source that began a durable execution."""

    source: Source
    facts: Facts
    starter: Source | None = None


def read_event(excerpt: Excerpt) -> Any:
    """Return the copied part of an event; None if it is not JSON."""
    event = read_excerpt(excerpt)
    if excerpt.is_whole or not isinstance(event, dict):
        return event
    if isinstance(event.get("Records"), list):
        return event | {"Records": _with_last(event["Records"], excerpt.tail)}
    return {**members_at_end(excerpt.tail, EVENT_KEYS, closed_by=""), **event}


def recognise(event: Any) -> Recognised:
    """Return the source of an event and what the event says; `DIRECT` if no row matches."""
    event = _of_list(event)
    if not isinstance(event, dict):
        return Recognised(workflow_events.DIRECT, Facts())
    source = _source_of(event)
    facts = source.read(event)
    return _begun(facts, event) if source is workflow_events.DURABLE else Recognised(source, facts)


def _source_of(event: Event) -> Source:
    return next((each for each in SOURCES if each.matches(event)), workflow_events.DIRECT)


def _begun(facts: Facts, event: Event) -> Recognised:
    """Take over the cause of the event that started a durable execution."""
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
    """Return the event that a list stands for: a batch of AppSync, or the records of a pipe.

    EventBridge Pipes pass on the records of queues and tables as they are, and those of streams
    with the members of `kinesis` beside the others.
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
    """Return the records in the head, and the last one as far as the tail has it."""
    last = members_at_end(tail, RECORD_KEYS, closed_by="]}")
    notified = members_at_end(tail, NOTIFICATION_KEYS, closed_by="}]}")
    if "Timestamp" in notified:
        return [*records, {"Sns": notified}]
    if "eventSource" not in last:
        return records
    shared = {key: last[key] for key in SHARED if key in last}
    return [*({**shared, **each} for each in records if isinstance(each, dict)), last]
