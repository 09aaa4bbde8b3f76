"""Puts the pruned packages of all versions into one folder.

They share it: bytecode and compiled modules carry their version in their names, and every other
file is the same for all of them.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from layer.elf import strip_file
from layer.errors import LayerError
from layer.models import reduce_models
from layer.order import Order
from layer.portability import binaries
from layer.prune import prune_packages
from layer.wheels import install_wheels


def install_all(order: Order, *, versions: Iterable[str], work: Path) -> list[Path]:
    """Install the wheels for each version into a folder of its own below `work`."""

    def install(version: str) -> Path:
        folder = work / version
        install_wheels(
            order.requirements, version=version, architecture=order.architecture, folder=folder
        )
        return folder

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(install, versions))


def merge_pruned(folders: Iterable[Path], *, library: Path) -> None:
    """Prune what is in `folders` and gather it in `library`.

    Raises:
        LayerError: two versions differ in a file that they would share.
    """
    for folder in folders:
        prune_packages(folder)
        reduce_models(folder / "botocore/data")
        _merge(folder, library)
    for path, _ in binaries(library):
        strip_file(path)


def _merge(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif not copy.exists():
            shutil.copyfile(path, copy)
        elif not filecmp.cmp(path, copy, shallow=False):
            raise LayerError(f"{path.relative_to(source)} differs between Python versions")
