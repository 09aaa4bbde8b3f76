"""The bodies of refused calls, word for word; extensions show them in their logs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simulator.local_lambda import LocalLambda
from tests.scripted.stage import Stage
from tests.scripted.steps import (
    ERROR_TYPE,
    EXTENSION,
    IDENTIFIER,
    INVOKE_AND_SHUTDOWN,
    OWN,
    RUNTIME,
    SHUTDOWN_ONLY,
    STAY,
    STRANGER,
    call,
    fail,
    next_event,
    next_invocation,
    register,
    respond,
    subscribe,
    wanted,
)
from tests.simulator.running import body_of, settings_for

ANSWERED = "RuntimeResponseSentState"
NOT_ALLOWED = "Error: State transition is not allowed"

EXTENSION_STEPS = [
    register("", {}, label="no name"),
    register("one", "", label="no body"),
    register("one", [], label="no object"),
    register("one", {"configurationKeys": ["k"]}, label="configuration keys"),
    register("one", {"events": ["FOO"]}, label="unknown event"),
    register("other", SHUTDOWN_ONLY, label="internal for SHUTDOWN"),
    register("one", INVOKE_AND_SHUTDOWN),
    register("one", INVOKE_AND_SHUTDOWN, label="twice"),
    call("no identifier", "GET", f"{EXTENSION}/event/next"),
    call("no UUID", "GET", f"{EXTENSION}/event/next", headers={IDENTIFIER: "me"}),
    call("stranger", "GET", f"{EXTENSION}/event/next", headers=STRANGER),
    subscribe("stranger subscribes", wanted(), headers=STRANGER),
    fail("init", "no error type", OWN),
    fail("exit", "stranger fails", STRANGER | {ERROR_TYPE: "Extension.X"}),
    next_event("first next"),
    fail("init", "init error too late", OWN | {ERROR_TYPE: "Extension.X"}),
    *STAY,
]
RUNTIME_STEPS = [
    register("inner", {}, label="internal"),
    next_event("internal waits", background=True),
    register("inner", {}, label="internal twice"),
    next_invocation(),
    register("late", {}, label="too late"),
    call("other id", "POST", f"{RUNTIME}/invocation/other/response"),
    call("init error while running", "POST", f"{RUNTIME}/init/error", body={}),
    respond(size=6 * 1024 * 1024 + 101, label="too large"),
    respond("answered already"),
    next_invocation("second"),
    respond("odd mode", headers={"Lambda-Runtime-Function-Response-Mode": "odd"}),
    {"exit": 0},
]
EXPECTED = {
    "no name": (403, "Extension.InvalidExtensionName", "Empty extension name"),
    "no body": (403, "InvalidRequestFormat", "unexpected end of JSON input"),
    "no object": (403, "InvalidRequestFormat", "the body should be a JSON object"),
    "configuration keys": (
        403,
        "InvalidRequestFormat",
        "configurationKeys are deprecated; use environment variables instead",
    ),
    "unknown event": (403, "Extension.InvalidEventType", "FOO: ErrorInvalidEventType"),
    "internal for SHUTDOWN": (
        403,
        "Extension.InvalidEventType",
        "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
    ),
    "twice": (
        403,
        "Extension.InvalidExtensionState",
        f"State transition from Registered to Registered failed for extension one. {NOT_ALLOWED}",
    ),
    "no identifier": (
        403,
        "Extension.MissingExtensionIdentifier",
        "Missing Lambda-Extension-Identifier header",
    ),
    "no UUID": (
        403,
        "Extension.InvalidExtensionIdentifier",
        "Invalid Lambda-Extension-Identifier",
    ),
    "stranger": (
        403,
        "Extension.UnknownExtensionIdentifier",
        f"Unknown extension {STRANGER[IDENTIFIER]}",
    ),
    "stranger subscribes": (
        403,
        "Extension.UnknownExtensionIdentifier",
        f"Unknown extension {STRANGER[IDENTIFIER]}",
    ),
    "no error type": (403, "Extension.MissingHeader", f"{ERROR_TYPE} not found"),
    "stranger fails": (
        403,
        "Extension.UnknownExtensionIdentifier",
        "Unknown Lambda-Extension-Identifier",
    ),
    "internal twice": (
        403,
        "Extension.InvalidExtensionState",
        "Extension with this name already registered",
    ),
    "too late": (
        403,
        "Extension.RegistrationClosed",
        "Extension registration closed already",
    ),
    "other id": (400, "InvalidRequestID", "Invalid request ID"),
    "init error while running": (
        403,
        "InvalidStateTransition",
        f"State transition from Running to InitError failed for runtime. {NOT_ALLOWED}",
    ),
    "too large": (
        413,
        "RequestEntityTooLarge",
        "Exceeded maximum allowed payload size (6291556 bytes).",
    ),
    "answered already": (
        403,
        "InvalidStateTransition",
        f"State transition from {ANSWERED} to InvocationResponse failed for runtime. {NOT_ALLOWED}",
    ),
    "odd mode": (400, "InvalidFunctionResponseMode", "Invalid function response mode"),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Return what a scripted extension and a scripted runtime noted in one run."""
    played = Stage.build(
        tmp_path_factory.mktemp("refusals"),
        extensions={"one": EXTENSION_STEPS},
        runtime=RUNTIME_STEPS,
    )
    asyncio.run(invoke_twice(played))
    return played


async def invoke_twice(stage: Stage) -> None:
    """Run the stage's function for two invocations."""
    async with LocalLambda(settings_for(stage)) as function:
        await function.invoke()
        await function.invoke()


@pytest.mark.parametrize("label", EXPECTED)
def test_a_refusal_reads_as_on_lambda(stage: Stage, label: str) -> None:
    """Status, errorType and errorMessage are those of AWS's own server."""
    status, error_type, message = EXPECTED[label]

    seen = stage.seen(label)
    assert (seen["status"], seen["headers"]["Content-Type"]) == (status, "application/json")
    assert body_of(seen) == {"errorMessage": message, "errorType": error_type}
    assert seen["body"].endswith("\n")


def test_errors_are_for_those_who_are_not_ready_yet(stage: Stage) -> None:
    """After the first /next an init error comes too late."""
    refusal = body_of(stage.seen("init error too late"))
    assert refusal["errorType"] == "Extension.InvalidExtensionState"
    assert refusal["errorMessage"].startswith("State transition from Running to InitError failed")


async def test_the_eleventh_extension_is_refused(tmp_path: Path) -> None:
    """Ten extensions may register, internal ones included."""
    inner = [
        step
        for number in range(10)
        for step in (register(f"n{number}", {}), next_event(f"n{number} waits", background=True))
    ]
    runtime = [*inner, register("n10", {}), next_invocation(), respond(), next_invocation("idle")]
    stage = Stage.build(tmp_path, runtime=runtime)
    async with LocalLambda(settings_for(stage)) as function:
        await function.invoke()

    assert [stage.seen(f"register n{number}")["status"] for number in (9, 10)] == [200, 403]
    assert body_of(stage.seen("register n10")) == {
        "errorMessage": "Extension limit (10) reached",
        "errorType": "Extension.TooManyExtensions",
    }
