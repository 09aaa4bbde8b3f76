"""SECURITY.md names tests that exist, and every test of this folder and of the fuzzer."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "SECURITY.md").read_text()
NAMED = set(re.findall(r"`(tests/[\w/]+(?:\.py)?)/?`", DOCUMENT))


def test_every_test_that_is_named_exists() -> None:
    """A threat is held by something that is there."""
    assert NAMED
    assert [name for name in sorted(NAMED) if not (ROOT / name).exists()] == []


def test_every_test_of_a_threat_is_named() -> None:
    """Who reads the list finds what holds it."""
    tests = [*ROOT.glob("tests/security/test_*.py"), *ROOT.glob("tests/fuzz/test_*.py")]
    names = {str(test.relative_to(ROOT)) for test in tests} - {"tests/security/test_document.py"}
    assert sorted(names - NAMED) == []
