"""A real runtime behind the real pump: what its messages add to the spans of its invocations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from simulator.intake import Intake
from simulator.intake.otlp import Span
from tests.e2e.scene import MESSAGE, SENDER, WITH_CONTEXT
from tests.fake_aws import FakeAws
from tests.launchers import TAP_WRAPPER, patient_to_the_last
from tests.sandbox import running

SECRET = "correct-horse-battery"
GET_SECRET = "/secretsmanager/get?secretId=s"
QUEUED = {"Records": [{**MESSAGE, "messageAttributes": WITH_CONTEXT}]}
REQUESTED = {
    "version": "2.0",
    "headers": {"traceparent": f"00-{'-'.join(SENDER)}-01"},
    "requestContext": {"http": {"method": "GET"}, "domainName": "api.example"},
}


def variables(intake: Intake, **more: str) -> dict[str, str]:
    """Return the settings of a function that is tapped."""
    return {"AWS_LAMBDA_EXEC_WRAPPER": str(TAP_WRAPPER), "DISPATCH_POST_URI": intake.url, **more}


def invocations(intake: Intake) -> list[Span]:
    """Return the spans of invocations."""
    return [span for span in intake.spans if "faas.trigger" in span.attributes]


def exception(span: Span) -> dict[str, Any]:
    """Return what left the handler."""
    [found] = [event.attributes for event in span.events if event.name == "exception"]
    return found


async def test_a_handled_error_is_known_without_any_line(tmp_path: Path) -> None:
    """With its stack trace, and without the secret that the cache has served."""
    async with FakeAws() as aws, Intake() as intake:
        aws.put_secret("s", SECRET)
        events = {"DISPATCH_EVENTS": "platform"}
        environment = {**aws.environment, **variables(intake, **events)}
        async with running(tmp_path, environment=environment) as stage:
            failing = {"get": [GET_SECRET], "raise": f"not with {SECRET}"}
            [answer] = await stage.invoke({**QUEUED, **failing})
            assert answer.status == "error"
        [span] = invocations(intake)
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "ValueError")
    assert "lambda_dispatch.error.inferred_from_log" not in span.attributes
    assert span.status_message == "not with [REDACTED:s]"
    assert exception(span)["exception.message"] == "not with [REDACTED:s]"
    assert 'raise ValueError(event["raise"])' in exception(span)["exception.stacktrace"]
    assert SECRET not in repr(intake.spans)
    assert [(link.trace_id, link.span_id) for link in span.links] == [SENDER]
    assert stage.lost == {}


async def test_an_init_that_failed_is_known_without_any_line(tmp_path: Path) -> None:
    """The platform says of an import error no more than its kind."""
    async with Intake() as intake:
        environment = variables(intake, DISPATCH_EVENTS="platform")
        async with running(
            tmp_path, environment=environment, handler="broken_import.handler", strict_setup=False
        ) as stage:
            await stage.invoke({})
        inits = [span for span in intake.spans if span.name == "init"]
    assert inits
    for init in inits:
        assert "no such library" in exception(init)["exception.message"]


@pytest.mark.parametrize("signals", ["traces", "traces,logs"])
async def test_lines_are_in_the_trace_of_the_caller(tmp_path: Path, signals: str) -> None:
    """Whatever they are sent as."""
    async with Intake() as intake:
        environment = variables(intake, DISPATCH_SIGNALS=signals)
        async with running(tmp_path, environment=environment) as stage:
            await stage.invoke(*[{**REQUESTED, "print": ["tea"]}] * 2)
        spans = invocations(intake)
    assert [(span.trace_id, span.parent_span_id) for span in spans] == [SENDER] * 2
    assert [span.name for span in spans] == ["GET", "GET"]
    own = {(span.trace_id, span.span_id) for span in spans}
    assert len(own) == 2
    if "logs" in signals:
        teas = [log for log in intake.logs if log.body == "tea"]
        assert {(log.trace_id, log.span_id) for log in teas} == own


async def test_invocations_that_run_at_once_have_their_own_causes(tmp_path: Path) -> None:
    """On Managed Instances, whose runtime has a process and a connection for each."""
    async with Intake() as intake:
        async with running(
            tmp_path,
            environment=variables(intake),
            launch=patient_to_the_last,
            initialization_type="lambda-managed-instances",
            max_concurrency=2,
        ) as stage:
            payloads = [
                {**event, "sleep": 0.2, **({"raise": "no"} if event is QUEUED else {})}
                for event in (QUEUED, REQUESTED) * 3
            ]
            await asyncio.gather(*(stage.invoke(each) for each in payloads))
        spans = invocations(intake)
    found = sorted((span.name, span.status, str(span.attributes["faas.trigger"])) for span in spans)
    assert found == [("GET", "UNSET", "http")] * 3 + [("process orders", "ERROR", "pubsub")] * 3
    for span in spans:
        is_request = span.name == "GET"
        assert ((span.trace_id, span.parent_span_id) == SENDER) is is_request


@pytest.mark.parametrize("more", [{"DISPATCH_FORMAT": "json"}, {"DISPATCH_POST_URI": ""}])
async def test_where_nothing_is_made_of_the_copies(tmp_path: Path, more: dict[str, str]) -> None:
    """The runtime's messages pass, and nobody takes their copies."""
    async with Intake() as intake:
        async with running(tmp_path, environment=variables(intake, **more)) as stage:
            answers = await stage.invoke(*[{"print": ["tea"]}] * 50)
        assert {answer.status for answer in answers} == {"success"}
        assert not stage.complaints
        assert not stage.lost
