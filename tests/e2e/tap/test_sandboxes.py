"""In a local Lambda and in AWS's emulator, callers get the same answers with the tap."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fidelity.emulator import PYTHON, SITE_PACKAGES, Emulator, why_not
from tests.launchers import ROOT, TAP_WRAPPER
from tests.running_pump import marker_of
from tests.sandbox import Stage, free_port, running

FUNCTIONS = ROOT / "tests/functions/tap"
LARGE = 6_000_000
ROOM_FOR_INIT_S = 10.0
"""A timeout that leaves a suppressed init its time, on a busy machine too."""

TAPPED = {"AWS_LAMBDA_EXEC_WRAPPER": str(TAP_WRAPPER)}
REQUEST_ID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WHERE = {"do": "where"}
EVENTS: Sequence[Mapping[str, object]] = (
    {"a": "é ☃"},
    {"do": "raise"},
    {"a": "x" * LARGE},
    {"size": LARGE},
    {"size": 6_500_000},
    {"a": 2},
    {"do": "exit"},
    {"a": 3},
)
"""Success, error, large, too large, and a crash, with an invocation after each reset."""

EMULATED = ({"a": "é ☃"}, {"do": "raise"}, {"a": "x" * 1_000_000}, *EVENTS[3:6])

KINDS: Mapping[str, Mapping[str, Any]] = {
    "on demand": {},
    "never frozen": {"freeze": False},
    "snap-start": {"initialization_type": "snap-start"},
    "managed": {"initialization_type": "lambda-managed-instances", "max_concurrency": 4},
}


async def run(
    folder: Path, environment: Mapping[str, str], events: Sequence[object], **settings: Any
) -> list[tuple[str, bytes]]:
    """Return the answers to the events, after making sure how the runtime was started."""
    options = {"code": FUNCTIONS, "handler": "app.handler", "reports_handled_errors": True}
    async with running(folder, environment=environment, **{**options, **settings}) as stage:
        answers = [await stage.function.invoke(event) for event in events]
        await check_way(stage, is_tapped=bool(environment))
    return [(each.status, comparable(each.payload)) for each in answers]


async def check_way(stage: Stage, *, is_tapped: bool) -> None:
    """The runtime reaches the Runtime API itself, or the pump."""
    answer = await stage.function.invoke(WHERE)
    address = json.loads(answer.payload)
    assert (address != stage.function.address) == is_tapped, (address, stage.lines)


def comparable(payload: bytes) -> bytes:
    """Return an answer without the request's id, which is another in each run."""
    return REQUEST_ID.sub(b"ID", payload)


@pytest.mark.parametrize("kind", KINDS)
async def test_answers_are_the_same(tmp_path: Path, kind: str) -> None:
    """Whatever the function does."""
    settings = KINDS[kind]
    # A crash of a worker of Managed Instances ends other invocations than its own.
    events = EVENTS[:-2] if kind == "managed" else EVENTS
    direct = await run(tmp_path / "direct", {}, events, **settings)
    tapped = await run(tmp_path / "tapped", TAPPED, events, **settings)
    assert direct == tapped
    assert {status for status, _ in direct} >= {"success", "error"}


async def test_a_timeout_is_followed_by_another_pump(tmp_path: Path) -> None:
    """The reset ends runtime, extension and pump, and starts all of them again."""
    events = [{"a": 1}, {"do": "sleep"}, {"a": 2}, {"do": "sleep"}, {"a": 3}]
    direct, tapped = await asyncio.gather(
        run(tmp_path / "direct", {}, events, timeout_s=ROOM_FOR_INIT_S),
        run(tmp_path / "tapped", TAPPED, events, timeout_s=ROOM_FOR_INIT_S),
    )
    assert direct == tapped
    assert [status for status, _ in tapped] == [
        "success", "timeout", "success", "timeout", "success",
    ]  # fmt: skip


