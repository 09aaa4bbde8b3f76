"""Managed Instances: invocations side by side, no freeze, no INVOKE for extensions."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings
from tests.scripted.stage import Stage
from tests.scripted.steps import (
    SHUTDOWN_ONLY,
    next_event,
    next_invocation,
    register,
    respond,
    subscribe,
    wanted,
)
from tests.simulator.running import records_of, settings_for, state_of, types_of

TOGETHER = """
import pathlib, time

def handler(event, context):
    folder = pathlib.Path(event["folder"])
    (folder / event["name"]).touch()
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(list(folder.iterdir()))
"""
RAISES_OR_SLEEPS = """
import time

def handler(event, context):
    if event == "raise":
        raise ValueError("no")
    time.sleep(event)
"""


def managed(stage: Stage, **changes: object) -> FunctionSettings:
    """Return settings for Managed Instances."""
    return settings_for(stage, initialization_type="lambda-managed-instances", **changes)


async def test_invocations_run_at_the_same_time(tmp_path: Path) -> None:
    """Two invocations meet in two workers of AWS's runtime client; each gets its own answer."""
    stage = Stage.build(tmp_path, source=TOGETHER)
    (tmp_path / "meeting").mkdir()
    async with LocalLambda(managed(stage)) as function:
        answers = await asyncio.gather(
            *(
                function.invoke({"folder": str(tmp_path / "meeting"), "name": name})
                for name in ("a", "b")
            )
        )

    assert [json.loads(answer.payload) for answer in answers] == [2, 2]
    assert types_of(function)[:3] == ["initStart", "initRuntimeDone", "initReport"]
    assert sorted(types_of(function)[3:]) == ["report", "report", "start", "start"]


async def test_the_report_is_short_and_tells_of_errors(tmp_path: Path) -> None:
    """There is no runtimeDone; report has one metric, two spans, and the function's error."""
    stage = Stage.build(tmp_path, source=RAISES_OR_SLEEPS)
    async with LocalLambda(managed(stage)) as function:
        raised, slept = await function.invoke("raise"), await function.invoke(0)

    assert (raised.status, slept.status) == ("error", "success")
    assert records_of(function, "runtimeDone") == []
    first, second = records_of(function, "report")
    assert (first["status"], second["status"]) == ("error", "success")
    assert set(second["metrics"]) == {"durationMs"}
    assert [span["name"] for span in second["spans"]] == ["responseLatency", "responseDuration"]


async def test_a_timeout_costs_one_invocation_not_the_sandbox(tmp_path: Path) -> None:
    """The environment goes on; a late answer learns that its time is up."""
    runtime = [
        next_invocation(),
        next_invocation("second next"),
        respond("answer of the second"),
        {"sleep": 60},
    ]
    stage = Stage.build(tmp_path, runtime=runtime)
    async with LocalLambda(managed(stage, timeout_s=5)) as function:
        first, second = await function.invoke(1), await function.invoke(2)

    assert (first.status, second.status) == ("timeout", "success")
    assert [ended.sandbox for ended in function.exits] == [1]


async def test_a_late_answer_is_gone(tmp_path: Path) -> None:
    """Answering an invocation that has timed out gets 410."""
    runtime = [
        next_invocation("first"),
        {"wait_for": "other actor is up"},
        respond("too late"),
        next_invocation("second"),
        respond("in time"),
        {"sleep": 60},
    ]
    stage = Stage.build(tmp_path, runtime=runtime)
    async with LocalLambda(managed(stage, timeout_s=5)) as function:
        answer = await function.invoke(1)
        stage.note("other actor is up")
        assert (await function.invoke(2)).status == "success"

    assert answer.status == "timeout"
    assert stage.seen("too late")["status"] == 410


async def test_extensions_live_without_invoke_and_without_freeze(tmp_path: Path) -> None:
    """INVOKE is refused at registration; no process is ever stopped; SHUTDOWN comes as always."""
    one = [
        register("one", {"events": ["INVOKE"]}, label="refused"),
        register("one", SHUTDOWN_ONLY),
        {"serve": "HTTP"},
        subscribe("old schema", wanted(schemaVersion="2022-12-13")),
        subscribe("subscribe", wanted()),
        next_event("shutdown"),
        {"wait_for_event": "platform.report"},
        {"exit": 0},
    ]
    stage = Stage.build(tmp_path, extensions={"one": one})
    async with LocalLambda(managed(stage)) as function:
        await function.invoke()
        if sys.platform == "linux":
            assert "T" not in [state_of(pid) for pid in function.pids]

    statuses = [stage.seen(label)["status"] for label in ("refused", "old schema", "subscribe")]
    assert statuses == [403, 400, 200]
    assert json.loads(stage.seen("shutdown")["body"])["shutdownReason"] == "spindown"
    assert stage.events("platform.report")


async def test_a_crash_fails_all_invocations_that_run(tmp_path: Path) -> None:
    """When an extension exits, every invocation under way fails, and the sandbox is renewed."""
    one = [
        register("one", SHUTDOWN_ONLY),
        next_event("pending", background=True),
        {"wait_for": "second"},
        {"exit": 0},
    ]
    runtime = [next_invocation("first"), next_invocation("second"), {"sleep": 60}]
    stage = Stage.build(tmp_path, extensions={"one": one}, runtime=runtime)
    async with LocalLambda(managed(stage)) as function:
        answers = await asyncio.gather(function.invoke(1), function.invoke(2))

    assert [answer.error and answer.error["errorType"] for answer in answers] == [
        "Extension.Crash",
        "Extension.Crash",
    ]
    assert {ended.sandbox for ended in function.exits} == {1}
