"""Nothing that stands in an event goes out but what is listed here."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from extension.redaction.redactor import Redacted
from extension.telemetry.reading.redact import redact_event
from extension.telemetry.tap.cause import Cause, CauseOptions, cause_of
from tests.unit.telemetry.tap.samples import (
    ACCOUNT,
    HTTP_API,
    REGION,
    REST,
    SAMPLES,
    SECRET,
    SQS,
    notification,
    sqs_record,
)

MARK = "hunter2"
SOME_FIELDS = CauseOptions(trace_fields=("trace_id", "span_id"))

TOLD: dict[str, set[str]] = {
    "activemq": {"messages.0.messageID", "messages.0.destination.physicalName"},
    "alb": {"path", "headers.host", "headers.user-agent"},
    "alexa": {"request.type"},
    "alexa.smart_home": {"directive.header.namespace"},
    "api_gateway.authorizer": {"resource"},
    "api_gateway.http": {
        "routeKey", "rawPath", "requestContext.domainName", "requestContext.http.userAgent",
    },
    "api_gateway.http in format 1.0": {
        "resource", "path", "requestContext.domainName", "requestContext.identity.userAgent",
    },
    "api_gateway.rest": {
        "resource", "path", "requestContext.domainName", "requestContext.identity.userAgent",
    },
    "api_gateway.websocket": {
        "requestContext.routeKey", "requestContext.eventType", "requestContext.domainName",
        "requestContext.identity.userAgent",
    },
    "appsync": {"info.parentTypeName", "info.fieldName"},
    "appsync.events": {"info.channel.path"},
    "bedrock.agent": {"httpMethod"},
    "cloudevents": {"specversion", "id", "source", "type"},
    "cloudformation": {"RequestType"},
    "cloudfront": {"Records.0.cf.config.eventType"},
    "cloudwatch.alarm": {"alarmData.state.value"},
    "cognito": {"triggerSource"},
    "cognito.sync": {"eventType"},
    "connect": {"Details.ContactData.Channel"},
    "documentdb": {"events.0.event.ns.db", "events.0.event.ns.coll"},
    "durable_execution": {"DurableExecutionArn"},
    "dynamodb": {"Records.0.eventSourceARN"},
    "eventbridge": {"id", "detail-type", "source"},
    "eventbridge.s3": {"detail-type", "source", "detail.bucket.name", "detail.object.key"},
    "eventbridge.schedule": {"detail-type", "source"},
    "eventbridge.scheduler": {"detail-type", "source"},
    "firehose": {"deliveryStreamArn"},
    "function_url": {
        "routeKey", "rawPath", "requestContext.domainName", "requestContext.http.userAgent",
    },
    "kafka": {"records.brews-0.0.topic"},
    "kinesis": {"Records.0.eventSourceARN"},
    "lex": {"invocationSource"},
    "rabbitmq": {"rmqMessagesByQueue.kettle::/.0.basicProperties.messageId"},
    "s3": {"Records.0.eventName", "Records.0.s3.bucket.name", "Records.0.s3.object.key"},
    "s3.batch": {"tasks.0.s3BucketArn"},
    "s3.object_lambda": {"configuration.accessPointArn"},
    "secretsmanager.rotation": {"Step"},
    "sns": {"Records.0.Sns.MessageId", "Records.0.Sns.TopicArn"},
    "sqs": {"Records.0.messageId", "Records.0.eventSourceARN"},
    "step_functions": {"Execution.Id", "StateMachine.Id", "State.Name"},
    "vpc_lattice": {"path", "headers.host.0", "headers.user-agent.0"},
    "vpc_lattice of version 1": {"raw_path", "headers.host", "headers.user-agent"},
}  # fmt: skip
"""Where the texts stand that may go out, by the sample; of every other sample none does."""

FREE = ("user-agent", "user-agent.0", "userAgent")
"""What programs call themselves has no form; it may be left out with the names."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every text in an event."""
    match value:
        case dict():
            for key, each in value.items():
                yield from leaves(each, (*path, key))
        case list():
            for index, each in enumerate(value):
                yield from leaves(each, (*path, index))
        case str():
            yield path


