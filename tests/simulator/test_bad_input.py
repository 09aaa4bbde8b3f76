"""A set-up that cannot work is refused in one clear line, and leaves no process behind."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import pytest

from simulator.errors import SimulatorError
from simulator.local_lambda import LocalLambda
from tests.scripted.stage import Stage
from tests.scripted.steps import INVOKE_AND_SHUTDOWN, STAY, register
from tests.simulator.running import records_of, settings_for, state_of
from tests.waiting import until

STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
FLOOD = "#!/bin/sh\nwhile :; do echo flood; done\n"


async def refusal(stage: Stage, **changes: object) -> str:
    """Return the one line that an invocation is refused with."""
    [line] = await refusal_lines(stage, **changes)
    return line


async def refusal_lines(stage: Stage, **changes: object) -> list[str]:
    """Return what an invocation is refused with; nothing may run after it."""
    function = LocalLambda(settings_for(stage, **changes))
    with pytest.raises(SimulatorError) as refused:
        async with function:
            await function.invoke()
    assert [state_of(ended.pid) for ended in function.exits] == [""] * len(function.exits)
    return str(refused.value).split("\n")


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The folder of the function, and that of the extensions, must exist."""
    stage, nowhere = Stage.build(tmp_path), tmp_path / "nowhere"

    assert await refusal(stage, extensions=nowhere) == (
        f"{nowhere}: there is no such folder with extensions"
    )
    for path in stage.function.iterdir():
        path.unlink()
    stage.function.rmdir()
    assert await refusal(stage) == f"{stage.function}: there is no such folder with a function"


@pytest.mark.parametrize(
    ("handler", "problem"),
    [
        ("handler", "should be MODULE.FUNCTION, as in handler.handler"),
        ("other.handler", "there is no file "),
        ("handler.other", "Handler 'other' missing on module 'handler'"),
    ],
)
async def test_a_handler_that_is_not_there(tmp_path: Path, handler: str, problem: str) -> None:
    """The line names the handler and what is missing."""
    line = await refusal(Stage.build(tmp_path), handler=handler)

    assert line.startswith(f"handler {handler!r}: {problem}")


async def test_a_runtime_that_is_no_program(tmp_path: Path) -> None:
    """A runtime that cannot be started is named."""
    line = await refusal(Stage.build(tmp_path), runtime=("/no/such/program",))

    assert line == (
        "the runtime cannot be started: fork/exec /no/such/program: no such file or directory"
    )


async def test_an_extension_without_run_bit(tmp_path: Path) -> None:
    """The line says which file, and how to correct it."""
    stage = Stage.build(tmp_path)
    path = stage.add_program("one", "#!/bin/sh\n")
    path.chmod(0o644)

    assert await refusal(stage) == f"{path}: is not executable; chmod +x it"


async def test_an_extension_that_is_no_program(tmp_path: Path) -> None:
    """A file that cannot be executed is named, with the system's reason."""
    stage = Stage.build(tmp_path)
    path = stage.add_program("one", "#!/no/such/interpreter\n")

    assert (await refusal(stage)).startswith(f"{path}: cannot be launched: ")


async def test_an_extension_that_never_registers(tmp_path: Path) -> None:
    """The init limit ends the wait, and the line names the silent extension."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING})
    path = stage.add_program("mute", "#!/bin/sh\nexec sleep 60\n")

    assert await refusal(stage, init_timeout_s=3) == f"{path}: did not register within 3 s"


async def test_an_extension_that_exits_too_early(tmp_path: Path) -> None:
    """Whether before or after it registered, the line tells the exit status."""
    stage = Stage.build(tmp_path)
    path = stage.add_program("early", "#!/bin/sh\nexit 3\n")
    assert await refusal(stage) == f"{path}: ended before it registered (exit status 3)"

    stage.add_extension("early", [register("early", {}), {"exit": 0}])
    assert await refusal(stage) == f"{path}: ended before it was ready (exit code 0)"


async def test_what_an_extension_printed_last_is_told(tmp_path: Path) -> None:
    """Only it knows why it ended."""
    stage = Stage.build(tmp_path)
    script = "#!/bin/sh\nseq 100\necho 'Traceback'\necho '  of it'\nexit 1\n"
    path = stage.add_program("early", script)
    first, *lines = await refusal_lines(stage)
    assert first == f"{path}: ended before it registered (exit status 1)"
    assert lines[-2:] == ["    Traceback", "      of it"]
    assert len(lines) == 20


async def test_an_extension_that_prints_without_end(tmp_path: Path) -> None:
    """Output beyond the limit ends the run instead of filling the memory."""
    stage = Stage.build(tmp_path)
    stage.add_program("loud", FLOOD)

    assert await refusal(stage, output_limit_bytes=50_000) == (
        "loud: printed more than 50000 bytes in one init or invocation"
    )


async def test_a_function_that_prints_without_end(tmp_path: Path) -> None:
    """The limit holds for the function, too."""
    source = "def handler(event, context):\n    while True:\n        print('flood')\n"
    stage = Stage.build(tmp_path, source=source)

    assert await refusal(stage, output_limit_bytes=50_000) == (
        "runtime: printed more than 50000 bytes in one init or invocation"
    )


async def test_an_eleventh_external_extension(tmp_path: Path) -> None:
    """Lambda starts ten; the folder with one more is refused."""
    stage = Stage.build(tmp_path)
    for number in range(11):
        stage.add_program(f"e{number:02}", "#!/bin/sh\n")

    assert (await refusal(stage)).endswith("e10: cannot be launched: more than 10 extensions")


async def test_a_port_in_use(tmp_path: Path) -> None:
    """The line says which address is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = await refusal(Stage.build(tmp_path), port=port)

    assert line == f"the Runtime API's port: 127.0.0.1:{port} is in use"


