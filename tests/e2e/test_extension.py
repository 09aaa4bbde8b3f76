"""The extension as a process beside a real function, from cold start to SHUTDOWN."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulator.aws import LocalAws
from simulator.intake import Intake
from simulator.intake.otlp import Span
from tests.launchers import patient_to_the_last
from tests.sandbox import Stage, running
from tests.waiting import until

SECRET = "/secretsmanager/get?secretId=shop%2Fkey"
PARAMETER = "/systemsmanager/parameters/get?name=%2Fshop%2Fgreeting"


@pytest.fixture
async def intake() -> AsyncIterator[Intake]:
    """An OTLP endpoint on loopback."""
    async with Intake() as accepting:
        yield accepting


def invocations(intake: Intake) -> list[Span]:
    """Return the spans of invocations in the order in which they arrived."""
    return [span for span in intake.spans if span.kind == "SERVER"]


def clean_exits(stage: Stage) -> bool:
    """Tell whether every extension process ended by itself with status 0."""
    exits = [each for each in stage.function.exits if each.kind == "extension"]
    return bool(exits) and all(each.returncode == 0 and not each.killed for each in exits)


async def test_a_cold_start_and_a_warm_invocation(tmp_path: Path, intake: Intake) -> None:
    """Every invocation has arrived when its call returns; the cold one brings its init."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with running(tmp_path, environment=environment) as stage:
        cold = await stage.function.invoke({"print": ["hello"]})
        await until(lambda: len(invocations(intake)) == 1)
        warm = await stage.function.invoke({})
        await until(lambda: len(invocations(intake)) == 2)
    first, second = invocations(intake)
    assert first.attributes["faas.invocation_id"] == cold.request_id
    assert second.attributes["faas.invocation_id"] == warm.request_id
    assert first.attributes["faas.coldstart"] is True
    assert second.attributes["faas.coldstart"] is False
    [init] = [span for span in intake.spans if span.name == "init"]
    assert (init.trace_id, init.parent_span_id) == (first.trace_id, first.parent_span_id)
    assert init.end_ns <= first.start_ns + 5_000_000
    assert [event.attributes["log.message"] for event in first.events] == ["hello"]
    assert clean_exits(stage)


async def test_ids_are_x_rays(tmp_path: Path, intake: Intake) -> None:
    """Trace id, span id and parent are those of `platform.start`."""
    async with running(tmp_path, environment={"DISPATCH_POST_URI": intake.url}) as stage:
        await stage.function.invoke({})
        [start] = [event for event in stage.function.events if event.type == "platform.start"]
    assert isinstance(start.record, dict)
    tracing: Any = start.record["tracing"]
    header = dict(pair.split("=") for pair in tracing["value"].split(";"))
    [span] = invocations(intake)
    assert span.trace_id == header["Root"].removeprefix("1-").replace("-", "")
    assert span.span_id == tracing["spanId"]
    assert span.parent_span_id == header["Parent"]


async def test_an_unsampled_invocation_is_exported_all_the_same(
    tmp_path: Path, intake: Intake
) -> None:
    """Where X-Ray samples nothing, the header of the INVOKE event gives the trace."""
    environment = {"DISPATCH_POST_URI": intake.url}
    root = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
    async with running(tmp_path, environment=environment, tracing="pass-through") as stage:
        await stage.function.invoke({}, trace_header=root)
    [span] = invocations(intake)
    assert span.trace_id == "5759e988bd862e3fe1be46a994272793"
    assert span.parent_span_id == "53995c3f42cd8ad8"


async def test_a_handler_that_raises(tmp_path: Path, intake: Intake) -> None:
    """The platform calls it a success; the span says what left the handler."""
    async with running(tmp_path, environment={"DISPATCH_POST_URI": intake.url}) as stage:
        answer = await stage.function.invoke({"raise": "no stock"})
    assert answer.status == "error"
    [span] = invocations(intake)
    assert span.status == "ERROR"
    assert span.attributes["error.type"] == "ValueError"
    assert span.attributes["lambda_dispatch.error.inferred_from_log"] is True
    [exception] = [event for event in span.events if event.name == "exception"]
    assert exception.attributes["exception.message"] == "no stock"
    assert "in handler" in str(exception.attributes["exception.stacktrace"])