def with_text(event: Any, path: tuple[Any, ...], text: str) -> Any:
    """Return an event with another text at a path."""
    changed = copy.deepcopy(event)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = text
    return changed


def said(cause: Cause) -> str:
    """Return all that goes out."""
    return repr(cause)


def told(event: Any, text: str) -> set[str]:
    """Return the places of an event from which a text goes out."""
    return {
        ".".join(map(str, path))
        for path in leaves(event)
        if MARK in said(cause_of(with_text(event, path, text), options=SOME_FIELDS))
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_secret_in_an_event_stays_there(name: str) -> None:
    """Bodies, tokens, cookies, signatures, queries, credentials: the samples are full of them."""
    for options in (CauseOptions(), SOME_FIELDS):
        assert SECRET not in said(cause_of(SAMPLES[name], options=options))


def test_the_samples_are_full_of_secrets() -> None:
    """So that the test above can fail."""
    assert sum(SECRET in json.dumps(event) for event in SAMPLES.values()) > 40


@pytest.mark.parametrize("name", SAMPLES)
def test_a_text_goes_out_only_from_the_places_that_are_listed(name: str) -> None:
    """Whatever text stands there: a word, a path, an ARN."""
    texts = [MARK, f"/{MARK}", f"arn:aws:tea:{REGION}:{ACCOUNT}:{MARK}"]
    assert set().union(*(told(SAMPLES[name], text) for text in texts)) == TOLD.get(name, set())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_signed_url_or_a_query_goes_out_from_nowhere(name: str) -> None:
    """Not even from where a path, a name or a key belongs."""
    for text in (f"https://tea.example/a?X-Amz-Signature={MARK}", f"/teas?token={MARK}#{MARK}"):
        places = {place for place in told(SAMPLES[name], text) if not place.endswith(FREE)}
        assert places == set()


@pytest.mark.parametrize("event", [REST, HTTP_API])
@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("x-forwarded-proto", MARK),
        ("x-forwarded-for", f"{MARK} 1.2.3.4"),
        ("host", f"{MARK}@api.tea.example/?{MARK}"),
        ("traceparent", MARK),
        ("baggage", f"token={MARK}"),
        ("x-datadog-tags", MARK),
        ("x-amzn-trace-id", f"Root={MARK}"),
    ],
)
def test_a_header_of_another_form_is_left_out(event: Any, header: str, text: str) -> None:
    """A header is what a caller wrote, so it is taken only if it looks like what it should be."""
    context = {
        **event["requestContext"],
        "identity": {},
        "domainName": "",
        "http": {"method": "GET"},
    }
    given = {**event, "requestContext": context, "multiValueHeaders": {}, "headers": {header: text}}
    assert MARK not in said(cause_of(given))


def test_what_layers_hold_stays_there() -> None:
    """A notification in a queue has a signature and a URL to unsubscribe with."""
    event = {"Records": [sqs_record(notification())]}
    cause = cause_of(event)
    assert cause.links
    assert SECRET not in said(cause)


def test_attributes_with_names_like_a_carrier_s_are_the_user_s() -> None:
    """Only what has the form of ids is taken out of attributes."""
    record = sqs_record(
        attributes={
            "_datadog": {"stringValue": json.dumps({"x-datadog-trace-id": MARK, "token": MARK})},
            "token": {"stringValue": MARK},
        }
    )
    assert MARK not in said(cause_of({"Records": [record]}))
    assert MARK not in said(cause_of({**SQS, "token": MARK}))


def test_a_known_secret_is_taken_out_of_a_path() -> None:
    """What the cache has served is searched for in whatever goes out, so in a cause, too."""

    def redact(text: str) -> Redacted:
        return Redacted(text.replace(MARK, "[hidden]"), ("tea",) if MARK in text else ())

    cause = cause_of({**REST, "path": f"/reset/{MARK}"})
    assert MARK in said(cause)
    assert MARK not in said(redact_event(cause, redact))
