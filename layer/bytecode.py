"""Has a tree compiled by the interpreters it is for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

from layer.errors import LayerError

Kind = Literal["library", "library-as-it-is", "standard"]
"""One file of code objects, with and without imports put off, or a .pyc for each source."""

_COMPILE = Path(__file__).with_name("compile_tree.py")
_RECORD = Path(__file__).with_name("record_start.py")


def compile_with(interpreter: Path, *, folder: Path, home: str, kind: Kind) -> None:
    """Compile what is in `folder` and will be unpacked at `home`.

    Raises:
        LayerError: a module cannot be compiled.
    """
    # Without column numbers: a tenth less to ship and to load; tracebacks keep their lines.
    # Without writing what it imports itself: a layer's own Python would leave files with times.
    _run(interpreter, "-S", "-B", "-X", "no_debug_ranges", _COMPILE, kind, folder, home)


def record_start(interpreter: Path, *, library: Path) -> None:
    """Keep the patterns and the texts that the extension in a compiled `library` compiles.

    Raises:
        LayerError: a module cannot be imported.
    """
    _run(interpreter, "-P", "-s", "-S", "-B", "-X", "no_debug_ranges", _RECORD, library)


def _run(interpreter: Path, *arguments: str | Path) -> None:
    done = subprocess.run(
        [interpreter, "-W", "ignore", *arguments],
        # A fixed seed for the order of sets, and nothing else from the environment.
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise LayerError(f"{interpreter} cannot compile the layer: {last}")
