"""A function whose telemetry goes to AWS itself: X-Ray, CloudWatch Logs and CloudWatch."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from extension.process.clock import NS_PER_S, SystemClock
from simulator.aws.endpoints import AwsEndpoints, Trouble
from simulator.intake.otlp import Span
from tests.e2e.failures.expectations import records as records_of
from tests.posted_requests import records, spans
from tests.sandbox import free_port, running

URI = "https://xray.eu-central-1.amazonaws.com"


@pytest.fixture
async def aws() -> AsyncIterator[AwsEndpoints]:
    """AWS on loopback, under its own names; X-Ray forgets what has no id of its kind."""
    async with AwsEndpoints(trouble=Trouble(drops_random_trace_ids=True)) as aws:
        yield aws


def environment(aws: AwsEndpoints, **more: str) -> dict[str, str]:
    """Return the variables of a function that sends everything to AWS."""
    return {
        **aws.environment,
        "DISPATCH_POST_URI": URI,
        "DISPATCH_SIGNALS": "traces,logs,metrics",
        "DISPATCH_FLUSH": "end",
        **more,
    }


def invocations(aws: AwsEndpoints) -> list[Span]:
    """Return the spans of invocations that X-Ray has."""
    return [span for span in aws.spans if span.kind == "SERVER"]


def refusals(aws: AwsEndpoints) -> list[str]:
    """Return what AWS refused, but for the question whether the group exists."""
    return [
        f"{each.operation} {each.error}"
        for each in aws.refused
        if each.operation != "CreateLogStream"
    ]


async def test_all_three_signals(aws: AwsEndpoints, tmp_path: Path) -> None:
    """One URI is enough: each signal is at its service, and nothing is refused."""
    payload = {"print": ["hello"]}
    async with running(tmp_path, environment=environment(aws)) as stage:
        await stage.invoke(payload, payload)
    assert len(invocations(aws)) == 2
    assert [str(each.body) for each in aws.logs].count("hello") == 2
    assert {each.name for each in aws.metrics} >= {"faas.invocations", "faas.invoke_duration"}
    assert {each.temporality for each in aws.metrics} == {"CUMULATIVE"}
    assert refusals(aws) == []
    assert not stage.lost
    [group] = aws.log_groups
    assert group == "/lambda-dispatch/function"
    instance = invocations(aws)[0].resource["faas.instance"]
    assert aws.log_groups[group].streams == {instance}


@pytest.mark.parametrize("tracing", ["Active", "PassThrough"])
async def test_the_span_of_an_invocation(aws: AwsEndpoints, tmp_path: Path, tracing: str) -> None:
    """X-Ray has the platform's segment itself: ours is another span, below it."""
    async with running(tmp_path, environment=environment(aws), tracing=tracing) as stage:
        await stage.invoke({})
        [start, *_] = records_of(stage, "start")
    [ours] = invocations(aws)
    segment = (start.get("tracing") or {}).get("spanId", "")
    assert ours.span_id != segment
    if segment:
        assert ours.parent_span_id == segment
    age_s = SystemClock().now().wall_ns // NS_PER_S - int(ours.trace_id[:8], 16)
    assert 0 <= age_s < 600


async def test_application_signals(aws: AwsEndpoints, tmp_path: Path) -> None:
    """What makes a node of the service map, and leads from a trace to its lines."""
    given = environment(aws, OTEL_SERVICE_NAME="shop", DISPATCH_LOG_GROUP="/shop/otel")
    async with running(tmp_path, environment=given) as stage:
        await stage.invoke({})
    [ours] = invocations(aws)
    names = ("aws.local.service", "aws.local.operation", "aws.span.kind")
    told = [str(ours.attributes[name]) for name in names]
    assert told == ["shop", "function/FunctionHandler", "LOCAL_ROOT"]
    groups = str(ours.resource["aws.log.group.names"])
    assert groups == "/aws/lambda/function&/shop/otel"


async def test_what_the_sdk_sends(aws: AwsEndpoints, tmp_path: Path) -> None:
    """The requests of the function's own SDK are signed, too, and within the same limits."""
    aws.trouble.drops_random_trace_ids = False
    port = str(free_port())
    given = environment(aws, DISPATCH_OTLP_PORT=port, DISPATCH_BUFFER_MAX_BYTES="8000000")
    sent: list[Any] = [
        ("traces", spans("small", "large", text="x" * 300_000)),
        ("logs", records("small", "x" * 1_040_000)),
    ]
    now_ns = SystemClock().now().wall_ns
    for span in sent[0][1].resource_spans[0].scope_spans[0].spans:
        span.start_time_unix_nano = span.end_time_unix_nano = now_ns
    for record in sent[1][1].resource_logs[0].scope_logs[0].log_records:
        record.time_unix_nano = now_ns
    posts = [
        {
            "signal": signal,
            "body": base64.b64encode(request.SerializeToString()).decode(),
            "content_type": "application/x-protobuf",
        }
        for signal, request in sent
    ]
    async with running(tmp_path, environment=given) as stage:
        await stage.invoke({"post": posts})
    assert refusals(aws) == []
    assert {span.name for span in aws.spans} >= {"small", "large"}
    assert len([each for each in aws.logs if str(each.body) == "small"]) == 1
    assert len([each for each in aws.logs if "characters cut" in str(each.body)]) == 1
    assert stage.final_counts["cut.oversize"] == 3
    assert not stage.lost


async def test_lines_of_any_size(aws: AwsEndpoints, tmp_path: Path) -> None:
    """Without the signal `logs` lines are events of spans, which are smaller than X-Ray's limit."""
    long = {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "100000"}
    given = environment(aws, DISPATCH_SIGNALS="traces", **long)
    async with running(tmp_path, environment=given) as stage:
        await stage.invoke({"print": ["y" * 50_000] * 10})
    events = [event for span in aws.spans for event in span.events]
    assert (
        len([each for each in events if len(str(each.attributes["log.message"])) == 50_000]) == 10
    )
    assert refusals(aws) == []


async def test_a_role_without_permissions(aws: AwsEndpoints, tmp_path: Path) -> None:
    """The function is unharmed, and one line for each signal says what the role needs."""
    aws.trouble.denied = {
        "xray:PutTraceSegments", "logs:PutLogEvents", "cloudwatch:PutMetricData",
        "logs:CreateLogGroup",
    }  # fmt: skip
    async with running(tmp_path, environment=environment(aws)) as stage:
        answers = await stage.invoke({"print": ["hello"]})
    assert [each.status for each in answers] == ["success"]
    causes = " ".join(stage.causes)
    for action in ("xray:PutTraceSegments", "cloudwatch:PutMetricData", "logs:CreateLogGroup"):
        assert f"the role needs {action}" in causes
