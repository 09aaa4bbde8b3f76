"""Finds the Python interpreters of this machine, to compile for their versions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_PROBE = (
    "import sys; "
    "print('%d.%d' % sys.version_info[:2], sys.implementation.name, sys.version_info[3], "
    "sys._base_executable)"
)


def find_interpreter(version: str) -> Path | None:
    """Return a released CPython of this version ("3.12"), or None when there is none."""
    for candidate in _candidates(version):
        if found := _probe(candidate, version=version):
            return found
    return None


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", home / ".local/share/uv/python"))
    for folder, pattern in ((pyenv, f"{version}.*"), (uv, f"cpython-{version}.*")):
        yield from (tree / "bin/python3" for tree in sorted(folder.glob(pattern), reverse=True))


def _probe(candidate: Path, *, version: str) -> Path | None:
    """Return the interpreter that a candidate starts: not a venv's link, not the shim of a tool."""
    try:
        answer = subprocess.run(
            [candidate, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found, implementation, level, executable = answer.stdout.strip().split(" ", 3)
    if (found, implementation, level) != (version, "cpython", "final"):
        return None
    return Path(executable)
