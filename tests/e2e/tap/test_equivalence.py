"""Runtime clients send the same bytes, and answer the same, with and without the tap.

Each script runs twice against a Runtime API that records what comes: directly, and through the
pump. In both runs the runtime is given the same port, so not even its Host header differs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from tests.e2e.runtimes.functions import (
    LANGUAGES,
    WITH_BUILDS_S,
    NotHereError,
    streaming_node,
)
from tests.recording_api import LIMIT, Phase, recording_api
from tests.running_pump import pump_process
from tests.sandbox import free_port
from tests.waiting import until

FUNCTIONS = Path(__file__).parents[2] / "functions" / "tap"
LARGE = 6_000_000
FROZEN_S = 0.2
"""How long a sandbox is frozen; nothing depends on it."""

pytestmark = pytest.mark.timeout(WITH_BUILDS_S)


class Seen(NamedTuple):
    """What the Runtime API saw of a runtime, and how that ended."""

    streams: list[bytes]
    requests: list[bytes]
    ends: list[str]
    status: int | None


class Script(NamedTuple):
    """What a runtime is asked; `workers` call /next at the same time."""

    events: Sequence[Mapping[str, object]]
    environment: Mapping[str, str] = {}
    workers: int = 1
    ends: bool = False
    """The runtime ends by itself."""
    is_pooled: bool = False
    """The runtime may take any connection that is free, or open another."""
    is_chunking: bool = False

    @property
    def has_one_connection(self) -> bool:
        """Whether the runtime uses one connection at a time; else their ends are luck."""
        return self.workers == 1 and not self.is_pooled


async def play(
    script: Script,
    settings: Mapping[str, Any],
    *,
    tapped: bool,
    port: int,
    frozen: Phase | None = None,
) -> Seen:
    """Run the script with a runtime that finds the Runtime API at `port`."""
    payloads = [json.dumps(each).encode() for each in script.events]
    with ExitStack() as stack:
        api = stack.enter_context(
            recording_api(payloads, port=0 if tapped else port, is_chunking=script.is_chunking)
        )
        pump = stack.enter_context(pump_process(api.port, port=port)) if tapped else None
        process = stack.enter_context(
            subprocess.Popen(  # noqa: ASYNC220  # its end is polled for
                settings.get("runtime") or (sys.executable, "-m", "awslambdaric", "app.handler"),
                cwd=settings["code"],
                env={
                    "PATH": os.environ["PATH"],
                    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
                    "AWS_LAMBDA_FUNCTION_NAME": "f",
                    "AWS_LAMBDA_FUNCTION_VERSION": "1",
                    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
                    "AWS_LAMBDA_LOG_STREAM_NAME": "s",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
                    "AWS_REGION": "eu-central-1",
                    "LAMBDA_TASK_ROOT": str(settings["code"]),
                    "_HANDLER": settings["handler"],
                    **settings.get("environment", {}),
                    **script.environment,
                },
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        stack.callback(kill, process)
        if frozen:
            groups = [process.pid, *([pump.holder.pid] if pump else [])]
            api.during = lambda phase: freeze(groups) if phase == frozen else None
        if script.ends:
            await until(lambda: process.poll() is not None)
            await until(lambda: all(each.ended != "open" for each in api.connections))
        else:
            await until(lambda: api.idle >= script.workers or process.poll() is not None)
            if script.has_one_connection and process.poll() is None:
                # What was closed before the last /next may be noted after it.
                await until(lambda: sum(each.ended == "open" for each in api.connections) == 1)
        ends = sorted(each.ended for each in api.connections)
        return Seen(api.streams, api.requests, ends, process.poll())


def freeze(groups: Sequence[int]) -> None:
    """Stop a sandbox, and let it go on in a while: what is sent to it meanwhile waits."""
    for each in groups:
        os.killpg(each, signal.SIGSTOP)
    threading.Timer(FROZEN_S, thaw, args=[groups]).start()


def thaw(groups: Sequence[int]) -> None:
    """Let it go on."""
    for each in groups:
        with suppress(ProcessLookupError):
            os.killpg(each, signal.SIGCONT)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a runtime and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def compare(script: Script, settings: Mapping[str, Any], **how: Any) -> Seen:
    """Run the script both ways and return what both have shown."""
    port = free_port()
    direct = await play(script, settings, tapped=False, port=port, **how)
    tapped = await play(script, settings, tapped=True, port=port, **how)
    assert direct.requests == tapped.requests
    if script.has_one_connection:
        assert (direct.streams, direct.ends) == (tapped.streams, tapped.ends)
    assert direct.status == tapped.status
    return tapped


PYTHON = {"code": FUNCTIONS, "handler": "app.handler"}
SNAPSHOT = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
CONCURRENT = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances",
    "AWS_LAMBDA_MAX_CONCURRENCY": "4",
}
OF_PYTHON = {
    "success": Script([{}, {"a": "é ☃ \u0000"}, {"size": 1000}]),
    "error": Script([{"do": "raise"}, {}]),
    "a large error": Script([{"do": "raise", "times": 100_000}, {}]),
    "6 MB in": Script([{"a": "x" * LARGE}, {}]),
    "6 MB in, in chunks": Script([{"a": "x" * LARGE}, {}], is_chunking=True),
    "6 MB out": Script([{"size": LARGE}, {}]),
    "6 MB in and out": Script([{"a": "x" * LARGE, "size": LARGE}, {}]),
    "too large": Script([{"size": LIMIT + 100_000}], ends=True),
    "init error": Script([], {"BROKEN": "1"}, ends=True),
    "exit": Script([{"do": "exit"}], ends=True),
    "restore": Script([{}, {}], SNAPSHOT),
    "concurrency": Script([{"a": number} for number in range(24)], CONCURRENT, workers=4),
}


@pytest.mark.parametrize("name", OF_PYTHON)
async def test_python(name: str) -> None:
    """AWS's client for Python, in each of its ways to end an invocation."""
    seen = await compare(OF_PYTHON[name], PYTHON)
    assert seen.requests


