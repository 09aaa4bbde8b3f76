"""The wrapper for references starts the command line, whatever stands in DISPATCH_ENV_NEXT."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.launchers import TAP_WRAPPER, write_wrapper
from tests.layer.wrapping import FOUND, WRONG, program, wrong_program

VALUES = {
    "without references": "none",
    "with references": "{{resolve:",
    "without a Python": "{{resolve:",
}
"""Of a variable; there is no cache, and DISPATCH_ENV_ON_ERROR lets the function start."""

ECHO = ("printf", "<%s>", "a b", "", "$x", "\n")
ECHOED = "<a b><><$x><\n>"

pytestmark = [pytest.mark.parametrize("shell", FOUND), pytest.mark.parametrize("kind", VALUES)]


@pytest.fixture
def wrapper(tmp_path: Path, kind: str) -> Path:
    """The wrapper, which finds environment.py or not."""
    path = Path(write_wrapper(tmp_path / "opt"))
    if kind == "without a Python":
        (path.parent / "lambda-dispatch/environment.py").unlink()
    return path


def wrapped(
    shell: str, wrapper: Path, kind: str, *command: str, **environment: str
) -> tuple[str, list[str]]:
    """Run a command line behind the wrapper; return what it wrote, and the wrapper's messages."""
    given = {"VALUE": VALUES[kind], "DISPATCH_ENV_ON_ERROR": "keep", **environment}
    done = subprocess.run(
        [*shell.split(), str(wrapper), *command], env={"PATH": os.environ["PATH"], **given},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    own = [line for line in done.stdout.splitlines() if line.startswith('{"extension"')]
    output = done.stdout
    for line in own:
        output = output.replace(f"{line}\n", "")
    messages = [json.loads(line)["message"] for line in own]
    return output, [each for each in messages if each != "environment not resolved"]


@pytest.mark.parametrize("named", [*WRONG, "unfound"])
def test_a_wrong_next_wrapper_does_not_end_the_function(
    shell: str, kind: str, wrapper: Path, tmp_path: Path, named: str
) -> None:
    """The command line is started without it, with one line."""
    unfound = "lambda-dispatch-unfound"
    path = unfound if named == "unfound" else wrong_program(tmp_path / named, named)
    output, messages = wrapped(shell, wrapper, kind, *ECHO, DISPATCH_ENV_NEXT=path)
    assert (output, messages) == (ECHOED, ["next wrapper not started"])


def test_the_next_wrapper_gets_the_command_line(
    shell: str, kind: str, wrapper: Path, tmp_path: Path
) -> None:
    """By its path or by its name in PATH; its variable is gone."""
    text = '#!/bin/sh\nprintf "next %s " "${DISPATCH_ENV_NEXT-unset}"\nexec "$@"\n'
    following = program(tmp_path / "the next", text)
    path = f"{tmp_path}:{os.environ['PATH']}"
    for named in (following, "the next"):
        done = wrapped(shell, wrapper, kind, *ECHO, DISPATCH_ENV_NEXT=named, PATH=path)
        assert done == (f"next unset {ECHOED}", [])


def test_wrappers_that_name_each_other_come_to_an_end(shell: str, kind: str, wrapper: Path) -> None:
    """Also one that names itself."""
    for named in (wrapper, TAP_WRAPPER):
        environment = {"DISPATCH_ENV_NEXT": str(named), "DISPATCH_TAP_NEXT": str(wrapper)}
        assert wrapped(shell, wrapper, kind, *ECHO, **environment) == (ECHOED, [])


def test_standard_output_that_nobody_reads(
    shell: str, kind: str, wrapper: Path, tmp_path: Path
) -> None:
    """The lines are lost, and the runtime starts."""
    reading, writing = os.pipe()
    os.close(reading)
    subprocess.run(
        [*shell.split(), str(wrapper), "touch", "started"], cwd=tmp_path, stdout=writing,
        env={"PATH": os.environ["PATH"], "VALUE": VALUES[kind], "DISPATCH_ENV_ON_ERROR": "keep",
             "DISPATCH_ENV_NEXT": "/none"},
        timeout=60, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (tmp_path / "started").exists()


def test_the_command_is_ended_by_the_signals_that_end_it_without_the_wrapper(
    shell: str, kind: str, wrapper: Path
) -> None:
    """Python ignores SIGPIPE; the runtime must not inherit that."""
    written = "kill -PIPE $$; echo alive"
    assert wrapped(shell, wrapper, kind, "/bin/sh", "-c", written) == ("", [])
