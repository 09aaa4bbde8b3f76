"""An extension that others published lives in the simulator as in Lambda."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simulator.local_lambda import LocalLambda
from tests.fidelity.published import BINARY, why_not
from tests.sandbox import free_port
from tests.scripted.stage import Stage
from tests.simulator.running import lines_of, settings_for

_PROBLEM = why_not()


@pytest.mark.skipif(bool(_PROBLEM), reason=f"AWS's client for Rust: {_PROBLEM}")
async def test_awss_client_for_rust_understands_everything(tmp_path: Path) -> None:
    """It registers, subscribes, decodes every event and learns of the shutdown."""
    stage = Stage.build(tmp_path, source="def handler(event, context):\n    print('line')\n")
    shutil.copy(BINARY, stage.extensions / "published")
    settings = settings_for(stage, environment={"LISTENER_PORT": str(free_port())})
    async with LocalLambda(settings) as function:
        answers = [await function.invoke(), await function.invoke()]

    lines = [line.strip() for line in lines_of(function, "extension")]
    invocation = ["PlatformStart", "Function", "PlatformRuntimeDone", "PlatformReport"]
    assert [line.split()[1] for line in lines if line.startswith("telemetry")] == [
        "PlatformInitStart",
        "PlatformTelemetrySubscription",
        "PlatformInitRuntimeDone",
        "PlatformExtension",
        "PlatformInitReport",
        *invocation,
        *invocation,
    ]
    assert [line for line in lines if line.startswith("invoke")] == [
        f"invoke {answer.request_id}" for answer in answers
    ]
    assert "shutdown spindown" in lines
