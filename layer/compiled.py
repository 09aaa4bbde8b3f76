"""Loads every compiled module, because a silent fallback to Python is ten times slower."""

from __future__ import annotations

import subprocess
from pathlib import Path

from layer.errors import LayerError

_PROGRAM = """
import importlib, sys
sys.path.append(sys.argv[1])
import code_file
code_file.install(sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def load_compiled(library: Path, *, interpreter: Path, tag: str) -> None:
    """Import what this interpreter, whose files carry `tag`, is to find compiled in `library`.

    Raises:
        LayerError: one cannot be loaded.
    """
    names = sorted(
        ".".join((*path.parent.relative_to(library).parts, path.name.partition(".")[0]))
        for path in library.rglob("*.so")
        if f".{tag}-" in path.name or ".abi3." in path.name
    )
    done = subprocess.run(
        [interpreter, "-I", "-S", "-B", "-c", _PROGRAM, library, *names],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise LayerError(f"{interpreter} cannot load a compiled module: {last}")
