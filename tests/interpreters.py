"""The Pythons of this machine that the project supports, one for each minor version.

Rule of the module: the standard library alone, for nothing is installed when it runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 11)
PROBE = """
import json, sys, sysconfig
import ensurepip, venv
print(json.dumps({
    "version": list(sys.version_info[:2]),
    "usable": sys.version_info.releaselevel == "final" and sys.prefix == sys.base_prefix
              and not sysconfig.get_config_var("Py_GIL_DISABLED"),
}))
"""
PROBE_LIMIT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python that can make virtual environments; `version` is like (3, 12)."""

    version: tuple[int, int]
    path: Path

    @property
    def name(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


def find_interpreters(environment: Mapping[str, str] = os.environ) -> list[Interpreter]:
    """Return the first usable Python of each supported version, oldest version first.

    Prereleases, builds without the GIL and virtual environments are not usable.
    """
    found: dict[tuple[int, int], Interpreter] = {}
    for path in _candidates(environment):
        interpreter = probe(path)
        if interpreter is not None and interpreter.version >= OLDEST:
            found.setdefault(interpreter.version, interpreter)
    return [found[version] for version in sorted(found)]


def probe(path: Path) -> Interpreter | None:
    """Ask a Python what it is; None when it does not run (as pyenv's shims) or is not usable."""
    try:
        answer = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, check=True, timeout=PROBE_LIMIT_S
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    major, minor = facts["version"]
    return Interpreter(version=(major, minor), path=path) if facts["usable"] else None


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield what may be a Python: on PATH, and where pyenv, uv and CI runners keep theirs."""
    home = Path(environment.get("HOME", "/nonexistent"))
    pyenv = Path(environment.get("PYENV_ROOT") or home / ".pyenv")
    uv = Path(environment.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python")
    runner = Path(environment.get("RUNNER_TOOL_CACHE") or "/opt/hostedtoolcache")
    yield Path(sys.executable)
    for folder in environment.get("PATH", "").split(os.pathsep):
        yield from sorted(Path(folder or ".").glob("python3.[1-9][0-9]"))
    yield from sorted(pyenv.glob("versions/*/bin/python3"))
    yield from sorted(uv.glob("*/bin/python3"))
    yield from sorted(runner.glob("Python/*/*/bin/python3"))
