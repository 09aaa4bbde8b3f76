"""The launcher picks an interpreter, and lets nothing of the function's environment through."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layer.order import ROOT

FAKE = '#!/bin/sh\necho "$0 $*"\nprintf "[%s] [%s]\\n" "$LD_LIBRARY_PATH" "$LD_PRELOAD"\n'


def program(path: Path) -> Path:
    """Write an interpreter that says how it was called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FAKE)
    path.chmod(0o755)
    return path


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    """A folder like /opt, with the launcher alone."""
    if Path("/var/lang/bin/python3").exists():
        pytest.skip("this machine has the interpreter of a Lambda runtime")
    root = tmp_path / "opt with a space"
    (root / "extensions").mkdir(parents=True)
    shutil.copy(ROOT / "layer/extensions/lambda-dispatch", root / "extensions")
    return root


def launch(opt: Path, **environment: str) -> list[str]:
    """Return the lines that the chosen interpreter prints."""
    done = subprocess.run(
        [opt / "extensions/lambda-dispatch"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_interpreter_of_the_layer_comes_first(opt: Path, tmp_path: Path) -> None:
    """A layer with an interpreter never depends on the image."""
    own = program(opt / "lambda-dispatch/python/bin/python3")
    program(tmp_path / "bin/python3")
    [called, _] = launch(opt, PATH=f"{tmp_path}/bin")
    assert called == f"{own} -I -S {opt}/lambda-dispatch/start.py"


def test_without_one_the_path_decides(opt: Path, tmp_path: Path) -> None:
    """python3 on PATH, as in an image of the user's own."""
    found = program(tmp_path / "bin/python3")
    [called, _] = launch(opt, PATH=f"{tmp_path}/bin")
    assert called == f"{found} -I -S {opt}/lambda-dispatch/start.py"


def test_the_library_path_is_the_interpreters_own(opt: Path, tmp_path: Path) -> None:
    """Not the function's, and not none: a shared libpython lies there."""
    program(tmp_path / "usr/bin/python3")
    hostile = {"LD_LIBRARY_PATH": "/var/task/lib", "LD_PRELOAD": ""}
    [_, libraries] = launch(opt, PATH=f"{tmp_path}/usr/bin", **hostile)
    assert libraries == f"[{tmp_path}/usr/lib] []"


def test_it_is_a_few_lines_that_a_plain_shell_understands() -> None:
    """dash, where there is one, finds nothing to complain about."""
    for script in ("layer/extensions/lambda-dispatch", "layer/stand-in.sh", "build_layer.sh"):
        subprocess.run([shutil.which("dash") or "/bin/sh", "-n", ROOT / script], check=True)
        assert os.access(ROOT / script, os.X_OK) or script == "layer/stand-in.sh"
