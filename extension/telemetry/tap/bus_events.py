"""PURE: events of EventBridge, its schedules and its Scheduler, alarms, and CloudEvents.

A schedule of EventBridge Scheduler that has a custom input delivers only that input, which looks
like a direct invoke. Its default event has a text where EventBridge has an object in `detail`.

Sources: https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html,
https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html,
https://github.com/cloudevents/spec/blob/main/cloudevents/spec.md
"""

from __future__ import annotations

from typing import Any

from extension.telemetry.tap import names
from extension.telemetry.tap.carriers import from_object
from extension.telemetry.tap.envelopes import bus_event
from extension.telemetry.tap.facts import (
    Event,
    Facts,
    Message,
    Source,
    cloud_event,
    message_attributes,
    process_name,
)
from extension.telemetry.tap.json_paths import (
    kind_at,
    mapping_at,
    name_at,
    text_at,
    time_ns,
    title_at,
)
from extension.telemetry.tap.store_events import document_attributes

CREATED, DELETED = "Object Created", "Object Deleted"


def _bus(event: Event) -> Facts:
    source, detail_type = name_at(event, "source"), title_at(event, "detail-type")
    return Facts(
        name=process_name(detail_type),
        attributes={
            **message_attributes("aws.eventbridge", source, message_id=name_at(event, "id")),
            names.DETAIL: detail_type,
            **cloud_event(mapping_at(event, "detail")),
        },
        messages=[bus_event(event)],
        count=1,
    )


def _schedule(event: Event) -> Facts:
    when = text_at(event, "time")
    return Facts(
        attributes={
            names.FAAS_TIME: when if time_ns(when) else "",
            names.DETAIL: title_at(event, "detail-type"),
        },
        sent_ns=time_ns(when),
    )


def _bucket_notice(event: Event) -> Facts:
    """Read an S3 notification that came through EventBridge, as a change of an object."""
    detail, kind = mapping_at(event, "detail"), text_at(event, "detail-type")
    return Facts(
        attributes={
            **document_attributes(
                bucket=name_at(detail, "bucket", "name"),
                key=text_at(detail, "object", "key"),
                operation={CREATED: "insert", DELETED: "delete"}.get(kind, ""),
                when=text_at(event, "time"),
            ),
            names.DETAIL: title_at(event, "detail-type"),
        },
        sent_ns=time_ns(text_at(event, "time")),
    )


def _alarm(event: Event) -> Facts:
    return Facts(
        attributes={names.DETAIL: kind_at(event, "alarmData", "state", "value")},
        sent_ns=time_ns(text_at(event, "time")),
    )


def _cloud_event(event: Event) -> Facts:
    return Facts(
        attributes={**cloud_event(event), names.DETAIL: name_at(event, "type")},
        messages=[
            Message(carrier=from_object(event), body=event, sent_ns=time_ns(text_at(event, "time")))
        ],
    )


def _is_bus(event: Event) -> bool:
    return bool(text_at(event, "detail-type") and text_at(event, "source"))


def _is_from(source: str, *detail_types: str) -> Any:
    def matches(event: Event) -> bool:
        kind = text_at(event, "detail-type")
        return text_at(event, "source") == source and bool(
            kind in detail_types if detail_types else kind
        )

    return matches


def _is_alarm(event: Event) -> bool:
    return text_at(event, "source") == "aws.cloudwatch" and bool(mapping_at(event, "alarmData"))


def _is_cloud_event(event: Event) -> bool:
    return all(text_at(event, key) for key in ("specversion", "type", "source", "id"))


SOURCES = (
    Source("cloudwatch.alarm", "other", _is_alarm, _alarm),
    Source("eventbridge.scheduler", "timer", _is_from("aws.scheduler"), _schedule),
    Source("eventbridge.schedule", "timer", _is_from("aws.events", "Scheduled Event"), _schedule),
    Source("eventbridge.s3", "datasource", _is_from("aws.s3"), _bucket_notice),
    Source("eventbridge", "pubsub", _is_bus, _bus),
    Source("cloudevents", "pubsub", _is_cloud_event, _cloud_event),
)
