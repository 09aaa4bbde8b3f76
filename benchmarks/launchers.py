"""Executables for an extensions folder: what a sandbox starts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contenders import EAGER_COMMAND, SOURCE

OURS = "lambda-dispatch"
EAGER = "eager"
"""What each registers with, so the name of its file."""


def write_ours(folder: Path, command: Sequence[str] = SOURCE) -> Path:
    """Make a folder with our launcher and return it."""
    return _write(folder, OURS, command)


def write_eager(folder: Path, *words: str) -> Path:
    """Make a folder with the reference's launcher, with words for it, and return it."""
    return _write(folder, EAGER, (*EAGER_COMMAND, *words))


def _write(folder: Path, name: str, command: Sequence[str]) -> Path:
    folder.mkdir(parents=True)
    launcher = folder / name
    launcher.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    launcher.chmod(0o755)
    return folder
