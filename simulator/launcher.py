"""Writes the executable that a sandbox starts as the extension."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT = Path(__file__).resolve().parent.parent
_EMPTY: Mapping[str, str] = MappingProxyType({})


def write_launcher(
    folder: Path,
    *,
    name: str = "lambda-dispatch",
    root: Path = _ROOT,
    environment: Mapping[str, str] = _EMPTY,
) -> Path:
    """Write `folder/name`, which runs the `extension` package found in `root`; returns its path.

    `folder` is made if need be; `environment` is what the extension finds otherwise than the
    function does. -I keeps the function's PYTHON* variables and current folder out
    of the extension's imports, so the path to the package is given in the program itself.
    """
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r}); "
        "from extension.__main__ import main; main()"
    )
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / name
    exports = "".join(f"export {name}={shlex.quote(it)}\n" for name, it in environment.items())
    launcher.write_text(
        f"#!/bin/sh\n{exports}exec {shlex.join([sys.executable, '-I', '-c', program])}\n"
    )
    launcher.chmod(0o755)
    return launcher
