"""How the extension is started in a test: from source, from a built layer, behind limits, broken.

A `Launch` writes the executable that the sandbox starts into the folder it is given.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.launcher import write_launcher

if TYPE_CHECKING:
    from tests.layer.built import LayerTree

NAME = "lambda-dispatch"
ROOT = Path(__file__).parent.parent

Launch = Callable[[Path], Path]


def from_source(folder: Path) -> Path:
    """Start the working tree, with the time limits that it ships with."""
    return write_launcher(folder)


def patient(folder: Path) -> Path:
    """Start the working tree with limits that no stall of the machine reaches."""
    return sabotaged("be_patient()")(folder)


def from_layer(layer: LayerTree) -> Launch:
    """Start a built layer, as it lies in /opt, with the Python that it was built for."""
    path = shlex.quote(layer.environment["PATH"])
    executable = shlex.quote(str(layer.extensions / NAME))
    return lambda folder: _write(folder, f"export PATH={path}\nexec {executable}")


TAP_WRAPPER = ROOT / "layer/lambda-dispatch-tap"
"""Starts the runtime through the pump; it needs nothing beside it."""


def write_wrapper(folder: Path) -> str:
    """Return the path of the wrapper for references, which lies in `folder` as it does in /opt."""
    home = folder / "lambda-dispatch"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "layer/environment.py", home)
    return str(shutil.copy(ROOT / "layer/lambda-dispatch-env", folder))


def behind(launch: Launch, *, shell: str) -> Launch:
    """Start it from a shell that has run the line `shell` before, a ulimit for instance."""

    def write(folder: Path) -> Path:
        real = launch(folder.with_name("behind"))
        return _write(folder, f"{shell}\nexec {shlex.quote(str(real))}")

    return write


def patient_to_the_last(folder: Path) -> Path:
    """Start it so that SHUTDOWN waits, too, for as long as the platform has something to tell."""
    return sabotaged("be_patient()", "be_patient_at_shutdown()")(folder)


def sabotaged(*calls: str) -> Launch:
    """Start the working tree after calls of functions of `tests.sabotage`, given as they read."""
    program = "; ".join(
        [
            f"import sys; sys.path.insert(0, {str(ROOT)!r})",
            "from tests.sabotage import *",
            *calls,
            "from extension.__main__ import main",
            "main()",
        ]
    )
    command = shlex.join([sys.executable, "-I", "-c", program])
    return lambda folder: _write(folder, f"exec {command}")


def _write(folder: Path, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / NAME
    launcher.write_text(f"#!/bin/sh\n{script}\n")
    launcher.chmod(0o755)
    return launcher
