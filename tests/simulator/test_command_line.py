"""`python -m simulator`: what it prints, its exit codes, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.scripted.stage import Stage
from tests.scripted.steps import INVOKE_AND_SHUTDOWN, STAY, register
from tests.simulator.command import run, start
from tests.simulator.running import state_of

HERE = ["--function", ".:a.b"]
STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
SLEEPS = """
import os, time

def handler(event, context):
    print(f"pid {os.getpid()}")
    time.sleep(60)
"""


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
    # A machine that stalls for SHUTDOWN's two seconds has the extension killed.
    end = r"one \(process \d+\) ended: (exit code 0|signal: killed, killed)"
    assert re.fullmatch(end, lines[-1])


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
        (["--function", "", "--command", "true"], "--function: the empty name should be FOLDER:"),
        (["--function", "nowhere:a.b"], "nowhere: there is no such folder"),
        (["--function", "nowhere.py:b"], "there is no file nowhere.py"),
        (["--function", ".:a.b"], "there is no file a.py; another language needs a runtime"),
        ([*HERE, "--times", "0"], "--times: 0 should be from 1 to 1000000"),
        ([*HERE, "--times", "x"], "--times: x should be a whole number"),
        ([*HERE, "--timeout", "-1"], "--timeout: -1 should be from 0.001 to 86400"),
        ([*HERE, "--timeout", "inf"], "--timeout: inf should be from 0.001 to 86400"),
        ([*HERE, "--gap", "nan"], "--gap: nan should be from 0 to 86400"),
        ([*HERE, "--gap", "a while"], "--gap: a while should be a number"),
        ([*HERE, "--port", "70000"], "--port: 70000 should be from 0 to 65535"),
        ([*HERE, "--event", "{"], "--event: is not JSON"),
        ([*HERE, "--event", "[NaN]"], "--event: is not JSON: NaN is Python's"),
        ([*HERE, "--event", "[" * 100_000], "--event: is nested too deeply"),
        ([*HERE, "--event", "@no"], "--event: @no cannot be read: No such file"),
        ([*HERE, "--event", "@README.md"], "--event: @README.md is not JSON"),
        ([*HERE, "--event", "README.md"], "if you mean the file, write @README.md"),
        ([*HERE, "--event", "mkdocs.yml"], "if you mean the file, write @mkdocs.yml"),
        ([*HERE, "--extensions", ""], "--extensions: the name is empty"),
        ([*HERE, "--env", "X"], "--env: X should be NAME=VALUE"),
        ([*HERE, "--tracing", "on"], "invalid choice: 'on'"),
        ([*HERE, "--trace-header", "a\r\nb: c"], "should be one line of ASCII"),
        ([*HERE, "--name", "two words"], "--name: 'two words' should be letters"),
        ([*HERE, "--report", "no/where.html"], "'no/where.html' should be a file in a folder that"),
        ([*HERE, "two\nlines"], "unrecognized arguments: two lines"),
    ],
)
async def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], problem: str) -> None:
    """The line says what is wrong; there is no traceback."""
    result = await run(*arguments)

    [line] = result.errors.splitlines()
    assert (result.code, result.output) == (2, "")
    assert line.startswith("simulator: ")
    assert problem in line


async def test_a_syntax_error_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """What can never run is wrong input; the runtime's own words stand above it."""
    stage = Stage.build(tmp_path, source="def handler(event, context:\n")
    result = await run("--function", f"{stage.function}:handler.handler")

    [line] = result.errors.splitlines()
    assert result.code == 2
    assert line.startswith("simulator: handler 'handler.handler': Syntax error in module 'handler'")


async def test_a_record_beyond_all_depth_is_text(tmp_path: Path) -> None:
    """A JSON line that is nested too deeply to be read is wrapped, as one that is malformed."""
    source = "def handler(event, context):\n    print('{\"a\":' * 40_000 + '1' + '}' * 40_000)\n"
    stage = Stage.build(tmp_path, source=source)
    function = f"{stage.function}:handler.handler"
    result = await run("--function", function, "--log-format", "JSON", "--print-events")

    assert (result.code, result.errors) == (0, "")
    [event] = [line for line in result.output.splitlines() if '"type":"function"' in line]
    assert json.loads(event)["record"]["message"] == '{"a":' * 40_000 + "1" + "}" * 40_000


async def test_a_locale_without_unicode_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a function prints comes out as UTF-8, whatever the terminal is said to take."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    stage = Stage.build(tmp_path, source="def handler(event, context):\n    print('Grüße')\n")
    result = await run("--function", f"{stage.function}:handler.handler")

    assert (result.code, result.errors) == (0, "")
    assert result.output.startswith("runtime | Grüße\n")


async def test_a_reader_that_goes_away_is_no_trouble(tmp_path: Path) -> None:
    """Behind `| head` the run goes on to its end, and says nothing of the broken pipe."""
    stage = Stage.build(tmp_path, source="def handler(event, context):\n    print('line')\n")
    reading, writing = os.pipe()
    os.close(reading)
    process = await start("--function", f"{stage.function}:handler.handler", stdout=writing)
    os.close(writing)
    _, errors = await process.communicate()

    assert (process.returncode, errors.decode()) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interrupted_run_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, however often, SIGTERM and a closed terminal end a function that works, quietly."""
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
    process.send_signal(number)
    _, errors = await process.communicate()

    assert (process.returncode, errors.decode()) == (130, "")
    assert state_of(int(line.split()[-1])) == ""
