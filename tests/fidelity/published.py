"""An extension that others published: AWS's client for Rust in a program of a few lines.

Building it takes a minute and needs cargo; it is kept in .cache. `python3 -m
tests.fidelity.published` builds it, with the standard library alone.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.build_cache import CACHE

_SOURCE = Path(__file__).parent / "published"
_TARGET = CACHE / "published-extension"
BINARY = _TARGET / "target/release/published"


def build() -> str:
    """Build it once; returns why it cannot be had, empty when it is there."""
    if _is_current():
        return ""
    cargo = shutil.which("cargo")
    if cargo is None:
        return "needs cargo"
    # Built beside its own copy, for cargo writes a lock file next to what it builds.
    shutil.copytree(_SOURCE, _TARGET, dirs_exist_ok=True)
    result = subprocess.run(
        [cargo, "build", "--quiet", "--release"],
        cwd=_TARGET,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = result.stderr.strip().splitlines()
    return f"cargo: {lines[-1] if lines else 'failed'}" if result.returncode else ""


def why_not() -> str:
    """Return why it is not here; empty when it is."""
    return "" if _is_current() else "not built yet: python -m tests.fidelity builds it"


def _is_current() -> bool:
    sources = (path for path in _SOURCE.rglob("*") if path.is_file())
    changed = max(path.stat().st_mtime for path in sources)
    return BINARY.exists() and BINARY.stat().st_mtime >= changed


if __name__ == "__main__":
    print(build() or "built")  # noqa: T201  # the command's output
