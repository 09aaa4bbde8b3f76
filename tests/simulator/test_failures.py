"""What goes wrong on Lambda goes wrong here: errors, timeouts, exits, and the resets after them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simulator.local_lambda import LocalLambda
from tests.scripted.stage import Stage
from tests.scripted.steps import (
    ERROR_TYPE,
    INVOKE_AND_SHUTDOWN,
    OWN,
    STAY,
    fail,
    next_event,
    next_invocation,
    register,
    respond,
)
from tests.simulator.running import body_of, records_of, settings_for, types_of
from tests.waiting import until

STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
RAISES = """
def handler(event, context):
    raise ValueError("no")
"""
SLEEPS = """
import time

def handler(event, context):
    time.sleep(event)
"""


async def test_an_exception_is_a_success_for_the_platform(tmp_path: Path) -> None:
    """The caller gets the error; runtimeDone and report say success, for the runtime coped."""
    stage = Stage.build(tmp_path, source=RAISES)
    async with LocalLambda(settings_for(stage)) as function:
        answer = await function.invoke()
        again = await function.invoke()

    assert (answer.status, again.cold_start) == ("error", False)
    assert answer.error is not None
    assert (answer.error["errorType"], answer.error["errorMessage"]) == ("ValueError", "no")
    assert [done["status"] for done in records_of(function, "runtimeDone")] == ["success"] * 2
    assert [done["status"] for done in records_of(function, "report")] == ["success"] * 2


async def test_reports_can_be_made_to_tell_of_exceptions(tmp_path: Path) -> None:
    """Where report calls a handled error an error, runtimeDone still does not."""
    stage = Stage.build(tmp_path, source=RAISES)
    async with LocalLambda(settings_for(stage, reports_handled_errors=True)) as function:
        await function.invoke()

    assert records_of(function, "runtimeDone")[0]["status"] == "success"
    assert records_of(function, "report")[0]["status"] == "error"


async def test_a_timeout_resets_the_sandbox(tmp_path: Path) -> None:
    """The caller learns of it, extensions get SHUTDOWN, the next invocation starts everything."""
    one = [register("one", INVOKE_AND_SHUTDOWN), next_event("invoked"), next_event("shutdown")]
    stage = Stage.build(tmp_path, extensions={"one": [*one, {"exit": 0}]}, source=SLEEPS)
    async with LocalLambda(settings_for(stage, timeout_s=10)) as function:
        answer = await function.invoke(60)
        after = await function.invoke(0)

    assert (answer.status, after.status, after.cold_start) == ("timeout", "success", True)
    assert answer.error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after 10.00 seconds",
    }
    assert body_of(stage.seen("shutdown"))["shutdownReason"] == "timeout"
    done, report = records_of(function, "runtimeDone")[0], records_of(function, "report")[0]
    assert (done["status"], report["status"]) == ("timeout", "timeout")
    assert "errorType" not in done
    assert report["metrics"]["durationMs"] == 10_000.0


async def test_after_a_reset_everything_is_new(tmp_path: Path) -> None:
    """The init is part of the next invocation; process and identifier are new ones."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=SLEEPS)
    async with LocalLambda(settings_for(stage, timeout_s=10)) as function:
        await function.invoke(60)
        await function.invoke(0)

    registered = [seen for seen in stage.observations() if seen["label"] == "register one"]
    first, second = (seen["headers"]["Lambda-Extension-Identifier"] for seen in registered)
    assert first != second
    assert [start["phase"] for start in records_of(function, "initStart")] == ["init", "invoke"]
    assert "initDurationMs" not in records_of(function, "report")[1]["metrics"]
    assert [ended.sandbox for ended in function.exits] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (7, "Runtime exited with error: exit status 7"),
        (0, "Runtime exited without providing a reason"),
    ],
)
async def test_a_runtime_that_exits(tmp_path: Path, code: int, message: str) -> None:
    """The invocation fails with Runtime.ExitError, and extensions get `failure`."""
    runtime = [next_invocation(), {"exit": code}]
    one = [register("one", INVOKE_AND_SHUTDOWN), next_event("invoked"), next_event("shutdown")]
    stage = Stage.build(tmp_path, extensions={"one": [*one, {"exit": 0}]}, runtime=runtime)
    async with LocalLambda(settings_for(stage)) as function:
        answer = await function.invoke()

    assert answer.error == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: {message}",
    }
    [done] = records_of(function, "runtimeDone")
    assert (done["status"], done["errorType"]) == ("error", "Runtime.ExitError")
    assert body_of(stage.seen("shutdown"))["shutdownReason"] == "failure"


