"""PURE: events of services that call a function as a hook: Cognito, CloudFormation, Lex, others.

A row says how an event is recognised and which field says what kind it is. Nothing else is read,
because these events are full of personal data, credentials and signed URLs.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from extension.telemetry.tap import names
from extension.telemetry.tap.facts import Event, Facts, Source, Trigger
from extension.telemetry.tap.json_paths import at, kind_at, mapping_at, text_at

Path = tuple[str | int, ...]
Matches = Callable[[Event], bool]


def _has(*paths: str) -> Matches:
    """Return a test that all of these paths, written with dots, exist."""
    steps = [tuple(path.split(".")) for path in paths]
    return lambda event: all(at(event, *each) is not None for each in steps)


def _has_key(name: str) -> Matches:
    """Return a test that a member exists whose name has dots in it."""
    return lambda event: name in event


def _has_any(*paths: str) -> Matches:
    each = [_has(path) for path in paths]
    return lambda event: any(matches(event) for matches in each)


def _both(one: Matches, other: Matches) -> Matches:
    return lambda event: one(event) and other(event)


def _record_of(service: str) -> Matches:
    return lambda event: text_at(event, "Records", 0, "eventSource") == service


def _is_edge(event: Event) -> bool:
    return bool(mapping_at(event, "Records", 0, "cf"))


def _reads(*paths: Path) -> Callable[[Event], Facts]:
    """Return a reader of the first of these fields that holds a kind."""

    def read(event: Event) -> Facts:
        kinds = (kind_at(event, *path) for path in paths)
        kind = next((each for each in kinds if each), "")
        return Facts(attributes={names.DETAIL: kind})

    return read


def _rows(trigger: Trigger, rows: Iterable[tuple[str, Matches, Iterable[Path]]]) -> list[Source]:
    return [Source(name, trigger, matches, _reads(*kind)) for name, matches, kind in rows]


_alexa = _both(_has("session", "request.type"), _has("version"))
_agent = _both(_has("messageVersion", "agent"), _has("actionGroup"))
_lex = _both(_has("bot"), _has_any("currentIntent", "sessionState"))
_stack = _has("RequestType", "StackId", "LogicalResourceId")
_vpn = _has("connection-id", "endpoint-id")

SOURCES = (
    Source("cloudfront", "http", _is_edge, _reads(("Records", 0, "cf", "config", "eventType"))),
    *_rows("pubsub", [("ses", _record_of("aws:ses"), ())]),
    *_rows(
        "other",
        [
            ("codecommit", _record_of("aws:codecommit"), ()),
            ("cognito", _has("triggerSource", "userPoolId"), [("triggerSource",)]),
            ("cognito.sync", _has("datasetRecords", "identityPoolId"), [("eventType",)]),
            ("cloudformation", _stack, [("RequestType",)]),
            ("codepipeline", _has_key("CodePipeline.job"), ()),
            ("codedeploy", _has("DeploymentId", "LifecycleEventHookExecutionId"), ()),
            ("config", _has("invokingEvent", "configRuleName"), ()),
            ("bedrock.agent", _agent, [("httpMethod",), ("function",)]),
            ("lex", _lex, [("invocationSource",)]),
            ("connect", _has("Details.ContactData"), [("Details", "ContactData", "Channel")]),
            ("alexa", _alexa, [("request", "type")]),
            ("alexa.smart_home", _has("directive.header"), [("directive", "header", "namespace")]),
            ("alexa.smart_home", _has("header.namespace", "payload"), [("header", "namespace")]),
            ("secretsmanager.rotation", _has("Step", "SecretId"), [("Step",)]),
            ("kinesis_analytics", _has("invocationId", "applicationArn", "records"), ()),
            ("client_vpn", _vpn, ()),
            ("iot.authorizer", _has("protocolData", "protocols"), ()),
            ("iot.provisioning", _has("claimCertificateId", "templateArn"), ()),
            ("iot.button", _has("serialNumber", "clickType"), [("clickType",)]),
            ("iot.button", _has("deviceEvent", "deviceInfo"), [("deviceInfo", "type")]),
            ("cloudwatch.dashboard", _has("widgetContext.dashboardName"), ()),
            ("sagemaker.ground_truth", _has("labelingJobArn"), ()),
            ("workmail", _has("flowDirection", "envelope"), [("flowDirection",)]),
        ],
    ),
)
