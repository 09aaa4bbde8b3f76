"""`python -m simulator`: what it prints, its exit codes, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scripted.stage import Stage
from tests.scripted.steps import INVOKE_AND_SHUTDOWN, STAY, register
from tests.simulator.running import state_of

ROOT = Path(__file__).parents[2]
STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
SLEEPS = """
import os, time

def handler(event, context):
    print(f"pid {os.getpid()}")
    time.sleep(60)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of the command left."""

    code: int
    output: str
    errors: str


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """Start the command with warnings as errors."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "simulator",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(*arguments: str) -> Result:
    """Run the command to its end."""
    process = await start(*arguments)
    output, errors = await process.communicate()
    assert process.returncode is not None
    return Result(code=process.returncode, output=output.decode(), errors=errors.decode())


async def test_help_lists_the_options() -> None:
    """--help explains itself and succeeds."""
    result = await run("--help")

    assert result.code == 0
    for option in ("--function", "--extensions", "--event", "--times", "--timeout"):
        assert option in result.output


async def test_a_function_is_run_and_shown(tmp_path: Path) -> None:
    """Answers, printed lines and the end of each process are shown; success is exit code 0."""
    stage = Stage.build(
        tmp_path,
        extensions={"one": [{"print": "hello from one"}, *STAYING]},
        source="def handler(event, context):\n    print('running')\n    return event\n",
    )
    result = await run(
        "--function",
        f"{stage.function / 'handler.py'}:handler",
        "--extensions",
        str(stage.extensions),
        "--event",
        '{"n": 5}',
        "--times",
        "2",
    )

    assert (result.code, result.errors) == (0, "")
    lines = result.output.splitlines()
    assert lines[:2] == ["one | hello from one", "runtime | running"]
    assert all(line.endswith('{"n": 5}') for line in lines if line.startswith("=> success"))
    assert result.output.count("=> success") == 2
    assert result.output.count("(cold)") == 1
    assert "ended: exit code 0" in lines[-1]


async def test_events_can_be_printed(tmp_path: Path) -> None:
    """--print-events shows all telemetry as JSON, one event a line."""
    stage = Stage.build(tmp_path)
    function = f"{stage.function}:handler.handler"
    result = await run("--function", function, "--print-events", "--tracing", "off")

    events = [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]
    assert [event["type"] for event in events][-1] == "platform.report"


async def test_a_failed_invocation_is_exit_code_1(tmp_path: Path) -> None:
    """An error of the function is shown, and fails the command."""
    stage = Stage.build(tmp_path, source="def handler(event, context):\n    return 1 / 0\n")
    result = await run("--function", f"{stage.function}:handler.handler")

    assert result.code == 1
    assert "=> error in" in result.output
    assert "ZeroDivisionError" in result.output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "the following arguments are required: --function"),
        (["--function", "nowhere"], "should be FOLDER:MODULE.FUNCTION or FILE.py:FUNCTION"),
        (["--function", "nowhere:a.b"], "nowhere: there is no such folder"),
        (["--function", "nowhere.py:b"], "there is no file nowhere.py"),
        (["--function", ".:a.b"], "there is no file a.py"),
        (["--function", ".:a.b", "--times", "0"], "0 should be at least 1"),
        (["--function", ".:a.b", "--times", "x"], "x should be a number"),
        (["--function", ".:a.b", "--timeout", "-1"], "-1 should be greater than 0"),
        (["--function", ".:a.b", "--gap", "-1"], "-1 should not be negative"),
        (["--function", ".:a.b", "--port", "70000"], "70000 should be from 0 to 65535"),
        (["--function", ".:a.b", "--event", "{"], "--event: is not JSON"),
        (["--function", ".:a.b", "--event", "@no"], "--event @no: No such file"),
        (["--function", ".:a.b", "--env", "X"], "--env X: should be NAME=VALUE"),
        (["--function", ".:a.b", "--tracing", "on"], "invalid choice: 'on'"),
    ],
)
async def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], problem: str) -> None:
    """The line says what is wrong; there is no traceback."""
    result = await run(*arguments)

    [line] = result.errors.splitlines()
    assert (result.code, result.output) == (2, "")
    assert line.startswith("simulator: ")
    assert problem in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_run_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end the function in the middle of an invocation, without a traceback."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=SLEEPS)
    process = await start(
        "--function",
        f"{stage.function}:handler.handler",
        "--extensions",
        str(stage.extensions),
        "--timeout",
        "50",
    )
    assert process.stdout is not None
    line = ""
    while "pid" not in line:
        line = (await process.stdout.readline()).decode()
    process.send_signal(number)
    _, errors = await process.communicate()

    assert (process.returncode, errors.decode()) == (130, "")
    assert state_of(int(line.split()[-1])) == ""