async def test_an_extension_that_exits_takes_the_sandbox_with_it(tmp_path: Path) -> None:
    """Even exit code 0 is Extension.Crash, and fails the invocation."""
    one = [register("one", INVOKE_AND_SHUTDOWN), next_event("invoked"), {"exit": 0}]
    stage = Stage.build(tmp_path, extensions={"one": one}, source=SLEEPS)
    async with LocalLambda(settings_for(stage)) as function:
        answer = await function.invoke(60)

    assert answer.status == "error"
    assert answer.error == {
        "errorType": "Extension.Crash",
        "errorMessage": f"RequestId: {answer.request_id} Error: exit code 0",
    }
    assert records_of(function, "report")[0]["errorType"] == "Extension.Crash"


async def test_an_extension_may_report_why_it_exits(tmp_path: Path) -> None:
    """After exit/error the failure is Extension.ExitError, not a crash."""
    one = [
        register("one", INVOKE_AND_SHUTDOWN),
        next_event("invoked"),
        fail("exit", "exit error", OWN | {ERROR_TYPE: "Extension.Why"}),
        {"exit": 1},
    ]
    stage = Stage.build(tmp_path, extensions={"one": one}, source=SLEEPS)
    async with LocalLambda(settings_for(stage)) as function:
        answer = await function.invoke(60)

    assert answer.error is not None
    assert answer.error["errorType"] == "Extension.ExitError"


async def test_the_answer_counts_even_if_an_extension_overstays(tmp_path: Path) -> None:
    """The caller has its answer; the report says timeout, and SHUTDOWN waits for the late next."""
    one = [
        register("one", INVOKE_AND_SHUTDOWN),
        next_event("invoked"),
        {"wait_for": "the time is up"},
        next_event("shutdown late"),
        {"exit": 0},
    ]
    stage = Stage.build(tmp_path, extensions={"one": one})
    async with LocalLambda(settings_for(stage, timeout_s=5)) as function:
        invoking = asyncio.create_task(function.invoke({}))
        await until(lambda: records_of(function, "report"))
        stage.note("the time is up")
        answer = await invoking

    assert (answer.status, answer.payload) == ("success", b"{}")
    assert records_of(function, "runtimeDone")[0]["status"] == "success"
    assert records_of(function, "report")[0]["status"] == "timeout"
    assert body_of(stage.seen("shutdown late"))["shutdownReason"] == "timeout"


async def test_an_init_that_takes_too_long_is_repeated_in_the_invocation(tmp_path: Path) -> None:
    """The init is broken off after its limit; the invocation does it again, with its own limit."""
    source = f"""
import pathlib, time

marker = pathlib.Path({str(tmp_path / "been_here")!r})
if not marker.exists():
    marker.touch()
    time.sleep(60)

def handler(event, context):
    return "up"
"""
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=source)
    async with LocalLambda(settings_for(stage, init_timeout_s=10)) as function:
        answer = await function.invoke()

    assert (answer.status, answer.payload) == ("success", b'"up"')
    starts, reports = records_of(function, "initStart"), records_of(function, "initReport")
    assert [start["phase"] for start in starts] == ["init", "invoke"]
    assert [report["status"] for report in reports] == ["timeout", "success"]
    assert records_of(function, "initRuntimeDone")[0]["errorType"] == "Runtime.Unknown"
    assert types_of(function)[-3:] == ["start", "runtimeDone", "report"]


async def test_an_error_while_the_module_is_imported_is_the_answer(tmp_path: Path) -> None:
    """The init fails twice, once for itself and once in the invocation, which gets the error."""
    stage = Stage.build(tmp_path, source="raise RuntimeError('at import')")
    async with LocalLambda(settings_for(stage)) as function:
        answer = await function.invoke()

    assert answer.status == "error"
    assert answer.error is not None
    assert (answer.error["errorType"], answer.error["errorMessage"]) == (
        "RuntimeError",
        "at import",
    )
    assert [report["status"] for report in records_of(function, "initReport")] == ["error"] * 2
    assert records_of(function, "runtimeDone")[0]["errorType"] == "Runtime.ExitError"


async def test_an_extension_sees_every_invocation_and_then_the_end(tmp_path: Path) -> None:
    """It gets INVOKE for the invocation that fails, too, and SHUTDOWN after it."""
    runtime = [next_invocation(), respond(), next_invocation("second")]
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, runtime=[*runtime, {"exit": 1}])
    async with LocalLambda(settings_for(stage)) as function:
        first, second = await function.invoke(), await function.invoke()

    assert (first.status, second.status) == ("success", "error")
    assert [body_of(seen)["eventType"] for seen in _listed(stage)] == [
        "INVOKE",
        "INVOKE",
        "SHUTDOWN",
    ]


def _listed(stage: Stage) -> list[dict[str, object]]:
    return [seen for seen in stage.observations() if "until" in seen["label"]]
