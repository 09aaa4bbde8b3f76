"""A module that nothing lists is guarded by the import contracts from the day it is added."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the contracts are about."""
    for folder in ("extension", "simulator"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def broken(tree: Path) -> str:
    """Return what the linter reports, empty where every contract is kept."""
    command = [str(LINTER), "--no-logo", "--no-cache", "--config", "pyproject.toml"]
    checked = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    return checked.stdout if checked.returncode else ""


@pytest.mark.skipif(not LINTER.exists(), reason="import-linter is not installed")
@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("telemetry/reading/newcomer.py", "import asyncio"),
        ("parameters/newcomer.py", "import time"),
        ("newcomer/__init__.py", "import json"),
        ("telemetry/newcomer.py", "import aiohttp"),
        ("http/newcomer.py", "import botocore.session"),
        ("telemetry/export/newcomer.py", "from opentelemetry.sdk.resources import Resource"),
        ("telemetry/newcomer.py", "from extension.parameters import answer"),
        ("aws/newcomer.py", "from extension.parameters import answer"),
        ("aws/newcomer.py", "import threading"),
        ("aws/newcomer.py", "import botocore.session"),
        ("process/newcomer.py", "from extension.settings import variable"),
    ],
)
def test_a_new_module_is_guarded(tree: Path, module: str, line: str) -> None:
    """What it must not import is refused although no contract names it."""
    newcomer = tree / "extension" / module
    newcomer.parent.mkdir(exist_ok=True)
    newcomer.write_text(f'"""A new module."""\n\n{line}\n')
    name = module.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
    assert name in broken(tree)


@pytest.mark.skipif(not LINTER.exists(), reason="import-linter is not installed")
def test_the_tree_itself_keeps_the_contracts(tree: Path) -> None:
    """The copy without a new module is accepted, so the cases above fail for their module alone."""
    assert broken(tree) == ""
