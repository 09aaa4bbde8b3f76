"""CONTRIBUTING.md draws the house as it is."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = re.compile(r"^## The house\n\n```\n(extension/.*?)^simulator/", re.M | re.S)
MODULE = re.compile(r"(?<![\w./])(…?\w+\.py)")
FOLDERS = sorted({module.parent for module in (ROOT / "extension").rglob("*.py")})


def drawn() -> dict[Path, set[str]]:
    """Return the modules that the picture names in each folder; `…_events.py` is a whole family."""
    found = HOUSE.search((ROOT / "CONTRIBUTING.md").read_text())
    assert found, "the picture is missing"
    names: defaultdict[Path, set[str]] = defaultdict(set)
    inside: list[str] = []
    for line in found.group(1).splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        if depth <= len(inside):  # deeper: a line that goes on
            inside = inside[:depth]
        if folder := re.match(r" *(\w+)/ ", line):
            inside = [*inside, folder.group(1)]
        names[ROOT.joinpath(*inside)].update(MODULE.findall(line))
    return names


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_picture_has_each_module_in_its_folder(folder: Path) -> None:
    """It names every module, and none that is not there."""
    names = drawn()[folder]
    modules = {module.name for module in folder.glob("*.py")} - {"__init__.py"}
    families = tuple(name[1:] for name in names if name.startswith("…"))
    alone = {name for name in names if not name.startswith("…")}
    assert alone <= modules
    assert {name for name in modules - alone if not name.endswith(families)} == set()
