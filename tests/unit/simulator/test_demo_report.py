"""The demo's verdict is about what arrived, not about what was hoped for."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from simulator.aws import LocalAws
from simulator.aws.proxy import AwsCall
from simulator.demo.__main__ import main
from simulator.demo.outcome import Outcome, trace_ids, undelivered
from simulator.demo.printout import show_surprises, show_traces
from simulator.demo.stage import Stage
from simulator.demo.waterfall import WIDTH, Get
from simulator.intake import Intake
from simulator.intake.otlp import Span
from simulator.local_lambda import Answer, LocalLambda
from simulator.settings import FunctionSettings
from simulator.telemetry.events import Event
from tests.arrived import arrived_span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulator.invocation import Status

SENT = '{"extension": "lambda-dispatch", "message": "telemetry", "exported": 9, "unsent": 0}'
UNSENT = '{"message": "telemetry", "failed_exports": 2, "unsent": 5}'
REJECTED = '{"message": "telemetry", "rejected_by_endpoint": 3, "dropped.rejected": 4, "unsent": 0}'
TRACE_ID = "5759e988bd862e3fe1be46a994272793"
START = Event(
    time_ns=0,
    type="platform.start",
    record={
        "requestId": "r1",
        "tracing": {"value": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=5399;Sampled=1"},
    },
)


def test_trace_ids_come_from_the_platform() -> None:
    """A request's trace id is the Root of its start event, whatever else was emitted."""
    assert trace_ids([Event(time_ns=0, type="function", record="x"), START]) == {"r1": TRACE_ID}


def test_gets_are_those_that_the_function_reports() -> None:
    """Each GET comes with the AWS calls of the same name, a failed invocation has none."""
    answer = {"gets": [{"name": "/a", "cache": "MISS", "ms": 2.0}]}
    calls = [
        AwsCall(operation="GetParameter", name=name, status=200, duration_ms=1)
        for name in ("/a", "/b")
    ]
    outcome = _outcome(_answer(payload=json.dumps(answer).encode()), aws_calls=calls)
    assert list(outcome.gets()) == [Get(invocation=1, name="/a", cache="MISS", ms=2.0, aws_calls=1)]
    failed = _outcome(_answer(status="timeout"), aws_calls=calls)
    assert list(failed.gets()) == []


async def test_missing_trace_is_a_failure_with_the_extensions_words(tmp_path: Path) -> None:
    """A trace that does not arrive is exit code 1, with what the extension logged."""
    async with Intake() as intake:
        stage = _stage(tmp_path, intake=intake)
        code, text = await _shown(stage)
    assert code == 1
    assert "none: 1 · {} · success" in text
    assert "1 of 1 traces did not arrive; the extension said:\nendpoint is down" in text


async def test_trace_without_the_invocation_is_missing_too(tmp_path: Path) -> None:
    """Spans of the trace do not make up for the span of the invocation itself."""
    async with Intake() as intake:
        intake.spans.append(_span(kind="INTERNAL"))
        code, _ = await _shown(_stage(tmp_path, intake=intake))
    assert code == 1


async def test_arrived_trace_is_shown(tmp_path: Path) -> None:
    """When every invocation's span is there, the exit code is 0."""
    async with Intake() as intake:
        intake.spans.append(_span(kind="SERVER"))
        code, text = await _shown(_stage(tmp_path, intake=intake))
    assert code == 0
    assert f"trace {TRACE_ID}" in text


def test_unexpected_end_is_a_failure_with_its_reason() -> None:
    """An invocation that did not end as the demo meant it to is exit code 1, and says why."""
    output = StringIO()
    console = Console(file=output, width=WIDTH, force_terminal=False, highlight=False)
    refused = _answer(status="error", error={"errorType": "HTTPError", "errorMessage": "401"})
    assert show_surprises(console, [_outcome(_answer())]) == 0
    assert output.getvalue() == ""
    assert show_surprises(console, [_outcome(_answer()), _outcome(refused)]) == 1
    assert "  1  error instead of success  HTTPError: 401\n" in output.getvalue()


async def test_traces_sent_elsewhere_are_listed_by_id(tmp_path: Path) -> None:
    """With the user's own endpoint there is no waterfall, but the ids to look for."""
    code, text = await _shown(_stage(tmp_path, intake=None, lines=[SENT]))
    assert code == 0
    assert f"{TRACE_ID}  1 · {{}} · success" in text


async def test_refusing_endpoint_is_a_failure_with_the_extensions_words(tmp_path: Path) -> None:
    """Traces that the user's endpoint did not take are not claimed to be there."""
    code, text = await _shown(_stage(tmp_path, intake=None, lines=["status 401", UNSENT]))
    assert code == 1
    assert "5 spans were not taken by http://127.0.0.1:4318; the extension said:" in text
    assert "status 401" in text
    assert TRACE_ID not in text


async def test_one_span_is_no_plural(tmp_path: Path) -> None:
    """The sentence about what the endpoint did not take is one of a single span."""
    _, text = await _shown(_stage(tmp_path, intake=None, lines=[UNSENT.replace("5", "1")]))
    assert "\n1 span was not taken by " in text


@pytest.mark.parametrize(
    ("lines", "count"),
    [([], None), ([SENT], 0), ([SENT, "text", UNSENT], 5), ([REJECTED], 7)],
)
def test_undelivered_is_what_the_extension_sums_up(lines: list[str], count: int | None) -> None:
    """Unsent, rejected and dropped items count; without any sum nothing is known."""
    assert undelivered(lines) == count


@pytest.mark.parametrize("url", ["", "localhost:4318", "ftp://localhost", "http://", "http://a:x"])
def test_bad_endpoint_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not an HTTP URL is exit code 2, with an example of one that is."""
    with pytest.raises(SystemExit) as exit_:
        main(["--otlp", url])
    assert exit_.value.code == 2
    assert f"{url!r} is not a URL like http://localhost:4318" in capsys.readouterr().err


async def test_endpoint_where_nothing_listens_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An endpoint that cannot be reached is exit code 2 before anything is started."""
    async with Intake() as intake:
        gone = intake.url
    with pytest.raises(SystemExit) as exit_:
        main(["--otlp", gone])
    assert exit_.value.code == 2
    assert f"nothing listens at {gone}" in capsys.readouterr().err


def _stage(
    folder: Path, *, intake: Intake | None, lines: Sequence[str] = ("endpoint is down",)
) -> Stage:
    function = LocalLambda(FunctionSettings(code=folder))
    function.events.append(START)
    return Stage(
        aws=LocalAws(),
        intake=intake,
        traces_url="http://127.0.0.1:4318",
        cache_port=2773,
        function=function,
        extension_lines=list(lines),
    )


async def _shown(stage: Stage) -> tuple[int, str]:
    output = StringIO()
    console = Console(file=output, width=WIDTH, force_terminal=False, highlight=False)
    code = await show_traces(stage, console, [_outcome(_answer())], deadline_s=0.01)
    return code, output.getvalue()


def _outcome(answer: Answer, *, aws_calls: Sequence[AwsCall] = ()) -> Outcome:
    return Outcome(number=1, payload={}, expected="success", answer=answer, aws_calls=aws_calls)


def _answer(
    *, status: Status = "success", payload: bytes = b"{}", error: dict[str, str] | None = None
) -> Answer:
    return Answer(
        request_id="r1",
        status=status,
        payload=payload,
        error=error,
        cold_start=False,
        duration_ms=1.0,
        after_response_ms=0.0,
    )


def _span(*, kind: str) -> Span:
    return arrived_span("greeter", trace_id=TRACE_ID, kind=kind)
