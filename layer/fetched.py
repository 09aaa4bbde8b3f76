"""Fetches interpreters that run from any folder, on any glibc since 2.17: python-build-standalone.

Two clients bring the same builds: Go's, in a module that is pinned by its hash, for both
architectures; and uv, which takes the newest patch release that it knows.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from layer.errors import LayerError
from layer.target import Architecture

BUNDLED_VERSION = "3.14"
"""What the standalone layer carries."""

MODULE = "github.com/kluctl/go-embed-python"
RELEASES = {
    "3.11": ("v0.0.0-3.11.11-20241219-1", "h1:yVXFTxa6cvhLC6TwkDEHmNaiWlDyaFEGiXd1DQdoeOU="),
    "3.13": ("v0.0.0-3.13.1-20241219-1", "h1:x1cSEj4Ug5mpuZgUHLvUmlc5r//KHFn6iYiRSrRcVy4="),
    "3.14": ("v0.0.0-3.14.6-20260610-1", "h1:oGUS7++Wm3LgxUfD6AmJgKbKQD2wdQFO9PzyJv6T+E4="),
}
"""By version of Python: the module's version, and its hash as go.sum has it."""

_FOLDERS = {"x86_64": "linux-amd64", "arm64": "linux-arm64"}
_WANTED = ("bin/python3.", "lib/libpython3", "lib/python3.")
_UNWANTED = ("site-packages", "test", "ensurepip", "idlelib")


def fetch_interpreter(architecture: Architecture, *, folder: Path) -> Path:
    """Fetch the interpreter of a standalone layer into `folder`; returns the root of its tree.

    Raises:
        LayerError: no client brings one.
    """
    try:
        return fetch_with_go(BUNDLED_VERSION, architecture, folder=folder)
    except LayerError as without_go:
        try:
            return fetch_with_uv(architecture, folder=folder)
        except LayerError as without_uv:
            raise LayerError(
                f"--standalone needs a Python to carry: {without_go}; {without_uv}; "
                "name a tree with --interpreter"
            ) from without_uv


def fetch_with_go(
    version: str, architecture: Architecture, *, folder: Path, program: str = "go"
) -> Path:
    """Have `go` download the interpreter of this version, and unpack it below `folder`.

    Raises:
        LayerError: there is no `go`, it cannot download the module, or its hash is another one.
    """
    go = shutil.which(program)
    if go is None:
        raise LayerError("go is not on PATH")
    if version not in RELEASES:
        raise LayerError(f"no Go module is known for Python {version}")
    release, wanted = RELEASES[version]
    found = _download(go, f"{MODULE}@{release}")
    if found.get("Sum") != wanted:
        cause = found.get("Error", f"its hash is {found.get('Sum', 'missing')}, not {wanted}")
        raise LayerError(f"go cannot download {MODULE} ({_last_line(str(cause))})")
    data = Path(found["Dir"], "python/internal/data", _FOLDERS[architecture.name])
    return _unpack(data, folder / f"cpython-{version}-{architecture.name}")


def fetch_with_uv(architecture: Architecture, *, folder: Path, program: str = "uv") -> Path:
    """Have `uv` download the interpreter of a standalone layer into `folder`.

    Raises:
        LayerError: there is no `uv`, or it cannot download one.
    """
    uv = shutil.which(program)
    if uv is None:
        raise LayerError("uv is not on PATH")
    wanted = f"cpython-{BUNDLED_VERSION}-linux-{architecture.machine}-gnu"
    done = subprocess.run(
        [uv, "python", "install", "--no-bin", "--install-dir", folder, wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    trees = sorted(folder.glob("cpython-*"))
    if done.returncode != 0 or not trees:
        raise LayerError(f"uv cannot download {wanted} ({_last_line(done.stderr)})")
    return next(tree for tree in trees if not tree.is_symlink())


def _download(go: str, module: str) -> dict[str, Any]:
    """Return what `go mod download -json` says, from a folder that is in no module."""
    with tempfile.TemporaryDirectory() as nowhere:
        done = subprocess.run(
            [go, "mod", "download", "-json", module],
            cwd=nowhere,
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"Error": done.stderr}
    return said


def _unpack(data: Path, tree: Path) -> Path:
    """Write the files of an interpreter as the index beside them says; a large one is gzipped."""
    for entry in json.loads((data / "files.json").read_bytes())["files"]:
        name = str(entry["name"])
        source, packed = data / name, data / f"{name}.gz"
        if not name.startswith(_WANTED) or any(f"/{part}" in name for part in _UNWANTED):
            continue
        if not (source.is_file() or packed.is_file()):
            continue  # a folder, or a link: neither is needed
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = gzip.decompress(packed.read_bytes()) if packed.is_file() else source.read_bytes()
        target.write_bytes(content)
        target.chmod(0o755 if name.startswith("bin/") else 0o644)
    return tree


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no word"])[-1].strip()
