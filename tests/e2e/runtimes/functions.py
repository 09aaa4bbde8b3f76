"""One function in each language, run by its own runtime client where that is on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FUNCTIONS = Path(__file__).parents[2] / "functions" / "runtimes"
BUILD_S = 240

NODE_CLIENT = os.environ.get("NODE_RUNTIME_CLIENT", "")
"""The folder of an installed `aws-lambda-ric`."""


class Language(NamedTuple):
    """How the simulator starts a function, and how its runtime calls the error that it raises."""

    settings: Mapping[str, Any]
    error_type: str = "OrderError"
    more: tuple[str, str, str] = ("raise", "OrderError", "no stock")
    """A failure of this language alone: what to ask for, its type and its message."""


class NotHereError(Exception):
    """The runtime client is not on this machine."""


def python(folder: Path) -> Language:
    """Run under awslambdaric, which the tests require anyway."""
    del folder
    return Language({"code": FUNCTIONS, "handler": "app.handler"})


def node(folder: Path) -> Language:
    """Run under aws-lambda-ric."""
    del folder
    program = Path(NODE_CLIENT, "bin", "index.mjs")
    found = shutil.which("node")
    if not found or not NODE_CLIENT or not program.is_file():
        raise NotHereError("NODE_RUNTIME_CLIENT names no installed aws-lambda-ric")
    command = (found, str(program), "app.handler")
    return Language(
        {"code": FUNCTIONS, "handler": "app.handler", "runtime": command},
        more=("library", "LibraryError", "no connection"),
    )


def go(folder: Path) -> Language:
    """Build with aws-lambda-go, from the module cache or the module proxy."""
    found = shutil.which("go")
    if not found:
        raise NotHereError("no Go")
    built = folder / "bootstrap"
    command = [found, "build", "-buildvcs=false", "-o", str(built), "."]
    done = subprocess.run(
        command, cwd=FUNCTIONS / "go", capture_output=True, timeout=BUILD_S, check=False
    )
    if done.returncode:
        raise NotHereError(f"go build: {done.stderr.decode()[-300:]}")
    return Language(
        {"code": folder, "handler": "bootstrap", "runtime": (str(built),)},
        more=("panic", "string", "no stock"),
    )


LANGUAGES: Mapping[str, Callable[[Path], Language]] = {"python": python, "node": node, "go": go}
