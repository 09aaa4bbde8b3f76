"""Playing one scenario on each side and collecting what its actors saw."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings
from tests.fidelity.comparison import Row, compare
from tests.fidelity.differences import KNOWN
from tests.fidelity.emulator import (
    ACCOUNT_ID,
    FUNCTION_NAME,
    MANAGED_ACCOUNT_ID,
    PYTHON,
    REGION,
    Emulator,
)
from tests.scripted.stage import Stage
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fidelity.scenario import Scenario

HANDLER = "handler.handler"


async def play_on_emulator(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Return what the actors and the caller saw of AWS's emulator."""
    stage = _build(scenario, folder, python=PYTHON)
    replies = []
    emulator = Emulator(
        function=stage.function,
        extensions=stage.extensions,
        handler=HANDLER,
        command=("/var/task/runtime",),
        is_managed=scenario.is_managed,
        timeout_s=scenario.timeout_s,
    )
    async with emulator:
        for payload in scenario.payloads or ("{}",):
            reply = await emulator.invoke(payload.encode())
            replies.append(reply.body.decode(errors="replace"))
        await _settled(scenario, stage)
    return stage.observations() + _of_caller(scenario, replies)


async def play_on_simulator(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Return what the actors and the caller saw of the simulator."""
    stage = _build(scenario, folder, python=sys.executable)
    settings = FunctionSettings(
        code=stage.function,
        handler=HANDLER,
        runtime=stage.runtime,
        extensions=stage.extensions,
        name=FUNCTION_NAME,
        region=REGION,
        account_id=MANAGED_ACCOUNT_ID if scenario.is_managed else ACCOUNT_ID,
        timeout_s=scenario.timeout_s,
        tracing="off",  # the classic emulator passes no trace on
        initialization_type=("lambda-managed-instances" if scenario.is_managed else "on-demand"),
        strict_setup=False,
    )
    replies = []
    async with LocalLambda(settings) as function:
        for payload in scenario.payloads or ("{}",):
            answer = await function.invoke(payload.encode())
            replies.append(answer.payload.decode(errors="replace"))
        await _settled(scenario, stage)
    return stage.observations() + _of_caller(scenario, replies)


def _build(scenario: Scenario, folder: Path, *, python: str) -> Stage:
    folder.parent.chmod(0o755)  # the emulator may run the actors as another user
    return Stage.build(
        folder, extensions=scenario.extensions, runtime=scenario.runtime, python=python
    )


async def _settled(scenario: Scenario, stage: Stage) -> None:
    """Wait until the actors have noted what the scenario awaits."""
    if scenario.awaits:
        await until(lambda: scenario.awaits in stage.labels())
    await until(lambda: len(stage.events("platform.report")) >= scenario.reports)


def _of_caller(scenario: Scenario, replies: list[str]) -> list[dict[str, Any]]:
    return [
        {"actor": "caller", "label": f"invocation {payload}", "body": reply}
        for payload, reply in zip(scenario.payloads, replies, strict=False)
    ]


async def compare_sides(scenario: Scenario) -> list[Row]:
    """Return the rows of one scenario, played on both sides at the same time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        emulator, simulator = await asyncio.gather(
            play_on_emulator(scenario, folder / "emulator"),
            play_on_simulator(scenario, folder / "simulator"),
        )
    return compare(scenario, emulator, simulator, reasons=KNOWN)
