"""Measures what a layer would weigh if pip and zip alone had made it."""

from __future__ import annotations

import compileall
import os
import zipfile
from pathlib import Path

from layer.archive import tree_bytes


def measure_naive(packages: Path) -> str:
    """Return the sizes of the installed packages with the bytecode that pip writes by default."""
    compileall.compile_dir(packages, quiet=2, workers=os.cpu_count() or 1)
    with zipfile.ZipFile(packages.with_suffix(".naive"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in packages.rglob("*"):
            archive.write(path, path.relative_to(packages))
    zipped = packages.with_suffix(".naive").stat().st_size
    return f"{zipped / 1e6:.1f} MB zipped, {tree_bytes(packages) / 1e6:.1f} MB unzipped"
