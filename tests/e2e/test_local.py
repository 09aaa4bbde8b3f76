"""Started outside Lambda, the process serves the cache alone: for work on a function at home."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

from simulator.launcher import write_launcher
from tests.fake_aws import FakeAws
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S

SECRET = "/secretsmanager/get?secretId=shop%2Fkey"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_the_cache_without_a_lambda(tmp_path: Path, number: signal.Signals) -> None:
    """GETs are answered as in Lambda, and a signal ends it with status 0."""
    port = free_port()
    async with FakeAws() as aws:
        aws.put_secret("shop/key", "hunter2-hunter2")
        process = await asyncio.create_subprocess_exec(
            write_launcher(tmp_path),
            stdout=asyncio.subprocess.PIPE,
            env={
                **aws.environment,
                "PATH": os.environ["PATH"],
                "AWS_SESSION_TOKEN": "at-home",
                "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port),
            },
        )
        assert process.stdout is not None
        line = json.loads(await process.stdout.readline())
        headers = {"X-Aws-Parameters-Secrets-Token": "at-home"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            answer = await session.get(SECRET, headers=headers)
            found = (await answer.json())["SecretString"]
        process.send_signal(number)
        await process.communicate()
    assert line["message"] == "outside Lambda: serving the cache only"
    assert (answer.status, found) == (200, "hunter2-hunter2")
    assert process.returncode == 0


@pytest.mark.parametrize("value", ["false", " OFF "])
async def test_switched_off_without_a_lambda(tmp_path: Path, value: str) -> None:
    """There is nothing to serve and no platform to answer: it says so, and ends with status 0."""
    process = await asyncio.create_subprocess_exec(
        write_launcher(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "DISPATCH_ENABLED": value},
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
    [line] = map(json.loads, output.splitlines())
    assert line["message"] == "switched off"
    assert "DISPATCH_ENABLED" in line["cause"]
    assert process.returncode == 0


async def test_a_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    """There is no function to protect: it ends at once, and does not claim to serve."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            write_launcher(tmp_path),
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "DISPATCH_CACHE_PORT": port},
        )
        output, _ = await process.communicate()
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["message"] for line in lines] == ["switched off", "nothing to serve"]
    assert {line["level"] for line in lines} == {"ERROR"}
    assert process.returncode == 1
