"""Regular expressions that the build has compiled."""

from __future__ import annotations

import marshal
import re
from pathlib import Path
from re import _compiler  # type: ignore[attr-defined]  # not in the stubs

import pytest

from layer import kept_patterns
from layer.kept_patterns import compile_to_keep, finder_of, install
from tests.layer.built import LayerTree

PATTERNS = [
    (r"(?P<first>a+)|(?P<second>[b-d]{2,})(?!x)", 0),
    (r"(?i)ünïcode\s+\w", re.MULTILINE),
    (rb"[\x00-\x1f]\d+", 0),
    ("(\\d) # digit\n (?P<last>.)", re.VERBOSE | re.DOTALL),
]


def never(pattern: str | bytes, flags: int = 0) -> re.Pattern[str]:
    """Compile nothing."""
    raise AssertionError(f"{pattern!r} is compiled")


@pytest.mark.parametrize(("pattern", "flags"), PATTERNS)
def test_a_kept_pattern_is_the_compiled_one(pattern: str | bytes, flags: int) -> None:
    """By all that Python compares of two patterns, their codes included, and by its groups."""
    key = (pattern, int(flags))
    find = finder_of({key: compile_to_keep(*key)}, never)
    kept, compiled = find(pattern, flags), re.compile(pattern, flags)
    assert kept == compiled
    assert (kept.groups, kept.groupindex) == (compiled.groups, compiled.groupindex)


def test_every_pattern_of_the_layer_is_the_compiled_one(layer_tree: LayerTree) -> None:
    """None was changed on its way through the file."""
    made_for, kept = marshal.loads(
        Path(kept_patterns.path_of(str(layer_tree.library))).read_bytes()
    )
    assert made_for[0] == kept_patterns._this_engine()[0]
    find = finder_of(kept, never)
    assert len(kept) > 150
    for pattern, flags in list(kept):
        assert find(pattern, flags) == _compiler.compile(pattern, flags)


def test_any_other_pattern_is_compiled() -> None:
    """The same text with other flags is another pattern."""
    find = finder_of({("a", 0): compile_to_keep("a", 0)}, _compiler.compile)
    assert find("a") == find("a")  # the second time it is compiled
    assert find("a", re.IGNORECASE) == re.compile("a", re.IGNORECASE)
    assert find("b") == re.compile("b")


@pytest.mark.parametrize("made_for", [(0, 0, ""), None])
def test_what_was_made_for_another_engine_is_not_used(
    made_for: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that counts its codes differently."""
    compile_new = _compiler.compile
    monkeypatch.setattr(_compiler, "compile", compile_new)
    install(made_for, {})
    assert _compiler.compile is compile_new
