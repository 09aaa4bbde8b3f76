"""The life of a sandbox with scripted extensions: init, invocations, freeze, shutdown."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from simulator.local_lambda import LocalLambda
from tests.scripted.stage import Stage
from tests.scripted.steps import (
    INVOKE_AND_SHUTDOWN,
    SHUTDOWN_ONLY,
    STAY,
    call,
    next_event,
    next_invocation,
    register,
    respond,
)
from tests.simulator.running import (
    body_of,
    lines_of,
    records_of,
    settings_for,
    state_of,
    types_of,
)
from tests.waiting import until

STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
SERVE_ONE = [next_invocation(), respond(), next_invocation("idle")]

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


async def test_a_function_answers(tmp_path: Path) -> None:
    """AWS's own runtime client runs the handler; only the first answer is a cold start."""
    stage = Stage.build(tmp_path)
    async with LocalLambda(settings_for(stage)) as function:
        cold, warm = await function.invoke({"a": [1]}), await function.invoke(b'"raw"')

    assert (cold.status, json.loads(cold.payload), cold.error) == ("success", {"a": [1]}, None)
    assert (cold.cold_start, warm.cold_start) == (True, False)
    assert json.loads(warm.payload) == "raw"


async def test_no_runtime_before_all_extensions_have_registered(tmp_path: Path) -> None:
    """The runtime starts after the slowest extension has registered."""
    slow = [{"wait_for": "register one"}, register("two", INVOKE_AND_SHUTDOWN), *STAY]
    stage = Stage.build(tmp_path, extensions={"one": STAYING, "two": slow}, runtime=SERVE_ONE)
    async with LocalLambda(settings_for(stage)) as function:
        await function.invoke()

    starts = [seen for seen in stage.observations() if seen["label"] == "starts"]
    assert starts[-1]["actor"] == "runtime"
    assert starts[-1]["time"] > stage.seen("register two")["time"]


async def test_an_init_ends_when_everybody_has_asked_for_an_event(tmp_path: Path) -> None:
    """A slow extension holds up the end of the init, and with it the first invocation."""
    slow = [
        register("one", INVOKE_AND_SHUTDOWN),
        {"wait_for": "the runtime has waited"},
        {"print": "busy"},
        *STAY,
    ]
    runtime = [call("runtime is up", "GET", "/2018-06-01/ping"), *SERVE_ONE]
    stage = Stage.build(tmp_path, extensions={"one": slow}, runtime=runtime)
    async with LocalLambda(settings_for(stage)) as function:
        starting = asyncio.create_task(function.start())
        await until(lambda: "runtime is up" in stage.labels())
        assert types_of(function) == ["initStart"]
        stage.note("the runtime has waited")
        await starting
        assert types_of(function) == ["initStart", "initRuntimeDone", "extension", "initReport"]
        await function.invoke()

    assert lines_of(function, "extension") == ["busy\n"]
    [ready] = records_of(function, "extension")
    assert ready == {"name": "one", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}


async def test_invoke_reaches_all_who_registered_for_it(tmp_path: Path) -> None:
    """Every INVOKE subscriber gets the same event, without the payload; others get none."""
    stage = Stage.build(
        tmp_path,
        extensions={
            "one": [register("one", INVOKE_AND_SHUTDOWN), next_event("one invoked"), *STAY],
            "two": [register("two", {"events": ["INVOKE"]}), next_event("two invoked"), *STAY],
            "idle": [register("idle", SHUTDOWN_ONLY), next_event("idle shutdown"), {"exit": 0}],
        },
    )
    async with LocalLambda(settings_for(stage, name="orders")) as function:
        answer = await function.invoke({"secret": 1})

    one, two = body_of(stage.seen("one invoked")), body_of(stage.seen("two invoked"))
    assert one == two
    assert set(one) == {
        "eventType",
        "deadlineMs",
        "requestId",
        "invokedFunctionArn",
        "tracing",
    }
    assert (one["eventType"], one["requestId"]) == ("INVOKE", answer.request_id)
    assert one["invokedFunctionArn"].endswith(":function:orders")
    assert body_of(stage.seen("idle shutdown"))["eventType"] == "SHUTDOWN"


async def test_an_invocation_ends_with_the_last_next(tmp_path: Path) -> None:
    """What an extension does after the answer is part of the invocation, and before its report."""
    working = [
        register("one", INVOKE_AND_SHUTDOWN),
        next_event("invoked"),
        {"wait_for": "the function is done"},
        {"print": "still working"},
        *STAY,
    ]
    stage = Stage.build(tmp_path, extensions={"one": working}, runtime=SERVE_ONE)
    async with LocalLambda(settings_for(stage)) as function:
        invoking = asyncio.create_task(function.invoke())
        await until(lambda: records_of(function, "runtimeDone"))
        assert records_of(function, "report") == []
        stage.note("the function is done")
        answer = await invoking

    assert types_of(function, platform_only=False)[-4:] == [
        "start",
        "runtimeDone",
        "extension",
        "report",
    ]
    assert answer.after_response_ms > 0
    [report] = records_of(function, "report")
    assert report["metrics"]["durationMs"] >= answer.duration_ms + answer.after_response_ms - 1


