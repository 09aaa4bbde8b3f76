"""What a reset leaves as it is: /tmp and the share of the CPU, as the virtual machine stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.local_lambda import LocalLambda
from simulator.sandbox.private_tmp import PrivateTmp, visible_entries
from simulator.settings import FunctionSettings
from tests.scripted.stage import Stage
from tests.scripted.steps import INVOKE_AND_SHUTDOWN, STAY, register
from tests.simulator.running import records_of, settings_for

STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
NOTES = Path("/tmp/started")
NOTES_STARTS = """
import os, pathlib, time

notes = pathlib.Path("/tmp/started")
with notes.open("a") as file:
    file.write("x")

def handler(event, context):
    if event == "exit":
        os._exit(1)
    if event == "hang":
        time.sleep(600)
    return notes.read_text()
"""


def _can_mount() -> bool:
    tmp = PrivateTmp(())
    tmp.close()
    return tmp.is_private


needs_mounts = pytest.mark.skipif(not _can_mount(), reason="may not mount")


@needs_mounts
@pytest.mark.parametrize("trouble", ["exit", "hang"])
async def test_tmp_survives_a_reset(tmp_path: Path, trouble: str) -> None:
    """After a crash or a timeout the next init finds what the last one has written."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=NOTES_STARTS)
    async with LocalLambda(settings_for(stage, timeout_s=10)) as function:
        before = await function.invoke()
        await function.invoke(trouble)
        after = await function.invoke()

    assert (json.loads(before.payload), json.loads(after.payload)) == ("x", "xx")
    assert [start["phase"] for start in records_of(function, "initStart")] == ["init", "invoke"]


@needs_mounts
async def test_tmp_survives_an_init_that_fails(tmp_path: Path) -> None:
    """An init that is repeated inside the invocation finds what the first one has written."""
    source = NOTES_STARTS + "\nif notes.read_text() == 'x':\n    raise RuntimeError('not yet')\n"
    stage = Stage.build(tmp_path, source=source)
    async with LocalLambda(settings_for(stage)) as function:
        answer = await function.invoke()

    assert json.loads(answer.payload) == "xx"


@needs_mounts
async def test_tmp_ends_with_the_sandbox(tmp_path: Path) -> None:
    """No other sandbox, before or after, finds it; nor does the machine."""
    stage = Stage.build(tmp_path, source=NOTES_STARTS)
    for _ in range(2):
        async with LocalLambda(settings_for(stage)) as function:
            answer = await function.invoke()
        assert json.loads(answer.payload) == "x"

    assert not _is_on_the_machine(NOTES)


@needs_mounts
def test_nothing_of_the_machine_is_removed(tmp_path: Path) -> None:
    """What stays visible in the sandbox's /tmp is still there when that has been removed."""
    kept = tmp_path / "kept"
    kept.write_text("mine")
    visible = visible_entries(FunctionSettings(code=tmp_path))
    tmp = PrivateTmp(visible)
    seen = tmp.run(kept.read_text) if visible else "mine"
    entries = tmp.run(lambda: {path.name for path in Path("/tmp").iterdir()})
    tmp.close()

    assert (seen, entries) == ("mine", visible)
    assert kept.read_text() == "mine"


@needs_mounts
async def test_extensions_and_function_share_tmp(tmp_path: Path) -> None:
    """The function finds what an extension has written there before it."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=NOTES_STARTS)
    actor = (stage.extensions / "one").rename(tmp_path / "one")
    launcher = stage.extensions / "one"
    launcher.write_text(f"#!/bin/sh\nprintf e >/tmp/started\nexec {actor}\n")
    launcher.chmod(0o755)
    async with LocalLambda(settings_for(stage)) as function:
        answer = await function.invoke()

    assert json.loads(answer.payload) == "ex"


def test_only_what_is_named_stays_visible(tmp_path: Path) -> None:
    """Of the machine's /tmp the sandbox sees entries that the settings name, if they are there."""
    named = {"A": "/tmp/is-not-there/x", "B": f"{tmp_path}:/tmp/neither"}
    entries = visible_entries(FunctionSettings(code=Path("/var/task"), environment=named))

    assert {"is-not-there", "neither"}.isdisjoint(entries)
    assert all(Path("/tmp", entry).exists() for entry in entries)


def _is_on_the_machine(path: Path) -> bool:
    return path.exists()
