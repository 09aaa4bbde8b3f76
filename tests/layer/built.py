"""Layers built once and unpacked, for tests of the artefact.

What a build is made of decides its name in the cache, so a session builds only what has changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from layer.build import build
from layer.errors import LayerError
from layer.order import ROOT, Order
from layer.target import ARCHITECTURES, VERSIONS, this_machine
from tests.build_cache import built

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
INTERPRETER = Path(sys.base_prefix) / "bin"
"""Where the python3 of the layer under test lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTree:
    """An unpacked layer.

    Attributes:
        root: What would be /opt.
        zip: What it was unpacked from.
    """

    root: Path
    zip: Path

    @property
    def extensions(self) -> Path:
        """The folder for `FunctionSettings.extensions`."""
        return self.root / "extensions"

    @property
    def library(self) -> Path:
        """The folder of our modules and packages."""
        [found] = (self.root / "lambda-dispatch").glob("lib-*")
        return found

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for the function that lead the launcher to the Python it was built for."""
        return {"PATH": f"{INTERPRETER}:/usr/bin:/bin"}


def run_python(
    program: str, library: Path, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program that gets the library as its first argument, and nothing from around it."""
    return subprocess.run(
        [INTERPRETER / "python3", "-I", "-S", "-B", "-c", program, library, *arguments],
        capture_output=True,
        text=True,
        check=check,
    )


def order(output: Path, **wishes: object) -> Order:
    """Return the order for a layer of this machine and this Python."""
    settings = {"architecture": this_machine(), "versions": (VERSION,), "compares": False, **wishes}
    return Order(output=output, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def layer_tree() -> LayerTree:
    """The layer of this machine and this Python, built from the working tree."""
    return built_layer()


def built_layer() -> LayerTree:
    """Return the layer of `layer_tree`, outside a test."""
    return _built()


@pytest.fixture(scope="session")
def standalone_tree() -> LayerTree:
    """The layer with an interpreter: the one LAYER_INTERPRETER names, or what a release carries.

    Without a network it is this Python's own, which is good for this machine alone.
    """
    if named := os.environ.get("LAYER_INTERPRETER"):
        return _built(standalone=True, interpreter=Path(named))
    return released_layer() or _built(
        standalone=True, interpreter=Path(sys.base_prefix), local=True
    )


def released_layer(architecture: str | None = None) -> LayerTree | None:
    """Return the standalone layer as a release has it, None where its Python cannot be fetched."""
    if shutil.which("go") is None:
        return None
    machine = ARCHITECTURES[architecture] if architecture else this_machine()
    try:
        return _built(standalone=True, architecture=machine)
    except AssertionError as error:
        if "needs a Python to carry" in str(error):
            return None
        raise


def complete_layer() -> LayerTree:
    """Return the layer for every Python that this machine has or fetches."""
    return _built(versions=VERSIONS)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip with the modes in it, as Lambda does."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            Path(opened.extract(entry, folder)).chmod(entry.external_attr >> 16)


def _built(**wishes: object) -> LayerTree:
    folder = built(f"layers/{_key(wishes)}", lambda folder: _build_into(folder, wishes))
    [archive] = folder.glob("*.zip")
    return LayerTree(root=folder / "opt", zip=archive)


def _build_into(folder: Path, wishes: Mapping[str, object]) -> None:
    lines: list[str] = []
    try:
        archive = build(order(folder, **wishes), say=lines.append)
    except LayerError as error:
        if "index cannot be reached" in str(error):
            pytest.skip(f"no layer can be built here: {error}")
        raise AssertionError("\n".join([*lines, str(error)])) from error
    unpack(archive, folder / "opt")


def _key(wishes: Mapping[str, object]) -> str:
    """Return a name that changes with everything the layer is made of."""
    made_of = hashlib.sha256(f"{sys.version} {sorted(wishes.items())}".encode())
    for folder in ("extension", "layer"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                made_of.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return made_of.hexdigest()[:16]