@needs_proc
async def test_between_invocations_everything_stands_still(tmp_path: Path) -> None:
    """All processes are stopped after an init and after an invocation, and go on for the next."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING})
    async with LocalLambda(settings_for(stage)) as function:
        await function.start()
        for _ in range(2):
            await until(lambda: [state_of(pid) for pid in function.pids] == ["T", "T"])
            assert (await function.invoke()).status == "success"


@needs_proc
async def test_freezing_can_be_switched_off(tmp_path: Path) -> None:
    """Without the freeze processes stay awake between invocations."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING})
    async with LocalLambda(settings_for(stage, freeze=False)) as function:
        await function.invoke()
        assert "T" not in [state_of(pid) for pid in function.pids]


async def test_shutdown_is_told_and_waited_for(tmp_path: Path) -> None:
    """The runtime gets SIGTERM, an extension a SHUTDOWN event with 2 seconds to exit."""
    last = [register("one", INVOKE_AND_SHUTDOWN), next_event("shutdown"), {"exit": 3}]
    stage = Stage.build(tmp_path, extensions={"one": last})
    function = LocalLambda(settings_for(stage))
    await function.start()
    await function.shutdown()
    await function.shutdown()

    shutdown = stage.seen("shutdown")
    assert shutdown["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert set(body_of(shutdown)) == {"eventType", "deadlineMs", "shutdownReason"}
    assert body_of(shutdown)["shutdownReason"] == "spindown"
    ends = {ended.name: (ended.returncode, ended.killed) for ended in function.exits}
    assert ends == {"runtime": (-signal.SIGTERM, False), "one": (3, False)}


async def test_who_does_not_want_a_shutdown_is_killed_at_once(tmp_path: Path) -> None:
    """An extension without SHUTDOWN gets no time; one that overstays its time gets no more."""
    stage = Stage.build(
        tmp_path,
        extensions={
            "deaf": [register("deaf", {"events": ["INVOKE"]}), next_event("deaf shutdown")],
            "lazy": [register("lazy", SHUTDOWN_ONLY), next_event("lazy shutdown"), {"sleep": 60}],
        },
    )
    async with LocalLambda(settings_for(stage, shutdown_timeout_s=10)) as function:
        await function.start()

    ends = [(ended.name, ended.returncode, ended.killed) for ended in function.exits]
    assert ends == [
        ("runtime", -signal.SIGTERM, False),
        ("deaf", -signal.SIGKILL, True),
        ("lazy", -signal.SIGKILL, True),
    ]
    assert "deaf shutdown" not in stage.labels()


async def test_without_extensions_the_runtime_gets_no_time(tmp_path: Path) -> None:
    """A function alone is killed without being asked."""
    stage = Stage.build(tmp_path)
    async with LocalLambda(settings_for(stage)) as function:
        await function.start()

    [ended] = function.exits
    assert (ended.returncode, str(ended)) == (-signal.SIGKILL, "signal: killed")


async def test_an_internal_extension_takes_part(tmp_path: Path) -> None:
    """An extension inside the runtime gets INVOKE, and the invocation waits for it, too."""
    runtime = [
        register("inner", {"events": ["INVOKE"]}),
        next_event("inner invoked", background=True),
        *SERVE_ONE[:2],
        {"wait_for": "inner invoked"},
        next_event("inner waits", background=True),
        next_invocation("idle"),
    ]
    stage = Stage.build(tmp_path, runtime=runtime)
    async with LocalLambda(settings_for(stage)) as function:
        assert (await function.invoke()).status == "success"

    assert body_of(stage.seen("inner invoked"))["eventType"] == "INVOKE"
    assert records_of(function, "extension")[0]["name"] == "inner"


async def test_a_provisioned_sandbox_says_so(tmp_path: Path) -> None:
    """Extensions and telemetry learn how the sandbox was started."""
    kind = "provisioned-concurrency"
    source = (
        "import os\n\ndef handler(*_):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
    )
    stage = Stage.build(tmp_path, source=source)
    async with LocalLambda(settings_for(stage, initialization_type=kind)) as function:
        await function.start()
        answer = await function.invoke()

    assert json.loads(answer.payload) == kind
    for name in ("initStart", "initRuntimeDone", "initReport"):
        assert records_of(function, name)[0]["initializationType"] == kind


async def test_the_runtime_gets_what_the_caller_sent(tmp_path: Path) -> None:
    """Payload, client context, tenant and trace reach the runtime as body and headers."""
    stage = Stage.build(tmp_path, runtime=SERVE_ONE)
    async with LocalLambda(settings_for(stage, tracing="pass-through")) as function:
        await function.invoke(
            {"n": 1}, trace_header="Root=1-2-3", client_context='{"c":1}', tenant_id="blue"
        )

    seen = stage.seen("runtime next")
    wanted = {
        "Lambda-Runtime-Trace-Id": "Root=1-2-3",
        "Lambda-Runtime-Client-Context": '{"c":1}',
        "Lambda-Runtime-Aws-Tenant-Id": "blue",
    }
    assert wanted.items() <= seen["headers"].items()
    assert body_of(seen) == {"n": 1}
    assert records_of(function, "start")[0]["tenantId"] == "blue"


@needs_proc
async def test_extensions_see_no_more_than_lambda_shows(tmp_path: Path) -> None:
    """The environment a running extension was given holds nothing of the simulator's own."""
    stage = Stage.build(tmp_path)
    stage.add_program("nosy", "#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/environ\nexit 1\n")
    settings = settings_for(stage, strict_setup=False, environment={"MINE": "1"})
    async with LocalLambda(settings) as function:
        await function.start()

    variables = [line.partition("=")[0] for line in lines_of(function, "extension")]
    assert sorted(variables) == [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LANG",
        "MINE",
        "PATH",
        "TZ",
    ]
