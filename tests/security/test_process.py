"""What the process leaves lying about: descriptors, files, arguments (Linux)."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from simulator.intake import Intake
from tests.fake_aws import FakeAws
from tests.launchers import ROOT
from tests.process_table import descendants
from tests.sandbox import Stage, running
from tests.security.watched_files import write_watched

CLOSE_ON_EXEC = 0o2000000
PR_GET_DUMPABLE = 3
STANDARD = {"0", "1", "2"}


def of_the_extension() -> Path:
    """Return the folder of the extension's process in /proc."""
    pids = (str(pid) for pid, _ in descendants(os.getpid()))
    [found] = [
        Path("/proc", pid)
        for pid in pids
        if b"extension.__main__" in Path("/proc", pid, "cmdline").read_bytes()
    ]
    return found


def flags(process: Path) -> Iterator[tuple[str, int]]:
    """Give each descriptor but the standard ones, and its flags."""
    for info in (process / "fdinfo").iterdir():
        if info.name not in STANDARD:
            [line] = [each for each in info.read_text().splitlines() if each.startswith("flags:")]
            yield info.name, int(line.split()[1], 8)


async def test_every_descriptor_closes_on_exec(
    tmp_path: Path, intake: Intake, aws: FakeAws
) -> None:
    """There are no children; a library that starts one hands nothing down."""
    aws.put_secret("shop", "open sesame")
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    async with running(tmp_path, environment=environment) as stage:
        await stage.invoke({"get": ["/secretsmanager/get?secretId=shop"]})
        process = of_the_extension()
        found = dict(flags(process))
        children = descendants(int(process.name))
    assert found
    assert [fd for fd, flag in found.items() if not flag & CLOSE_ON_EXEC] == []
    assert children == set()


def test_memory_is_not_for_the_neighbours() -> None:
    """What /proc tells of the memory is root's: the process is not dumpable any more."""
    program = (
        f"import sys, ctypes; sys.path.insert(0, {str(ROOT)!r}); "
        "from extension.process.private_memory import keep_memory_private; "
        f"dumpable = lambda: ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}, 0, 0, 0, 0); "
        "before = dumpable(); keep_memory_private(); print(before, dumpable())"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True)
    assert done.stdout == b"1 0\n"


async def test_no_file_but_the_mark_is_written(
    tmp_path: Path, intake: Intake, aws: FakeAws
) -> None:
    """Neither a temporary file nor a cache on disk; the mark holds the function's timeout alone."""
    aws.put_secret("shop", "open sesame")
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    report = tmp_path / "report"
    launch = partial(write_watched, report=report)
    async with running(tmp_path, environment=environment, launch=launch) as stage:
        await stage.invoke({"get": ["/secretsmanager/get?secretId=shop"]})
    begin, *written, end = report.read_text().splitlines()
    assert (begin, end) == ("watching", "the end")
    assert all(line.startswith("open /tmp/.lambda_dispatch-function-") for line in written)


async def run_with_secrets(stage: Stage, value: str) -> None:
    """Serve a secret, print it in many ways, and fail with it."""
    path = "/secretsmanager/get?secretId=shop"
    await stage.invoke({"get": [path, path + "&raw=true", path + "&jsonKey=no"]})
    leaks = [
        value,
        f"\x1b[31m{value}\r\nnext",
        {"level": value, "message": "m"},
        {"severity": value, "msg": {"deep": [value, {value: value}]}},
        {"requestId": value, "time": f"{value}.", "message": value},
        {"errorType": value, "errorMessage": value, "stackTrace": [value]},
    ]
    await stage.invoke({"print": leaks, "raise": value})


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("signals", ["traces", "traces,logs,metrics"])
async def test_secret_leaves_on_no_way(
    tmp_path: Path, intake: Intake, aws: FakeAws, log_format: str, signals: str
) -> None:
    """Not to the endpoint, not in our own lines at DEBUG, not in arguments."""
    value = secrets.token_urlsafe(24)
    aws.put_secret("shop", value)
    environment = {
        **aws.environment,
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_POST_HEADERS": f"authorization={value}-key",
        "DISPATCH_SIGNALS": signals,
        "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "DEBUG",
    }
    async with running(tmp_path, environment=environment, log_format=log_format) as stage:
        await run_with_secrets(stage, value)
        arguments = (of_the_extension() / "cmdline").read_bytes()
    own = "".join(line.text for line in stage.lines if line.source == "extension")
    assert intake.requests
    assert [each.path for each in intake.requests if value.encode() in each.body] == []
    assert value not in own
    assert aws.environment["AWS_SESSION_TOKEN"] not in own
    assert value.encode() not in arguments
    assert stage.lost == {}