@pytest.mark.parametrize("phase", get_args(Phase))
async def test_a_freeze_in_each_phase(phase: Phase) -> None:
    """Runtime and pump are stopped together, as Lambda does, and go on where they were."""
    script = Script([{}, {"a": "x" * LARGE, "size": LARGE}, {"do": "raise"}, {}])
    seen = await compare(script, PYTHON, frozen=phase)
    assert len(seen.requests) == 9


OF_OTHERS = Script(
    [{"do": ""}, {"do": "raise"}, {"do": "unicode"}, {"do": "", "a": "x" * LARGE}, {"do": "forged"}]
)
BROKEN = Script([], {"BROKEN": "1"}, ends=True)


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "python"])
@pytest.mark.parametrize("script", [OF_OTHERS, BROKEN], ids=["invocations", "init error"])
async def test_other_languages(language: str, script: Script) -> None:
    """Their own clients: success, errors, large events, and an init that fails."""
    try:
        settings = LANGUAGES[language]()
        script = script._replace(is_pooled=language in ("go", "rust"))
    except NotHereError as error:
        pytest.skip(str(error))
    seen = await compare(script, settings)
    assert len(seen.requests) > 5 or script.ends


STREAMING = Script(
    [
        {},
        {"prelude": True},
        {"chunks": 200, "times": 5000},
        {"do": "raise later"},
        {},
    ]
)


async def test_streaming() -> None:
    """Node's client streams: a prelude, megabytes, and an error after it began."""
    try:
        settings = {**streaming_node(), "code": FUNCTIONS}
    except NotHereError as error:
        pytest.skip(str(error))
    seen = await compare(STREAMING, settings)
    assert sum(b"Transfer-Encoding: chunked" in each for each in seen.requests) == 5
    assert any(b"Lambda-Runtime-Function-Error-Body: ey" in each for each in seen.requests)


@pytest.mark.parametrize("script", [OF_OTHERS, BROKEN], ids=["invocations", "init error"])
async def test_a_new_connection_for_each_call(script: Script) -> None:
    """As AWS's client for Ruby has it, by the same library."""
    ruby = shutil.which("ruby")
    if ruby is None:
        pytest.skip("this machine has no ruby")
    command = (ruby, str(FUNCTIONS / "client.rb"))
    seen = await compare(script, {**PYTHON, "runtime": command})
    assert len(seen.streams) == len(seen.requests)
    assert seen.requests