async def test_lambdas_own_answer_to_a_broken_set_up(tmp_path: Path) -> None:
    """Without strict set-up the invocation fails as it would on Lambda."""
    stage = Stage.build(tmp_path)
    stage.add_program("one", "#!/bin/sh\n").chmod(0o644)
    async with LocalLambda(settings_for(stage, strict_setup=False)) as function:
        answer = await function.invoke()

    assert answer.error is not None
    assert answer.error["errorType"] == "Extension.LaunchError"
    assert records_of(function, "extension")[0] == {
        "name": "one",
        "state": "LaunchError",
        "events": [],
        "errorType": "PermissionDenied",
    }


async def test_lambdas_own_answer_to_a_silent_extension(tmp_path: Path) -> None:
    """The init times out for itself, and again within the invocation, which reports it."""
    stage = Stage.build(tmp_path)
    stage.add_program("mute", "#!/bin/sh\nexec sleep 60\n")
    settings = settings_for(stage, strict_setup=False, init_timeout_s=0.3, timeout_s=0.3)
    async with LocalLambda(settings) as function:
        answer = await function.invoke()

    assert answer.status == "timeout"
    assert answer.error is not None
    assert answer.error["errorMessage"].endswith("Task timed out after 0.30 seconds")
    assert [record["status"] for record in records_of(function, "initReport")] == ["timeout"] * 2
    assert records_of(function, "initRuntimeDone") == []


async def test_nothing_is_left_after_an_exception(tmp_path: Path) -> None:
    """An exception in the caller's code ends all processes, frozen ones included."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING})
    function = LocalLambda(settings_for(stage))

    async def fail() -> None:
        async with function:
            await function.invoke()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert len(function.exits) == 2
    assert [state_of(ended.pid) for ended in function.exits] == ["", ""]


async def test_nothing_is_left_after_a_cancellation(tmp_path: Path) -> None:
    """A task that is cancelled in the middle of an invocation takes its processes along."""
    source = "import time\n\ndef handler(event, context):\n    print('up')\n    time.sleep(60)\n"
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=source)
    printed: list[str] = []
    function = LocalLambda(settings_for(stage), on_line=lambda line: printed.append(line.text))

    async def invoke() -> None:
        async with function:
            await function.invoke()

    task = asyncio.create_task(invoke())
    await until(lambda: "up\n" in printed)
    pids = function.pids
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [state_of(pid) for pid in pids] == ["", ""]


@pytest.mark.skipif(sys.platform != "linux", reason="finds strays in /proc")
async def test_nothing_is_left_of_a_child_that_ran_away(tmp_path: Path) -> None:
    """A process that left its group ends with the sandbox, too."""
    source = """
import subprocess

child = subprocess.Popen(["sleep", "60"], start_new_session=True)

def handler(event, context):
    return child.pid
"""
    async with LocalLambda(settings_for(Stage.build(tmp_path, source=source))) as function:
        stray = int((await function.invoke()).payload)
        assert state_of(stray) not in {"", "Z"}

    assert [ended.returncode for ended in function.exits] == [-signal.SIGKILL]
    await until(lambda: state_of(stray) in {"", "Z"})
