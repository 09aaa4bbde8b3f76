"""What start.py settles before the extension is imported: whose library."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from layer.order import ROOT

TELLS = "def main():\n    print(__file__)\n"


@dataclass(frozen=True)
class Started:
    """What came of a start: our own lines and the module that ran."""

    lines: list[dict[str, str]]
    module: str


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A layer's folder with one library, whose extension says what it finds."""
    folder = tmp_path / "lambda-dispatch"
    add_library(folder, "lib-1")
    shutil.copy(ROOT / "layer/start.py", folder)
    (folder / "build").write_text("1\n")
    return folder


def add_library(home: Path, name: str) -> None:
    """Add the library of one release."""
    (home / name / "extension").mkdir(parents=True)
    (home / name / "extension/__main__.py").write_text(TELLS)
    shutil.copy(ROOT / "layer/code_file.py", home / name)


def start(home: Path) -> Started:
    """Run start.py."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", home / "start.py"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, module = done.stdout.splitlines()
    return Started([json.loads(line) for line in lines], module)


def test_of_two_releases_in_one_tree_one_runs_as_a_whole(home: Path) -> None:
    """That which was unpacked last; a line names both."""
    add_library(home, "lib-2")
    assert start(home).module == str(home / "lib-1/extension/__main__.py")
    (home / "build").write_text("2\n")
    started = start(home)
    assert started.module == str(home / "lib-2/extension/__main__.py")
    [line] = started.lines
    assert (line["level"], line["message"]) == ("WARN", "two releases attached")
    assert line["cause"] == f"lib-2 runs; in {home} are ['lib-1', 'lib-2']"
