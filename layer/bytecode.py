"""Has a tree compiled by the interpreters it is for."""

from __future__ import annotations

import subprocess
from pathlib import Path

from layer.errors import LayerError

_PROGRAM = Path(__file__).with_name("compile_tree.py")


def compile_with(interpreter: Path, *, folder: Path, home: str) -> None:
    """Compile what lies in `folder` and will be unpacked at `home`.

    Raises:
        LayerError: a module cannot be compiled.
    """
    done = subprocess.run(
        # Without column numbers: a tenth less to ship and to load; tracebacks keep their lines.
        [interpreter, "-S", "-W", "ignore", "-X", "no_debug_ranges", _PROGRAM, folder, home],
        # A fixed seed for the order of sets, and nothing else from the environment.
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise LayerError(f"{interpreter} cannot compile the layer: {last}")