async def test_an_init_that_fails(tmp_path: Path) -> None:
    """The caller gets the error of the runtime."""
    payloads = []
    for environment in ({}, TAPPED):
        folder = tmp_path / str(bool(environment))
        folder.mkdir()
        async with running(
            folder, environment={**environment, "BROKEN": "1"}, code=FUNCTIONS,
            handler="app.handler",
        ) as stage:  # fmt: skip
            [answer] = await stage.invoke({})
            payloads.append(comparable(answer.payload))
    assert payloads[0] == payloads[1]
    assert b"no settings" in payloads[0]


async def test_concurrent_invocations(tmp_path: Path) -> None:
    """Each gets its own answer."""
    folder = tmp_path / "tapped"
    folder.mkdir()
    settings = {"code": FUNCTIONS, "handler": "app.handler", **KINDS["managed"]}
    async with running(folder, environment=TAPPED, **settings) as stage:
        events = [{"size": number * 1000} for number in range(40)]
        answers = await asyncio.gather(*(stage.function.invoke(each) for each in events))
        await check_way(stage, is_tapped=True)
    sizes = [len(json.loads(each.payload)["text"]) for each in answers]
    assert sizes == [number * 1000 for number in range(40)]


@pytest.mark.parametrize(
    ("wrapper", "status"), [("/opt/none", 127), (str(ROOT / "README.md"), 126)]
)
async def test_a_wrapper_that_is_not_there_ends_the_function(
    tmp_path: Path, wrapper: str, status: int
) -> None:
    """As in Lambda, when the layer is removed and the variable stays."""
    environment = {"AWS_LAMBDA_EXEC_WRAPPER": wrapper}
    async with running(
        tmp_path, environment=environment, code=FUNCTIONS, handler="app.handler",
        strict_setup=False,
    ) as stage:  # fmt: skip
        [answer] = await stage.invoke({})
    assert answer.error is not None
    assert answer.error["errorType"] == "Runtime.ExitError"
    assert str(status) in answer.error["errorMessage"]


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "emulator")
@pytest.mark.parametrize("is_managed", [False, True])
async def test_in_the_emulator(tmp_path: Path, *, is_managed: bool) -> None:
    """AWS's own code on the other side of the pump; the wrapper stands before the command."""
    replies, addresses = [], []
    for tapped in (False, True):
        async with emulated(tmp_path / str(tapped), tapped=tapped, is_managed=is_managed) as one:
            events = EMULATED[:3] if is_managed else EMULATED
            answers = [await one.invoke(json.dumps(event).encode()) for event in events]
            where = await one.invoke(json.dumps(WHERE).encode())
            await one.stop()
        replies.append([(each.status, comparable(each.body)) for each in answers])
        marker_of(one.api_port).unlink(missing_ok=True)  # the emulator ends by killing all at once
        addresses.append(json.loads(where.body))
        assert not any("not tapped" in line for line in one.output), one.output
    assert replies[0] == replies[1]
    assert addresses[0] != addresses[1]


def emulated(folder: Path, *, tapped: bool, is_managed: bool) -> Emulator:
    """Return the emulator with function and extension."""
    program = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {SITE_PACKAGES!r}]; "
        "from tests.sabotage import be_patient; be_patient(); "
        "from extension.__main__ import main; main()"
    )
    extensions = folder / "extensions"
    extensions.mkdir(parents=True)
    launcher = extensions / "lambda-dispatch"
    launcher.write_text(f'#!/bin/sh\nexec {PYTHON} -I -c "{program}"\n')
    launcher.chmod(0o755)
    command = (PYTHON, "-m", "awslambdaric", "app.handler")
    return Emulator(
        function=FUNCTIONS,
        extensions=extensions,
        is_managed=is_managed,
        timeout_s=60,  # the emulator counts init, too
        command=(str(TAP_WRAPPER), *command) if tapped else command,
        environment={
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port()),
            **({"DISPATCH_TAP": "true"} if tapped else {}),
            **(
                {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"} if is_managed else {}
            ),
        },
    )
