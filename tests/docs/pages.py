"""The pages of the documentation, their sections and their blocks of code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("RELEASING.md")),
    *PAGES,
    ROOT / "layer/README.md",
    ROOT / "simulator/README.md",
    *sorted((ROOT / "examples").rglob("README.md")),
]
"""Everything that may hold code for readers to copy."""


class Block(NamedTuple):
    """One fenced block, with the heading above it."""

    document: Path
    section: str
    language: str
    code: str


def blocks(document: Path) -> list[Block]:
    """Return the blocks of a document in their order, their common indentation removed."""
    found, section = [], ""
    text = document.read_text()
    pattern = r"^#+ ([^\n]+)$|^( *)```([^\n`]*)\n(.*?)^\2```$"
    for heading, indent, language, inside in re.findall(pattern, text, re.M | re.S):
        section = heading or section
        if not heading:
            code = re.sub(f"^{indent}", "", inside, flags=re.M)
            found.append(Block(document, section, language, code))
    return found
