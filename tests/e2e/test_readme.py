"""The examples in README and these pages of docs/, taken from the text and run; none is left out.

Those of the other pages are run or checked by tests/docs.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]  # comes with cfn-lint

from layer.models import OPERATIONS
from simulator.aws.endpoints import AwsEndpoints
from simulator.intake import Intake
from tests.commands import output_of
from tests.fake_aws import FakeAws
from tests.launchers import ROOT, patient_to_the_last
from tests.sandbox import free_port, running
from tests.waiting import PATIENCE_S

PAGES = ("dead-letters", "secrets", "sdk", "telemetry")
GUIDES = [ROOT / "README.md", *(ROOT / f"docs/{page}.md" for page in PAGES)]
SECRET, GREETING = "correct-horse-battery", "hello"
DRAWN = ("One trace",)
"""Those with a picture of spans; tests/sdks holds them."""
OUTPUTS = ("Try it", "What you get", "Logs and metrics")
"""The sections with `text` blocks, which show what comes out."""

CALLED = {f"{service}:{name}" for service, names in OPERATIONS.items() for name in names}
"""The actions that a policy may have to allow."""

NOTHING: Mapping[str, str] = MappingProxyType({})

SERVE, SIMULATE = ".venv/bin/python -m extension", ".venv/bin/python -m simulator"
REPLAYED_TO = "https://otlp.example.com"
OLDEST_NODE = 18
"""The first with `fetch`."""


class Example(NamedTuple):
    """A block, or one command of a block for the shell, as it stands."""

    section: str
    language: str
    code: str


def examples() -> list[Example]:
    """Return all of them, in their order."""
    found = []
    sections = (re.split(r"^## ", guide.read_text(), flags=re.M)[1:] for guide in GUIDES)
    for section in chain.from_iterable(sections):
        heading = section.partition("\n")[0]
        for language, block in re.findall(r"^```([^\n]*)\n(.*?)^```$", section, re.M | re.S):
            # A backslash at the end of a line carries a command on to the next.
            codes = re.findall(r"(?:.*\\\n)*.+", block) if language == "sh" else [block]
            found += [Example(heading, language, code) for code in codes]
    return found


EXAMPLES = examples()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout after `make demo`; what is written into it goes nowhere else."""
    for entry in ROOT.iterdir():
        if entry.name not in (".venv", "demo.html"):
            (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """An AWS that holds what the examples ask for."""
    async with FakeAws() as fake:
        fake.put_secret("shop/key", SECRET)
        fake.put_parameter("/shop/greeting", GREETING)
        yield fake


@pytest.mark.parametrize("example", EXAMPLES, ids=[each.language for each in EXAMPLES])
async def test_example_works(example: Example, checkout: Path, aws: FakeAws) -> None:
    """Each does what the text around it promises; only the port of the cache is another."""
    match example.language, example.code:
        case "text", _:
            assert example.section in (*OUTPUTS, *DRAWN)
        case "sh", code if code.startswith("make "):
            await run("/bin/sh", "-euc", code.replace("make", "make --dry-run", 1), folder=checkout)
        case "sh", code if code.startswith(SIMULATE):
            # Time enough for any machine.
            patient = f"{code} --timeout 60 --init-timeout 60"
            assert "=> success" in await run("/bin/sh", "-euc", patient, folder=checkout)
            assert "GetSecretValue" in (checkout / "out.html").read_text()
        case "sh", code if code.endswith(SERVE):
            async with serving(checkout, aws) as port:
                assert SECRET in await run(*python(snippet("python"), port), folder=checkout)
        case "sh", code if code.startswith("curl "):
            needs("curl")
            async with serving(checkout, aws) as port:
                answer = await run("/bin/sh", "-euc", at(port, code), folder=checkout)
            assert f'"SecretString":"{SECRET}"' in answer
        case "python", code:
            async with serving(checkout, aws) as port:
                assert await run(*python(code, port), folder=checkout) == f"{SECRET}\n"
        case "js", code:
            needs_node()
            program = f"{code}\nconsole.log(greeting)"
            async with serving(checkout, aws) as port:
                command = ("node", "--input-type=module", "-e", at(port, program))
                assert await run(*command, folder=checkout) == f"{GREETING}\n"
        case "sh", code if "python -m extension.replay" in code:
            async with AwsEndpoints(bucket="my-dead-letters") as bucket, Intake() as intake:
                line = code.replace("python", sys.executable, 1).replace(REPLAYED_TO, intake.url)
                settings = {**bucket.environment, "AWS_ENDPOINT_URL_S3": bucket.url}
                told = await run("/bin/sh", "-euc", line, folder=checkout, settings=settings)
            assert re.search(r"^files (?:to send|sent): 0", told, re.M)
        case "yaml", code:
            downloader = yaml.safe_load(code)["receivers"]["awss3"]["s3downloader"]
            assert downloader["s3_partition"] == "minute"
            # It names what the variable in the same guide names.
            uri = f"s3://{downloader['s3_bucket']}/{downloader['s3_prefix']}"
            assert f"DISPATCH_DEAD_LETTERS: {uri}\n" in (ROOT / "docs/dead-letters.md").read_text()
        case "json", code:
            statement = json.loads(code)
            assert (statement["Effect"], statement["Action"] in CALLED) == ("Allow", True)
        case _:
            pytest.fail(f"no test runs this example:\n{example.code}")


def snippet(language: str) -> str:
    """Return the one example in this language."""
    [found] = [each.code for each in EXAMPLES if each.language == language]
    return found


def python(code: str, port: int) -> tuple[str, ...]:
    """Return the command that runs it and prints the secret."""
    return sys.executable, "-c", f"{at(port, code)}\nprint(secret)"


def at(port: int, code: str) -> str:
    """Return the example for a cache on this port."""
    return re.sub(r"(?<=localhost)(:|\", )2773\b", rf"\g<1>{port}", code)


def needs(program: str) -> None:
    """Skip where it is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def needs_node() -> None:
    """Skip where there is no Node.js with `fetch`."""
    needs("node")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node is older than {OLDEST_NODE}")


async def run(*command: str, folder: Path, settings: Mapping[str, str] = NOTHING) -> str:
    """Run a command to its end, which has to be a good one; return what it printed."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_SESSION_TOKEN": "fake-session-token",
        **settings,
    }
    return await output_of(*command, folder=folder, environment=environment)


