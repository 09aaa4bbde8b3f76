"""The extension under AWS's own Runtime Interface Emulator, in both of its modes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.aws import LocalAws
from simulator.intake import Intake
from simulator.intake.otlp import Span
from tests.fidelity.emulator import PYTHON, SITE_PACKAGES, Emulator, why_not
from tests.sandbox import FUNCTIONS, free_port
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "emulator")

ROOT = Path(__file__).parents[2]
SECRET = "/secretsmanager/get?secretId=shop%2Fkey"
TIMEOUT_S = 60
"""Of the function; the emulator counts init, too."""

MANAGED = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}


@asynccontextmanager
async def emulated(
    folder: Path, *, environment: Mapping[str, str], is_managed: bool = False
) -> AsyncIterator[Emulator]:
    """Run the test function with the extension in the emulator."""
    program = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {SITE_PACKAGES!r}]; "
        "from tests.sabotage import be_patient; be_patient(); "
        "from extension.__main__ import main; main()"
    )
    extensions = folder / "extensions"
    extensions.mkdir()
    launcher = extensions / "lambda-dispatch"
    launcher.write_text(f'#!/bin/sh\nexec {PYTHON} -I -c "{program}"\n')
    launcher.chmod(0o755)
    port = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port())}
    async with Emulator(
        function=FUNCTIONS,
        extensions=extensions,
        is_managed=is_managed,
        timeout_s=TIMEOUT_S,
        environment={**port, **environment},
    ) as emulator:
        yield emulator


def own_lines(emulator: Emulator) -> list[dict[str, Any]]:
    """Return the extension's lines."""
    marked = [line for line in emulator.output if '"extension": "lambda-dispatch"' in line]
    return [json.loads(line[line.index("{") :]) for line in marked]


async def test_classic(tmp_path: Path) -> None:
    """It registers, survives a platform without telemetry, serves the cache, leaves at the end."""
    async with LocalAws() as aws, Intake() as intake:
        await aws.put_secret("shop/key", value="hunter2-hunter2")
        environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
        async with emulated(tmp_path, environment=environment) as emulator:
            first = await emulator.invoke(json.dumps({"get": [SECRET]}).encode())
            second = await emulator.invoke(json.dumps({"get": [SECRET]}).encode())
            await emulator.stop()
    assert [answer[:2] for answer in json.loads(first.body)] == [[200, "MISS"]]
    assert [answer[:2] for answer in json.loads(second.body)] == [[200, "HIT"]]
    [line] = own_lines(emulator)
    assert line["cause"] == "this platform has no Telemetry API"


async def test_managed_instances(tmp_path: Path) -> None:
    """AWS's own Telemetry API delivers, and the spans of both requests arrive."""
    async with Intake() as intake:
        environment = {**MANAGED, "DISPATCH_POST_URI": intake.url}
        async with emulated(tmp_path, environment=environment, is_managed=True) as emulator:
            replies = [await emulator.invoke(b'{"print": ["hello"]}') for _ in range(2)]
            # Before the end, for which the emulator gives two seconds.
            await intake.wait_for(lambda _: len(_invocations(intake)) == 2, deadline_s=PATIENCE_S)
            await emulator.stop()
    assert [reply.status for reply in replies] == [200, 200]
    spans = _invocations(intake)
    assert len(spans) == 2, emulator.output
    assert all(span.start_ns < span.end_ns for span in spans)
    assert {span.attributes["lambda_dispatch.status"] for span in spans} == {"success"}
    lines = [event.attributes["log.message"] for span in intake.spans for event in span.events]
    assert lines.count("hello") == 2
    [report] = own_lines(emulator)
    assert report["message"] == "telemetry"
    assert not [name for name in report if name.startswith(("dropped", "faults"))]


def _invocations(intake: Intake) -> list[Span]:
    return [span for span in intake.spans if span.kind == "SERVER"]