async def test_a_function_that_times_out(tmp_path: Path, intake: Intake) -> None:
    """The sandbox is reset; what was known is exported before the process ends, by itself."""
    environment = {"DISPATCH_POST_URI": intake.url}
    async with running(tmp_path, environment=environment, timeout_s=10.0) as stage:
        answer = await stage.function.invoke({"print": ["last words"], "sleep": 30})
        assert answer.status == "timeout"
        assert (await stage.function.invoke({})).cold_start is True
    first, second = invocations(intake)
    assert (first.status, first.attributes["error.type"]) == ("ERROR", "timeout")
    assert [event.attributes["log.message"] for event in first.events] == ["last words"]
    assert second.status == "UNSET"
    assert clean_exits(stage)


async def test_a_function_that_exits(tmp_path: Path, intake: Intake) -> None:
    """The runtime is gone in the middle of an invocation: the span says so."""
    environment = {"DISPATCH_POST_URI": intake.url}
    async with running(tmp_path, environment=environment, launch=patient_to_the_last) as stage:
        await stage.function.invoke({"exit": 1})
        await stage.function.invoke({})
    first, second = invocations(intake)
    assert (first.status, first.attributes["error.type"]) == ("ERROR", "Runtime.ExitError")
    assert second.status == "UNSET"
    assert clean_exits(stage)


async def test_the_function_reads_its_parameter_and_secret(tmp_path: Path) -> None:
    """The first GET goes to AWS, the next is answered from the cache."""
    async with LocalAws() as aws:
        await aws.put_parameter("/shop/greeting", value="hello")
        await aws.put_secret("shop/key", value="hunter2-hunter2")
        async with running(tmp_path, environment=aws.environment) as stage:
            first = await stage.function.invoke({"get": [PARAMETER, SECRET]})
            second = await stage.function.invoke({"get": [PARAMETER, SECRET]})
    assert [call.operation for call in aws.calls[-2:]] == ["GetParameter", "GetSecretValue"]
    assert b'\\"Value\\":\\"hello\\"' in first.payload
    assert b"hunter2-hunter2" in first.payload
    assert (first.payload.count(b'"MISS"'), second.payload.count(b'"HIT"')) == (2, 2)


async def test_without_an_endpoint_there_is_no_telemetry(tmp_path: Path) -> None:
    """Nothing is subscribed, and no invocation is held back."""
    async with running(tmp_path, environment={}) as stage:
        await stage.function.invoke({})
    kinds = {event.type for event in stage.function.events}
    assert "platform.telemetrySubscription" not in kinds
    assert stage.own_lines == []
    assert clean_exits(stage)


async def test_an_endpoint_that_refuses_is_one_line(tmp_path: Path) -> None:
    """A dead back end is a line for each batch; every invocation is answered, the exit is clean."""
    environment = {"DISPATCH_POST_URI": "http://127.0.0.1:1"}
    async with running(tmp_path, environment=environment) as stage:
        answers = [await stage.function.invoke({}) for _ in range(3)]
    assert [answer.status for answer in answers] == ["success"] * 3
    assert {line["message"] for line in stage.own_lines} == {"export failed", "telemetry"}
    assert clean_exits(stage)


async def test_disabled_answers_events_and_nothing_else(tmp_path: Path, intake: Intake) -> None:
    """DISPATCH_ENABLED=false leaves a process that costs nothing and disturbs nothing."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_ENABLED": "false"}
    async with running(tmp_path, environment=environment) as stage:
        answers = [await stage.function.invoke({}) for _ in range(2)]
    assert [answer.status for answer in answers] == ["success"] * 2
    assert intake.requests == []
    assert clean_exits(stage)


async def test_bad_configuration_is_named_and_survived(tmp_path: Path) -> None:
    """Every bad value gets a line with its variable, and the function does not notice."""
    environment = {"SECRETS_MANAGER_TTL": "abc", "DISPATCH_POST_URI": "not a url"}
    async with running(tmp_path, environment=environment) as stage:
        assert (await stage.function.invoke({})).status == "success"
    assert any(cause.startswith("SECRETS_MANAGER_TTL = 'abc'") for cause in stage.causes)
    assert any(cause.startswith("DISPATCH_POST_URI = (not shown)") for cause in stage.causes)
    assert clean_exits(stage)


async def test_every_signal_names_the_function(tmp_path: Path, intake: Intake) -> None:
    """Logs and metrics are of no invocation, and so the function's ARN is on their resource."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_SIGNALS": "traces,logs,metrics"}
    async with running(tmp_path, environment=environment) as stage:
        await stage.function.invoke({"print": ["hello"]})
    [span] = invocations(intake)
    resources = [each.resource for each in intake.spans]
    resources += [each.resource for each in intake.logs]
    resources += [each.resource for each in intake.metrics]
    assert intake.logs
    assert intake.metrics
    arns = {each["cloud.resource_id"] for each in resources}
    assert arns == {span.attributes["cloud.resource_id"]}
