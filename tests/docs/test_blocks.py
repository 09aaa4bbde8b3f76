"""Every block of code in the documents is well formed; other tests run most of them."""

from __future__ import annotations

import re

import pytest

from tests.docs.linters import NotHereError, problem
from tests.docs.pages import DOCUMENTS, ROOT, Block, blocks

BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]


@pytest.mark.parametrize(
    "block", BLOCKS, ids=[f"{each.document.relative_to(ROOT)}-{each.language}" for each in BLOCKS]
)
def test_block_is_well_formed(block: Block) -> None:
    """The tool of its language accepts it."""
    try:
        assert problem(block.language, block.code) == ""
    except NotHereError as missing:
        pytest.skip(str(missing))


def test_the_image_of_the_example_can_be_built() -> None:
    """Its instructions exist, and so do the files that it copies, but for what a build makes."""
    text = (ROOT / "examples/node/Dockerfile").read_text()
    assert problem("dockerfile", text) == ""
    copied = [
        word for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.M) for word in line.split()
    ]
    assert [each for each in copied if not (ROOT / each).exists() and "dist/" not in each] == []
    assert len(copied) == 3


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("sh", "if true; then"),
        ("console", "$ echo 'open"),
        ("python", "def f(:"),
        ("json", "{'a': 1}"),
        ("yaml", "a: b: c"),
        ("js", "const = 1"),
        ("java", "public class A { int f() { return; } }"),
        ("go", "package main\nfunc f( {}\n"),
        ("ruby", "def f(\n"),
        ("php", "<?php echo 'open;"),
        ("hcl", 'resource "a" {'),
        ("dockerfile", "FORM scratch"),
        ("mermaid", 'flowchart LR\n  a["b'),
        ("cobol", "STOP RUN."),
    ],
)
def test_a_broken_block_is_noticed(language: str, code: str) -> None:
    """A language that has no tool is noticed, too."""
    try:
        assert problem(language, code) != ""
    except NotHereError as missing:
        pytest.skip(str(missing))
