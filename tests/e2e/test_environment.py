"""References in a function's environment, resolved by the wrapper before the runtime starts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from simulator.aws import LocalAws
from simulator.intake import Intake
from tests.e2e.runtimes.functions import LANGUAGES, WITH_BUILDS_S, NotHereError, python
from tests.launchers import write_wrapper
from tests.sandbox import running

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "one\ntwo 'three' \"four\" $(five) `six` \\ schön ✓ {{resolve:ssm:/none}}\n\n"
PAYLOAD = {"do": "environment"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws() -> AsyncIterator[LocalAws]:
    """Parameter Store and Secrets Manager on loopback."""
    async with LocalAws() as local:
        await local.put_secret("shop/key", value=SECRET)
        await local.put_secret("shop/json", value=json.dumps({"a b": SECRET, "n": 1}))
        await local.put_parameter("/shop/plain", value="plain+text")
        await local.put_parameter("/shop/hidden", value="hidden-text-1", kind="SecureString")
        yield local


@pytest.fixture(scope="module")
def wrapper(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The wrapper's path."""
    return write_wrapper(tmp_path_factory.mktemp("opt"))


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("{{resolve:secretsmanager:shop/key}}", SECRET),
        ("{{resolve:secretsmanager:shop/key:SecretString:::}}", SECRET),
        ("{{resolve:secretsmanager:shop/key:SecretString::AWSCURRENT}}", SECRET),
        ("{{resolve:secretsmanager:shop/json:SecretString:a b}}", SECRET),
        ("{{resolve:secretsmanager:shop/json:SecretString:n}}", "1"),
        ("{{resolve:ssm:/shop/plain}}", "plain+text"),
        ("{{resolve:ssm:/shop/plain:1}}", "plain+text"),
        ("{{resolve:ssm-secure:/shop/hidden}}", "hidden-text-1"),
        ("a{{resolve:ssm:/shop/plain}}b{{resolve:ssm-secure:/shop/hidden:1}}c",
         "aplain+textbhidden-text-1c"),
    ],
)  # fmt: skip
async def test_a_reference_becomes_its_value(
    tmp_path: Path, wrapper: str, aws: LocalAws, written: str, resolved: str
) -> None:
    """In each of CloudFormation's forms, byte for byte, among other text."""
    environment = {**aws.environment, "AWS_LAMBDA_EXEC_WRAPPER": wrapper, "VALUE": written}
    async with running(tmp_path, environment=environment, **python()) as stage:
        [answer] = await stage.invoke(PAYLOAD)
    assert json.loads(answer.payload) == resolved


@pytest.mark.timeout(WITH_BUILDS_S)
@pytest.mark.parametrize("language", ["node", "java", "go"])
async def test_other_languages(tmp_path: Path, wrapper: str, aws: LocalAws, language: str) -> None:
    """Their runtime clients start behind the wrapper; Go's by the form of an entry point."""
    try:
        settings = dict(LANGUAGES[language]())
    except NotHereError as error:
        pytest.skip(str(error))
    environment = {**aws.environment, "VALUE": "{{resolve:secretsmanager:shop/key}}"}
    if language == "go":
        settings["runtime"] = (wrapper, *settings["runtime"])
    else:
        environment["AWS_LAMBDA_EXEC_WRAPPER"] = wrapper
    environment["LC_ALL"] = "C.UTF-8"  # Java reads variables by it; not every machine has Lambda's
    async with running(tmp_path, environment=environment, **settings) as stage:
        [answer] = await stage.invoke(PAYLOAD)
    assert json.loads(answer.payload) == SECRET


