"""Runs the finished tree once, as Lambda would: both jobs have to do their work."""

from __future__ import annotations

import queue
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from layer.errors import LayerError
from layer.sandbox import (
    DEADLINE_S,
    FUNCTION,
    GETS,
    MOST_INVOCATIONS,
    SIGNALS,
    Sandbox,
    open_sandbox,
)

_ARN = f"arn:aws:lambda:eu-central-1:1:function:{FUNCTION}"

_LIMITS = ("SSM_PARAMETER_STORE_TIMEOUT_MILLIS", "SECRETS_MANAGER_TIMEOUT_MILLIS")
"""Of calls to AWS: a slow machine, or an emulated one, is no fault of the layer."""


def smoke_test(tree: Path, *, interpreter: Path) -> None:
    """Run the launcher of an unpacked layer for one invocation, from register to SHUTDOWN.

    Args:
        tree: What will be /opt.
        interpreter: The python3 that the launcher finds unless the tree has its own.

    Raises:
        LayerError: it did not do what a layer is for; the message says what, and what it printed.
    """
    with _only_python3(interpreter) as programs:
        run_once([tree / "extensions/lambda-dispatch"], path=f"{programs}:/usr/bin:/bin")


def run_once(command: Sequence[str | Path], *, path: str, deadline_s: float = DEADLINE_S) -> None:
    """Run a launcher by its command, with this PATH, for one invocation.

    Raises:
        LayerError: as `smoke_test`, also when anything takes longer than the deadline.
    """
    settings = dict.fromkeys(_LIMITS, str(int(deadline_s * 1000))) | {"DISPATCH_FLUSH": "end"}
    with (
        tempfile.TemporaryFile() as output,
        open_sandbox(deadline_s=deadline_s) as sandbox,
        _running(command, sandbox.environment(path=path) | settings, output) as process,
    ):
        try:
            _invoke(sandbox)
            status = process.wait(deadline_s)
            output.seek(0)
            _judge(sandbox, status=status, output=output.read())
        except (OSError, queue.Empty, subprocess.TimeoutExpired, LayerError) as error:
            output.seek(0)
            said = " ".join(output.read().decode(errors="replace").split()) or "nothing"
            fault = str(error) or type(error).__name__
            raise LayerError(f"the finished layer fails: {fault}; it said: {said}") from error


@contextmanager
def _running(
    command: Sequence[str | Path], environment: dict[str, str], output: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the launcher, and end it if it has not ended by itself."""
    process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _only_python3(interpreter: Path) -> Iterator[Path]:
    """Yield a folder for PATH where python3 is this one, and its libraries are beside it."""
    with tempfile.TemporaryDirectory() as name:
        programs = Path(name, "bin")
        programs.mkdir()
        (programs / "python3").symlink_to(interpreter)
        (programs.parent / "lib").symlink_to(interpreter.parent.parent / "lib")
        yield programs


def _invoke(sandbox: Sandbox) -> None:
    """Play an invocation and the end; more of them while a slow start has yet to export."""
    sandbox.wait_for_next()
    for path, wanted in GETS.items():
        answer = sandbox.get(path)
        if wanted not in answer:
            raise LayerError(f"{path} answered {answer}")
    for number in range(1, MOST_INVOCATIONS + 1):
        _play(sandbox, f"5e0ca5e0-0000-4000-8000-{number:012}")
        if sandbox.has_spans():
            break
    sandbox.tell("SHUTDOWN", shutdownReason="spindown")


def _play(sandbox: Sandbox, request_id: str) -> None:
    request = {"requestId": request_id}
    sandbox.tell("INVOKE", invokedFunctionArn=_ARN, **request)
    sandbox.deliver("platform.start", {"version": "$LATEST", **request})
    sandbox.deliver("function", "a line")
    done = {"status": "success", "metrics": {"durationMs": 1.0, "producedBytes": 1}, **request}
    sandbox.deliver("platform.runtimeDone", done)
    sandbox.wait_for_next()


def _judge(sandbox: Sandbox, *, status: int, output: bytes) -> None:
    if status != 0 or b'"ERROR"' in output or b"started by another Python" in output:
        raise LayerError(f"it ended with status {status}")
    for signal in SIGNALS:
        if not any(FUNCTION.encode() in body for body in sandbox.exported[signal]):
            raise LayerError(f"it sent no {signal}")
