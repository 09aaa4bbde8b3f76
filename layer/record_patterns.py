"""Imports the whole extension and writes down what it compiles; runs in the target interpreter."""

from __future__ import annotations

import sys

LIBRARY = sys.argv[1]
sys.path.append(LIBRARY)

import code_file  # type: ignore[import-not-found]  # noqa: E402  # of the library

code_file.install(LIBRARY)

import importlib  # noqa: E402
import pkgutil  # noqa: E402
from pathlib import Path  # noqa: E402
from re import _compiler  # type: ignore[attr-defined]  # noqa: E402  # not in the stubs
from typing import Any  # noqa: E402

from kept_patterns import Key, compile_to_keep, dump, path_of  # type: ignore[import-not-found]  # noqa: E402


def record() -> set[Key]:
    """Return the patterns that are compiled while all modules of the extension are imported."""
    seen: set[Key] = set()
    compile_new = _compiler.compile

    def note(pattern: str | bytes, flags: int = 0) -> Any:
        seen.add((pattern, int(flags)))
        return compile_new(pattern, flags)

    _compiler.compile = note
    import extension  # noqa: PLC0415  # only now

    for module in pkgutil.walk_packages(extension.__path__, "extension."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    _compiler.compile = compile_new
    return seen


patterns = {key: compile_to_keep(*key) for key in sorted(record(), key=repr)}
Path(path_of(LIBRARY)).write_bytes(dump(patterns))
