"""`python -m simulator` with an AWS, a report, and lambda-dispatch beside the function."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.process_table import descendants, still_living
from tests.simulator.command import ROOT, run, start
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

# Answers with the length of each value, as the cache has it: the values must not be seen.
READS = """
import json, os, urllib.request

PORT = os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "2773")
TOKEN = {"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]}

def length(path):
    request = urllib.request.Request(f"http://localhost:{PORT}{path}&raw=true", headers=TOKEN)
    return len(urllib.request.urlopen(request).read())

def handler(event, context):
    return [length(path) for path in event]
"""
PARAMETER = "/systemsmanager/parameters/get?name="
SECURE = f"{PARAMETER}/secure&withDecryption=true"
SECRET = "/secretsmanager/get?secretId="
VALUE = "correct-horse-battery-staple"
AT_ITS_EASE = ("--env", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=0", "--timeout", "60")
"""On any port that is free, and however slow the machine is."""


@pytest.fixture
def app(tmp_path: Path) -> str:
    """A function that reads what its event names."""
    (tmp_path / "app.py").write_text(READS)
    return f"{tmp_path / 'app.py'}:handler"


async def test_seeded_values_are_served_and_never_shown(app: str, tmp_path: Path) -> None:
    """Each kind of seed is read through lambda-dispatch; VALUE may be a file."""
    (tmp_path / "key").write_text(VALUE)
    result = await run(
        *AT_ITS_EASE,
        *("--function", app),
        *("--parameter", "/plain=hello"),
        *("--secure-string", f"/secure=a={VALUE}"),
        *("--secret", f"shop/key=@{tmp_path / 'key'}"),
        *("--event", json.dumps([f"{PARAMETER}/plain", SECURE, f"{SECRET}shop/key"])),
    )
    assert (result.code, result.errors) == (0, "")
    assert f"[5, {len(VALUE) + 2}, {len(VALUE)}]" in result.output
    assert VALUE not in result.output


async def test_report_shows_the_gets_of_seeded_values(app: str, tmp_path: Path) -> None:
    """Seeds and a report go together: a miss and a call to AWS, then a hit."""
    page = tmp_path / "out.html"
    event = json.dumps([f"{SECRET}shop/key"])
    result = await run(
        *AT_ITS_EASE,
        *("--function", app, "--event", event, "--times", "2"),
        *("--secret", f"shop/key={VALUE}", "--env", "AWS_REGION=us-east-1"),
        *("--report", str(page)),
    )
    assert (result.code, result.errors) == (0, "")
    text = page.read_text()
    assert "1 miss" in text
    assert "1 hit" in text
    assert "GetSecretValue" in text
    assert VALUE not in text


async def test_failure_without_an_extension_says_that_there_is_none(app: str) -> None:
    """A refused connection to the cache says nothing of the option that starts it."""
    event = json.dumps([f"{SECRET}shop/key"])
    result = await run(*AT_ITS_EASE, "--function", app, "--event", event)
    assert result.code == 1
    [line] = result.errors.splitlines()
    assert line.startswith("simulator: no extension is beside the function: --parameter, --secret")


async def test_failed_get_without_a_local_aws_says_who_was_asked(app: str, tmp_path: Path) -> None:
    """A report alone starts lambda-dispatch, which then needs AWS itself."""
    unreachable = ("--env", "HTTPS_PROXY=http://127.0.0.1:1")
    event = json.dumps([f"{SECRET}shop/key"])
    result = await run(
        *AT_ITS_EASE,
        *unreachable,
        *("--function", app, "--event", event, "--report", str(tmp_path / "out.html")),
    )
    assert result.code == 1
    [line] = result.errors.splitlines()
    assert line.startswith("simulator: the cache asked AWS itself: --parameter and --secret")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--secret", VALUE], "--secret: should be NAME=VALUE or NAME=@FILE"),
        (["--parameter", f"={VALUE}"], "--parameter: should be NAME=VALUE or NAME=@FILE"),
        (["--secret", "key="], "--secret: should be NAME=VALUE or NAME=@FILE"),
        (["--secret", f"key=@{VALUE}"], "--secret: the file for key: No such file or directory"),
        (["--secret", "key=@docs/demo.png"], "--secret: the file for key is not text in UTF-8"),
        (
            ["--secret", f"key={VALUE}", "--env", "AWS_ENDPOINT_URL=http://localhost:1"],
            "bring their own AWS_ENDPOINT_URL",
        ),
        (["--parameter", f"/aws/key={VALUE}"], "/aws/key cannot be put into AWS: "),
    ],
)
async def test_bad_seed_is_one_line_without_its_value(
    app: str, arguments: list[str], problem: str
) -> None:
    """Whether it cannot be read or AWS refuses it, the value is not shown."""
    result = await run("--function", app, *arguments)

    [line] = result.errors.splitlines()
    assert (result.code, result.output) == (2, "")
    assert problem in line
    assert VALUE not in line


def test_missing_moto_is_named() -> None:
    """An interpreter without moto says what to install."""
    server = ROOT / "simulator" / "aws" / "moto_server.py"
    command = [sys.executable, "-I", "-S", str(server)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == (
        "No module named 'moto'; pip install 'moto[server,ssm,secretsmanager]'\n"
    )


@pytest.mark.parametrize("value", ["json", " JSON"])
async def test_report_of_what_is_no_otlp_is_refused(app: str, tmp_path: Path, value: str) -> None:
    """The platform's own events cannot be drawn; the line names the variable."""
    page = tmp_path / "out.html"
    variable = f"DISPATCH_FORMAT={value}"
    result = await run("--function", app, "--report", str(page), "--env", variable)

    assert result.code == 2
    assert "--report draws OTLP: leave out DISPATCH_FORMAT=json" in result.errors
    assert not page.exists()


async def test_endpoint_that_a_report_replaces_is_told(app: str, tmp_path: Path) -> None:
    """Who gives an endpoint and asks for a report learns that the endpoint gets nothing."""
    page = tmp_path / "out.html"
    variable = "DISPATCH_POST_URI=http://127.0.0.1:1"
    arguments = (*AT_ITS_EASE, "--function", app, "--event", "[]")
    result = await run(*arguments, "--report", str(page), "--env", variable)

    [line] = result.errors.splitlines()
    assert line == (
        "simulator: --report takes the telemetry; nothing is sent to the DISPATCH_POST_URI of --env"
    )
    assert result.output.endswith(f"report: {page}\n")


async def test_empty_report_is_told(app: str, tmp_path: Path) -> None:
    """A page without a span is no surprise to who opens it."""
    page = tmp_path / "out.html"
    arguments = (
        *AT_ITS_EASE,
        "--function",
        app,
        "--event",
        "[]",
        "--env",
        "DISPATCH_ENABLED=false",
    )
    result = await run(*arguments, "--report", str(page))

    assert (result.code, result.errors) == (0, "")
    assert result.output.endswith(f"report: {page} is empty: no span has arrived\n")


async def test_report_that_cannot_be_written_is_one_line(app: str) -> None:
    """The system's reason is shown; there is no traceback."""
    page = "/proc/out.html"
    result = await run(*AT_ITS_EASE, "--function", app, "--event", "[]", "--report", page)

    assert result.code == 2
    assert result.errors == f"simulator: {page} cannot be written: No such file or directory\n"


async def test_any_event_can_be_drawn(app: str, tmp_path: Path) -> None:
    """Half a surrogate pair, which JSON allows and UTF-8 does not, is shown as its code."""
    page = tmp_path / "out.html"
    result = await run(
        *AT_ITS_EASE,
        *("--function", app, "--report", str(page), "--event", r'{"/\ud83d": 1}'),
    )
    assert result.code == 1  # there is no such path to GET
    assert r"\ud83d" in page.read_text()


async def test_cache_beside_a_taken_port_is_told(app: str, tmp_path: Path) -> None:
    """Somebody else's cache is not in the way: ours is elsewhere, and the function finds it."""
    event = json.dumps([f"{SECRET}shop/key"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        variable = f"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT={port}"
        arguments = ("--function", app, "--event", event, "--secret", f"shop/key={VALUE}")
        result = await run(*arguments, "--env", variable)

    [line] = result.errors.splitlines()
    assert result.code == 0
    assert line.startswith(f"simulator: port {port} is taken: the cache is at localhost:")


async def test_interrupted_start_leaves_nothing(app: str, tmp_path: Path) -> None:
    """Ctrl-C while the local AWS is coming up ends that, too."""
    page = str(tmp_path / "out.html")
    process = await start("--function", app, "--secret", f"key={VALUE}", "--report", page)
    started: set[tuple[int, int]] = set()

    def has_started_aws() -> bool:
        started.update(descendants(process.pid))
        return bool(started)

    await until(has_started_aws)
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()

    assert (process.returncode, errors.decode()) == (130, "")
    assert still_living(started) == set()
