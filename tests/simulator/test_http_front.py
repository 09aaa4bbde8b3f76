"""`--http`, `--watch` and `--command`: the local Lambda as a developer leaves it running."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.simulator.command import run, start
from tests.waiting import PATIENCE_S

GREETS = """
def handler(event, context):
    name = event["queryStringParameters"]["name"]
    return {"statusCode": 201, "headers": {"x-a": "b"}, "cookies": ["c=d"], "body": "hello " + name}
"""
RUNTIME = """
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as event:
        identifier = event.headers["Lambda-Runtime-Aws-Request-Id"]
        got = json.load(event)
    said = {"got": got, "env": os.environ.get("AWS_EXECUTION_ENV"), "cwd": os.getcwd()}
    body = json.dumps(said).encode()
    urllib.request.urlopen(api + identifier + "/response", data=body)
"""


class Running:
    """The command at work, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen: list[str] = []

    async def line(self, beginning: str) -> str:
        """Return the next line that begins so."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            async for raw in self.process.stdout:
                self.seen.append(raw.decode().rstrip("\n"))
                if self.seen[-1].startswith(beginning):
                    return self.seen[-1]
        raise AssertionError(f"no line {beginning!r} in {self.seen}")

    async def stop(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        output, _ = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        self.seen += output.decode().splitlines()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Running]:
    """Run the command until the test is over."""
    process = await start("--timeout", "60", "--init-timeout", "120", *arguments)
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def write_function(folder: Path, source: str = GREETS) -> Path:
    """Write handler.py."""
    folder.mkdir(exist_ok=True)
    (folder / "handler.py").write_text(source)
    return folder


async def test_each_request_is_an_invocation(tmp_path: Path) -> None:
    """Status, header, cookie and body are the function's; Ctrl-C ends it in order."""
    code = write_function(tmp_path / "code")
    function = f"{code}:handler.handler"
    async with running("--function", function, "--http", "0") as command:
        url = (await command.line("http: ")).removeprefix("http: ")
        async with aiohttp.ClientSession() as session, session.get(f"{url}/?name=Ada") as answer:
            assert (answer.status, answer.headers["x-a"]) == (201, "b")
            assert answer.cookies["c"].value == "d"
            assert await answer.text() == "hello Ada"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert (answer.status, await answer.json()) == (
                500,
                {"message": "Internal Server Error"},
            )
        await command.line("=> error")
        assert await command.stop() == 130


async def test_a_changed_file_starts_the_function_again(tmp_path: Path) -> None:
    """Behind HTTP; also after a mistake, which is told."""
    code = write_function(tmp_path / "code")
    function = f"{code}:handler.handler"
    async with running("--function", function, "--http", "0", "--watch") as command:
        url = (await command.line("http: ")).removeprefix("http: ")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/?name=Ada") as answer:
                assert await answer.text() == "hello Ada"
            write_function(code, "def handler(event, context):\n    return 1 +\n")
            await command.line("simulator: ")
            write_function(code, GREETS.replace("hello ", "good evening "))
            await command.line("a file has changed")
            async with session.get(f"{url}/?name=Ada") as answer:
                assert await answer.text() == "good evening Ada"
        assert await command.stop() == 130


async def test_a_changed_file_repeats_the_invocation(tmp_path: Path) -> None:
    """Without HTTP, with the same event."""
    code = write_function(tmp_path / "code", "def handler(event, context):\n    return 'one'\n")
    function = f"{code}:handler.handler"
    async with running("--function", function, "--event", "sqs", "--watch") as command:
        assert (await command.line("=> success")).endswith('"one"')
        await command.line("watching")
        write_function(
            code, "def handler(event, context):\n    return event['Records'][0]['eventSource']\n"
        )
        assert (await command.line("=> success")).endswith('"aws:sqs"')
        assert await command.stop() == 130


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """In one line, with exit code 2."""
    code = write_function(tmp_path / "code")
    function = f"{code}:handler.handler"
    async with running("--function", function, "--http", "0") as command:
        url = await command.line("http: ")
        port = url.rpartition(":")[2]
        result = await run("--function", function, "--http", port)
    assert result.code == 2
    assert result.errors == f"simulator: --http {port}: Address already in use\n"


@pytest.mark.parametrize("place", ["in the folder", "on PATH"])
async def test_a_command_is_the_runtime(place: str, tmp_path: Path) -> None:
    """It works in the folder of the code, and gets no name of a managed runtime."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "runtime.py").write_text(RUNTIME)
    (code / "bootstrap").write_text(f"#!/bin/sh\nexec {sys.executable} runtime.py\n")
    (code / "bootstrap").chmod(0o755)
    command = "./bootstrap" if place == "in the folder" else "python3 runtime.py"
    result = await run(
        *("--function", str(code), "--command", command, "--event", '{"n": 5}'),
        *("--timeout", "60", "--init-timeout", "120"),
    )
    assert (result.code, result.errors) == (0, "")
    [line] = [line for line in result.output.splitlines() if line.startswith("=> success")]
    assert line.endswith(f'{{"got": {{"n": 5}}, "env": null, "cwd": "{code}"}}')


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--function", "."], "argument --function: . should be FOLDER:MODULE.FUNCTION"),
        (["--function", ".", "--command", "no-such-program x"], "no-such-program is neither in ."),
        (["--function", ".", "--command", "'"], "cannot be split into words"),
        (["--function", ".", "--command", ""], "should be a command"),
        (
            ["--function", ".:a.b", "--http", "1", "--times", "2"],
            "--times and --gap are for --event",
        ),
    ],
)
async def test_what_makes_no_sense_is_told_in_one_line(arguments: list[str], line: str) -> None:
    """With exit code 2, before anything is started."""
    result = await run(*arguments)
    assert result.code == 2
    [said] = result.errors.splitlines()
    assert line in said
