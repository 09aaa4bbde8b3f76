"""More callers at once than there are connections: every one of them gets its answer."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.alone import TOKEN, Alone
from tests.e2e.failures.expectations import SECRET_PATH
from tests.fake_aws import FakeAws
from tests.launchers import behind, from_source
from tests.waiting import until

CALLERS = 2_000
CLIENTS = Path(__file__).parents[2] / "clients"
DESCRIPTORS_OF_LAMBDA = 1024


@asynccontextmanager
async def many_descriptors() -> AsyncIterator[None]:
    """Let the processes started here open a socket for each caller."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * CALLERS:
        pytest.skip("a client may not open as many sockets")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CALLERS), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def found(program: str) -> str:
    """Return where a program is, or skip."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


async def node(kind: str) -> list[str]:
    """Return the command of a client in Node: its fetch, its http module, or axios over that."""
    return [found("node"), str(CLIENTS / "at_once.mjs"), kind]


async def go(folder: Path) -> list[str]:
    """Return the command of a client in Go, which opens a connection for each request."""
    program = folder / "at_once"
    environ = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    build = await asyncio.create_subprocess_exec(
        found("go"), "build", "-o", program, CLIENTS / "at_once.go", env=environ
    )
    assert await build.wait() == 0
    return [str(program)]


@pytest.mark.parametrize("client", ["node fetch", "node http", "node axios", "go", "python"])
async def test_all_are_answered(tmp_path: Path, aws: FakeAws, client: str) -> None:
    """While AWS has not answered the first of them, and from memory."""
    language, _, kind = client.partition(" ")
    if kind == "axios" and "AXIOS" not in os.environ:
        pytest.skip("AXIOS does not name a node_modules folder with axios in it")
    match language:
        case "node":
            command = await node(kind)
        case "go":
            command = await go(tmp_path)
        case _:
            command = [sys.executable, str(CLIENTS / "at_once.py")]
    launch = behind(from_source, shell=f"ulimit -n {DESCRIPTORS_OF_LAMBDA}")
    async with (
        many_descriptors(),
        Alone(tmp_path / "x", aws, launch=launch, SECRETS_MANAGER_TIMEOUT_MILLIS="60000") as alone,
    ):
        aws.hold()
        cold = asyncio.create_task(counts_of(command, alone.url(SECRET_PATH)))
        await until(lambda: aws.waiting == 1 or cold.done())
        await asyncio.wait({cold}, timeout=1)  # the others come meanwhile
        aws.release()
        assert await cold == {"200": CALLERS}
        assert await counts_of(command, alone.url(SECRET_PATH)) == {"200": CALLERS}


async def counts_of(command: list[str], url: str) -> dict[str, int]:
    """Return what a client says of its callers: how many got which status."""
    process = await asyncio.create_subprocess_exec(
        *command,
        str(CALLERS),
        stdout=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "URL": url,
            "AWS_SESSION_TOKEN": TOKEN,
            "NODE_MODULES": os.environ.get("AXIOS", ""),
        },
    )
    output, _ = await process.communicate()
    answers: dict[str, int] = json.loads(output)
    return answers
