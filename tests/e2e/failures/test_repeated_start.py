"""One timeout costs one invocation: the start that follows it is part of the next one.

After a timeout Lambda starts extensions and runtime again inside the next invocation, within the
function's timeout and with the CPU of its memory size. A start that needs longer than that times
out in its turn, and so does every later one: the function never works again in that sandbox.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.answers import Answer
from simulator.intake import Intake
from simulator.local_lambda import LocalLambda
from simulator.sandbox.output import OutputLine
from simulator.settings import FunctionSettings
from tests.e2e.failures.expectations import invocation_id, invocations, records
from tests.fake_aws import FakeAws
from tests.launchers import ROOT, Launch, from_source
from tests.sandbox import Stage, free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a share of the CPU needs Linux")

HANDLER = """
import time

def handler(event, context):
    time.sleep(event.get("sleep", 0))
"""
TIMES_OUT: list[dict[str, int]] = [{}, {"sleep": 600}, {}, {}, {}, {}]
SIZES = [
    pytest.param({"memory_mb": 128, "timeout_s": 3.0}, id="128 MB, 3 s"),
    pytest.param({"memory_mb": 256, "timeout_s": 3.0}, id="256 MB, 3 s"),
    pytest.param({"memory_mb": 512, "timeout_s": 1.0}, id="512 MB, 1 s"),
]
TRIVIAL = ROOT / "tests" / "trivial_extension.py"
MOST_LENDING = 40
"""How many more invocations may lend a part of their time until telemetry is open."""

SMALLEST: Mapping[str, Any] = {"memory_mb": 128, "timeout_s": 3.0}


@pytest.mark.parametrize("size", SIZES)
async def test_a_trivial_extension_recovers(tmp_path: Path, size: Mapping[str, Any]) -> None:
    """The conditions are fair: an extension of a few lines is ready in time."""
    async with _running(tmp_path, launch=_trivial, environment={}, **size) as stage:
        answers = await stage.invoke(*TIMES_OUT)
    _assert_recovered(stage, answers)


@pytest.mark.parametrize("size", SIZES)
async def test_telemetry_recovers(tmp_path: Path, intake: Intake, size: Mapping[str, Any]) -> None:
    """The function works again, and the spans of all invocations that ended arrive."""
    environment = {"DISPATCH_POST_URI": intake.url}
    async with _running(tmp_path, environment=environment, **size) as stage:
        answers = await stage.invoke(*TIMES_OUT)
        for _ in range(MOST_LENDING):
            if {invocation_id(span) for span in invocations(intake)} & _ids(answers[2:]):
                break
            answers += await stage.invoke({})
    _assert_recovered(stage, answers)
    arrived = {invocation_id(span) for span in invocations(intake)}
    ended = [answers[0], answers[1], *(each for each in answers if each.status == "success")]
    assert [each.request_id for each in ended if each.request_id not in arrived] == []


async def test_the_cache_recovers(tmp_path: Path, aws: FakeAws) -> None:
    """Parameters alone: the clients for AWS are not what the invocation waits for."""
    port = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port())}
    environment = {**aws.environment, **port}
    async with _running(tmp_path, environment=environment, **SMALLEST) as stage:
        answers = await stage.invoke(*TIMES_OUT)
    _assert_recovered(stage, answers)


async def test_an_extension_that_is_switched_off_recovers(tmp_path: Path) -> None:
    """It has nothing to open."""
    environment = {"DISPATCH_ENABLED": "false"}
    async with _running(tmp_path, environment=environment, **SMALLEST) as stage:
        answers = await stage.invoke(*TIMES_OUT)
    _assert_recovered(stage, answers)


def _ids(answers: list[Answer]) -> set[str]:
    return {answer.request_id for answer in answers}


def _assert_recovered(stage: Stage, answers: list[Answer]) -> None:
    """Of what followed the timeout at most one invocation is lost, and that is the first.

    Neither by the function, nor because an extension held it until its timeout.
    """
    answered = [answer.status for answer in answers]
    reported = [record["status"] for record in records(stage, "report")]
    for statuses in (answered, reported):
        assert statuses[:2] == ["success", "timeout"]
        assert statuses[3:] == ["success"] * len(answers[3:]), statuses


def _trivial(folder: Path) -> Path:
    folder.mkdir()
    launcher = folder / TRIVIAL.name
    launcher.write_text(f"#!{sys.executable} -IS\n{TRIVIAL.read_text()}")
    launcher.chmod(0o755)
    return launcher


@asynccontextmanager
async def _running(
    folder: Path, *, environment: Mapping[str, str], launch: Launch = from_source, **settings: Any
) -> AsyncIterator[Stage]:
    code = folder / "function"
    code.mkdir()
    (code / "handler.py").write_text(HANDLER)
    launch(folder / "extensions")
    chosen = FunctionSettings(
        code=code,
        extensions=folder / "extensions",
        environment=environment,
        cpu_share=True,
        **settings,
    )
    lines: list[OutputLine] = []
    async with LocalLambda(chosen, on_line=lines.append) as function:
        yield Stage(function, lines)
