"""Imports the whole extension and keeps what it compiles; runs in the target interpreter."""

from __future__ import annotations

import sys

LIBRARY = sys.argv[1]
sys.path.append(LIBRARY)

import code_file  # type: ignore[import-not-found]  # noqa: E402  # of the library

FILE = code_file.install(LIBRARY)
code_file.FIRST_HEAVY = ""  # nothing is kept yet

import importlib  # noqa: E402
import pkgutil  # noqa: E402
from re import _compiler  # type: ignore[attr-defined]  # noqa: E402  # not in the stubs
from types import CodeType  # noqa: E402
from typing import Any  # noqa: E402

import kept_code  # type: ignore[import-not-found]  # noqa: E402
import kept_patterns  # type: ignore[import-not-found]  # noqa: E402

PATTERNS: set[kept_patterns.Key] = set()
GENERATED: dict[kept_code.Key, CodeType] = {}


def note_pattern(pattern: str | bytes, flags: int = 0) -> Any:
    """Note a pattern and compile it."""
    PATTERNS.add((pattern, int(flags)))
    return compile_pattern(pattern, flags)


def note_text(text: str, file: str, mode: str) -> CodeType:
    """Compile a text, and note its code."""
    code: CodeType = kept_code.compile_new(text, file, mode)
    GENERATED[kept_code.key_of(text, file, mode)] = code
    return code


def import_all() -> None:
    """Import all modules of the extension."""
    import extension  # noqa: PLC0415  # only now

    for module in pkgutil.walk_packages(extension.__path__, "extension."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


FILE.given = kept_code.give(note_text)
compile_pattern = _compiler.compile
_compiler.compile = note_pattern
import_all()
_compiler.compile = compile_pattern

from pathlib import Path  # noqa: E402  # what this generates was to be noted

patterns = {key: kept_patterns.compile_to_keep(*key) for key in sorted(PATTERNS, key=repr)}
Path(kept_patterns.path_of(LIBRARY)).write_bytes(kept_patterns.dump(patterns))
generated = {key: GENERATED[key] for key in sorted(GENERATED)}
Path(kept_code.path_of(LIBRARY)).write_bytes(kept_code.dump(generated))
