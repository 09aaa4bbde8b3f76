"""SnapStart: a sandbox that is frozen after its init and restored for the first invocation."""

from __future__ import annotations

import json
from pathlib import Path

from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings
from tests.scripted.stage import Stage
from tests.scripted.steps import (
    INVOKE_AND_SHUTDOWN,
    RUNTIME,
    STAY,
    call,
    next_invocation,
    register,
    respond,
)
from tests.simulator.running import body_of, records_of, settings_for, types_of

STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
HOOKS = """
from snapshot_restore_py import register_after_restore

state = {"restored": 0}

@register_after_restore
def restored():
    state["restored"] += 1

def handler(event, context):
    return state
"""


def snapshot(stage: Stage) -> FunctionSettings:
    """Return settings with SnapStart."""
    return settings_for(stage, initialization_type="snap-start")


async def test_the_first_invocation_restores_the_snapshot(tmp_path: Path) -> None:
    """Restore hooks run once, before the first invocation, which reports the restore."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=HOOKS)
    async with LocalLambda(snapshot(stage)) as function:
        await function.start()
        before = types_of(function)
        first, second = await function.invoke(), await function.invoke()

    assert json.loads(first.payload) == json.loads(second.payload) == {"restored": 1}
    assert "restoreStart" not in before
    assert types_of(function)[len(before) :][:4] == [
        "restoreStart",
        "restoreRuntimeDone",
        "restoreReport",
        "start",
    ]
    restored, warm = [report["metrics"] for report in records_of(function, "report")]
    assert {"restoreDurationMs", "billedRestoreDurationMs"} <= set(restored)
    assert "initDurationMs" not in restored
    assert "restoreDurationMs" not in warm


async def test_the_log_stream_is_known_only_after_the_restore(tmp_path: Path) -> None:
    """A snapshot has no instance yet: initStart is silent where restoreStart names it."""
    stage = Stage.build(tmp_path)
    async with LocalLambda(snapshot(stage)) as function:
        await function.invoke()

    assert "instanceId" not in records_of(function, "initStart")[0]
    assert "[$LATEST]" in records_of(function, "restoreStart")[0]["instanceId"]


async def test_a_restore_hook_that_fails_fails_the_invocation(tmp_path: Path) -> None:
    """The error of the hook ends the sandbox, and telemetry says so."""
    runtime = [
        call("restore next", "GET", f"{RUNTIME}/restore/next"),
        call(
            "restore error",
            "POST",
            f"{RUNTIME}/restore/error",
            headers={"Lambda-Runtime-Function-Error-Type": "Function.Hook"},
        ),
        {"exit": 1},
    ]
    stage = Stage.build(tmp_path, runtime=runtime)
    async with LocalLambda(snapshot(stage)) as function:
        answer = await function.invoke()

    assert answer.status == "error"
    [done] = records_of(function, "restoreRuntimeDone")
    assert done == {"status": "error", "errorType": "Runtime.RestoreHookUserError"}
    assert records_of(function, "restoreReport")[0]["status"] == "error"


async def test_credentials_come_from_an_endpoint(tmp_path: Path) -> None:
    """A caller that knows the token gets keys; a wrong one is not found."""
    path = "/2021-04-23/credentials"
    runtime = [
        call("refused", "GET", path, headers={"Authorization": "wrong"}),
        call("granted", "GET", path, headers={"Authorization": "{token}"}),
        next_invocation(),
        respond(),
        next_invocation("idle"),
    ]
    stage = Stage.build(tmp_path, runtime=runtime)
    async with LocalLambda(snapshot(stage)) as function:
        await function.invoke()

    assert stage.seen("refused")["status"] == 404
    assert set(body_of(stage.seen("granted"))) == {
        "AccessKeyId",
        "SecretAccessKey",
        "Token",
        "Expiration",
    }