@asynccontextmanager
async def serving(checkout: Path, aws: FakeAws) -> AsyncIterator[int]:
    """Run the documented command for a cache outside Lambda, in front of `aws`; yield its port."""
    [command] = [each.code for each in EXAMPLES if each.code.strip().endswith(SERVE)]
    port = free_port()
    # Its region is the one that the command names.
    environment = {key: it for key, it in aws.environment.items() if key != "AWS_REGION"}
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-euc", f"exec env {command}"),
        cwd=checkout,
        env={
            **environment,
            "PATH": os.environ["PATH"],
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port),
            "SECRETS_MANAGER_TIMEOUT_MILLIS": "60000",
            "SSM_PARAMETER_STORE_TIMEOUT_MILLIS": "60000",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        assert b"serving the cache only" in line
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def test_what_is_shown_arrives(tmp_path: Path, aws: FakeAws) -> None:
    """The spans, attributes, log records and metrics that are shown are those of a real run."""
    shown = "\n".join(
        each.code for each in EXAMPLES if each.section in OUTPUTS[1:] and each.language == "text"
    )
    spans = set(re.findall(r"^(?:[├└]─ )?(\S.*?)  (INTERNAL|SERVER|CLIENT)  ", shown, re.M))
    keys = set(re.findall(r"^[│ ]   +([\w.]+)  ", shown, re.M))
    metrics = set(re.findall(r"^([\w.]+) +(sum|histogram) +(\S+)", shown, re.M))
    bodies = set(re.findall(r"^.*\[REDACTED.*$", shown, re.M))
    assert min(len(spans), len(keys), len(metrics), len(bodies)) > 0
    async with Intake() as intake:
        environment = {**aws.environment, "DISPATCH_POST_URI": intake.url,
                       "DISPATCH_SIGNALS": "traces,logs,metrics"}  # fmt: skip
        async with running(
            tmp_path, environment=environment, launch=patient_to_the_last, name="shop"
        ) as stage:
            read = "/secretsmanager/get?secretId=shop/key"
            await stage.invoke({"get": [read], "raise": "no such order"})
            await stage.invoke({"print": [f"paying with {SECRET}"]})
    assert spans <= {(span.name, span.kind) for span in intake.spans}
    attributes = [each.attributes for each in intake.spans]
    attributes += [each.attributes for each in intake.logs]
    assert keys <= {"trace_id", "span_id"}.union(*attributes)
    assert bodies <= {log.body for log in intake.logs}
    assert metrics <= {(each.name, each.type, each.unit) for each in intake.metrics}