async def test_a_resolved_value_does_not_leave(tmp_path: Path, wrapper: str, aws: LocalAws) -> None:
    """What the function prints of it is redacted, because it came from the cache."""
    async with Intake() as intake:
        environment = {
            **aws.environment,
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_SIGNALS": "traces,logs",
            "AWS_LAMBDA_EXEC_WRAPPER": wrapper,
            "VALUE": "{{resolve:ssm-secure:/shop/hidden}}",
        }
        async with running(tmp_path, environment=environment, **python()) as stage:
            await stage.invoke(PAYLOAD)
        sent = b"".join(request.body for request in intake.requests)
    assert b"[REDACTED:/shop/hidden]" in sent
    assert b"hidden-text-1" not in sent


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("{{resolve:secretsmanager:shop/none}}", "ResourceNotFoundException"),
        ("{{resolve:secretsmanager:shop/json:SecretString:none}}", "400"),
        ("{{resolve:secretsmanager:shop/key:SecretBinary}}", "SecretString alone"),
        ("{{resolve:ssm:/shop/hidden}}", "write ssm-secure"),
        ("{{resolve:ssm:/shop/plain:1:2}}", "too many"),
        ("{{resolve:s3:bucket}}", "none of ssm"),
        ("{{resolve:ssm:/shop/plain", "no end"),
    ],
)
async def test_a_reference_without_a_value(
    tmp_path: Path, wrapper: str, aws: LocalAws, written: str, reason: str
) -> None:
    """One line names the variable and why; the function does not start, or keeps the text."""
    environment = {**aws.environment, "AWS_LAMBDA_EXEC_WRAPPER": wrapper, "VALUE": written}
    async with running(tmp_path / "fail", environment=environment, **python()) as stage:
        [answer] = await stage.invoke(PAYLOAD)
    assert answer.status == "error"
    lines = [json.loads(line.text) for line in stage.lines if "not resolved" in line.text]
    assert {line["level"] for line in lines} == {"ERROR"}
    assert all(line["cause"].startswith("VALUE: ") and reason in line["cause"] for line in lines)
    environment["DISPATCH_ENV_ON_ERROR"] = "keep"
    async with running(tmp_path / "keep", environment=environment, **python()) as stage:
        [answer] = await stage.invoke(PAYLOAD)
    assert json.loads(answer.payload) == written


def wrapped(wrapper: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line behind the wrapper, without a cache."""
    return subprocess.run(
        [wrapper, *command], env={"PATH": os.environ["PATH"], **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def test_the_command_line_is_the_same(wrapper: str) -> None:
    """With and without references; a wrapper named by DISPATCH_ENV_NEXT stands before it."""
    arguments = ["", "a b", "$x", "*", "ü\n"]
    shown = "".join(f"[{each}]" for each in arguments)
    for value in ("none", "{{resolve:"):
        done = wrapped(
            wrapper, "printf", "[%s]", *arguments,
            VALUE=value, DISPATCH_ENV_ON_ERROR="keep", DISPATCH_ENV_NEXT="/usr/bin/env",
        )  # fmt: skip
        assert done.stdout.endswith(shown)


@pytest.mark.parametrize("libraries", [None, "", "/var/task/lib"])
async def test_the_rest_of_the_environment_is_the_same(wrapper: str, libraries: str | None) -> None:
    """The libraries of the Python that resolves are not the function's."""
    given = {"lambda": "x", "name": "y", "EMPTY": "", "VALUE": "{{resolve:"}
    if libraries is not None:
        given["LD_LIBRARY_PATH"] = libraries
    done = wrapped(wrapper, "env", DISPATCH_ENV_ON_ERROR="keep", **given)
    seen = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert given.items() <= seen.items()
    assert seen.get("LD_LIBRARY_PATH") == libraries
    assert not [name for name in seen if name.startswith("lambda_dispatch")]


async def test_without_a_cache_it_fails(wrapper: str) -> None:
    """Nothing listens: the line says on which port."""
    done = wrapped(wrapper, "true", VALUE="{{resolve:ssm:/a}}", DISPATCH_CACHE_PORT="1")
    assert (done.returncode, "no cache on localhost:1" in done.stdout) == (1, True)


async def test_with_snapstart_nothing_is_resolved(wrapper: str) -> None:
    """The snapshot would hold the values."""
    done = wrapped(
        wrapper, "true", VALUE="{{resolve:ssm:/a}}", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start"
    )
    assert (done.returncode, "VALUE: a SnapStart snapshot" in done.stdout) == (1, True)


async def test_a_command_that_is_not_there(wrapper: str) -> None:
    """A line says so."""
    done = wrapped(wrapper, "/none", VALUE="{{resolve:", DISPATCH_ENV_ON_ERROR="keep")
    assert done.returncode == 126
    assert "command line cannot be started" in done.stdout
