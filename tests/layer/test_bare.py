"""Every zip runs where nothing else is: it registers, serves a GET and exports each signal."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from layer.fetched import RELEASES, fetch_with_go
from layer.interpreters import find_interpreter
from layer.smoke import run_once
from layer.target import VERSIONS, this_machine
from tests.layer.arm import arm_command
from tests.layer.bare import PATH, add_python, bare_system, command
from tests.layer.built import VERSION, LayerTree, complete_layer, released_layer

ALL = os.environ.get("LAYER_TESTS") == "all"
ASK = "takes minutes: LAYER_TESTS=all python -m pytest tests/layer/test_bare.py"
PATIENCE_S = 120.0
"""An emulated start takes as long as ten others, and this machine may be busy."""


def interpreter_for(version: str, folder: Path) -> Path:
    """Return the tree of a Python of this machine, or of one that is fetched; skips without."""
    machine = this_machine()
    if version in RELEASES and machine and shutil.which("go"):
        return fetch_with_go(version, machine, folder=folder)
    if found := find_interpreter(version):
        return found.parent.parent
    pytest.skip(f"there is no Python {version} here")


def test_a_layer_runs_beside_the_python_of_its_runtime(
    layer_tree: LayerTree, tmp_path: Path
) -> None:
    """The interpreter lies where Lambda has it."""
    image = bare_system(tmp_path / "root", opt=layer_tree.root)
    add_python(image, interpreter_for(VERSION, tmp_path), version=VERSION)
    run_once(command(image), path=PATH, deadline_s=PATIENCE_S)


@pytest.mark.skipif(not ALL, reason=ASK)
@pytest.mark.parametrize("version", VERSIONS)
def test_one_zip_serves_every_python(version: str, tmp_path: Path) -> None:
    """Each with bytecode of its own."""
    layer = complete_layer()
    assert (layer.library / f"code.cpython-{version.replace('.', '')}.bin").exists()
    image = bare_system(tmp_path / "root", opt=layer.root)
    add_python(image, interpreter_for(version, tmp_path), version=version)
    run_once(command(image), path=PATH, deadline_s=PATIENCE_S)


def test_a_standalone_layer_needs_no_python(tmp_path: Path) -> None:
    """A shell and the C library are enough."""
    layer = released_layer()
    if layer is None:
        pytest.skip("its interpreter cannot be fetched")
    image = bare_system(tmp_path / "root", opt=layer.root)
    run_once(command(image), path=PATH, deadline_s=PATIENCE_S)


def test_the_standalone_layer_runs_on_arm64(tmp_path: Path) -> None:
    """Launcher, shell and interpreter of that machine, in an emulator."""
    run = arm_command(tmp_path / "root")
    layer = released_layer("arm64")
    if layer is None:
        pytest.skip("the interpreter for arm64 cannot be fetched")
    shutil.copytree(layer.root, tmp_path / "root/opt", dirs_exist_ok=True)
    run_once(run, path=PATH, deadline_s=PATIENCE_S)
