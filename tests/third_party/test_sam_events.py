"""AWS's own sample events are recognised, or are knowingly of no source that an event shows."""

from __future__ import annotations

import pytest

from extension.telemetry.tap.cause import cause_of
from tests.fidelity.download import sam_wheel
from tests.third_party.sam_events import sam_events

SOURCES: dict[str, tuple[str, list[str]]] = {
    "alexa": ("other", [
        "alexa-skills-kit end-session", "alexa-skills-kit intent-answer",
        "alexa-skills-kit intent-getnewfact", "alexa-skills-kit intent-mycoloris",
        "alexa-skills-kit intent-recipe", "alexa-skills-kit start-session",
    ]),
    "alexa.smart_home": ("other", [
        "alexa-smart-home smart-home-control-turn-off-request",
        "alexa-smart-home smart-home-control-turn-on-request",
        "alexa-smart-home smart-home-discovery-request",
    ]),
    "alb": ("http", [
        "alb request",
    ]),
    "api_gateway.authorizer": ("http", [
        "apigateway authorizer", "apigateway request-authorizer",
    ]),
    "api_gateway.rest": ("http", [
        "apigateway aws-proxy",
    ]),
    "api_gateway.http": ("http", [
        "apigateway http-api-proxy",
    ]),
    "appsync": ("http", [
        "appsync resolver",
    ]),
    "cloudformation": ("other", [
        "cloudformation create-request",
    ]),
    "cloudfront": ("http", [
        "cloudfront ab-test", "cloudfront access-request-in-response", "cloudfront http-redirect",
        "cloudfront modify-querystring", "cloudfront modify-response-header",
        "cloudfront multiple-remote-calls-aggregate-response",
        "cloudfront normalize-querystring-to-improve-cache-hit",
        "cloudfront redirect-on-viewer-country", "cloudfront redirect-unauthenticated-users",
        "cloudfront response-generation", "cloudfront serve-object-on-viewer-device",
        "cloudfront simple-remote-call",
    ]),
    "codecommit": ("other", [
        "codecommit repository",
    ]),
    "codepipeline": ("other", [
        "codepipeline job",
    ]),
    "cognito.sync": ("other", [
        "cognito sync-trigger",
    ]),
    "config": ("other", [
        "config item-change-notification", "config oversized-item-change-notification",
        "config periodic-rule",
    ]),
    "connect": ("other", [
        "connect contact-flow-event",
    ]),
    "dynamodb": ("datasource", [
        "dynamodb update",
    ]),
    "cloudwatch.logs": ("pubsub", [
        "cloudwatch logs",
    ]),
    "eventbridge.schedule": ("timer", [
        "cloudwatch scheduled-event",
    ]),
    "kinesis": ("pubsub", [
        "kinesis get-records",
    ]),
    "firehose": ("pubsub", [
        "kinesis kinesis-firehose", "kinesis apachelog", "kinesis cloudwatch-logs-processor",
        "kinesis streams-as-source", "kinesis syslog",
    ]),
    "kinesis_analytics": ("other", [
        "kinesis analytics", "kinesis analytics-compressed", "kinesis analytics-dynamodb",
        "kinesis analytics-kpl",
    ]),
    "lex": ("other", [
        "lex book-car", "lex book-hotel", "lex make-appointment", "lex order-flowers",
        "lex-v2 banking-bot", "lex-v2 book-car", "lex-v2 book-hotel",
    ]),
    "s3": ("datasource", [
        "rekognition s3-request", "s3 delete", "s3 put",
    ]),
    "s3.batch": ("datasource", [
        "s3 batch-invocation",
    ]),
    "sagemaker.ground_truth": ("other", [
        "sagemaker ground-truth-pre-human", "sagemaker ground-truth-annotation-consolidation",
    ]),
    "ses": ("pubsub", [
        "ses email-receiving",
    ]),
    "sns": ("pubsub", [
        "sns notification",
    ]),
    "sqs": ("pubsub", [
        "sqs receive-message",
    ]),
    "workmail": ("other", [
        "workmail email",
    ]),
}  # fmt: skip
"""By source: `faas.trigger`, and the events."""

OTHER = {
    "batch get-job": "the answer of AWS Batch, which a state machine may pass on",
    "batch submit-job": "the answer of AWS Batch, which a state machine may pass on",
    "stepfunctions error": "the input of a task is what its author wrote",
}
"""What looks like any direct invocation, and why."""


@pytest.fixture(autouse=True)
def wheel() -> None:
    """Skip where the wheel cannot be had."""
    if problem := sam_wheel().problem:
        pytest.skip(problem)


def test_every_event_is_recognised_or_knowingly_other() -> None:
    """A new event of theirs fails this test until it is in one of the tables."""
    found = {name: cause_of(event) for name, event in sam_events()}
    known = {
        name: (source, trigger) for source, (trigger, events) in SOURCES.items() for name in events
    }
    known |= dict.fromkeys(OTHER, ("direct", "other"))
    assert {name: (each.source, each.trigger) for name, each in found.items()} == known
