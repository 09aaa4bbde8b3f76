"""Regular expressions that the build has compiled, found by their text; shipped in the library.

Compiling its 250 patterns takes a tenth of a start. `re` compiles by `_sre.compile` from a list of
codes; what such a list means is numbered (`_sre.MAGIC`), so the build's lists are used by a Python
that has the same number, and any other pattern is compiled as ever. Nothing else of `re` changes.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]  # the engine of `re`
import marshal
import re
import sys
from array import array
from collections.abc import Callable, Mapping, MutableMapping
from re import _compiler  # type: ignore[attr-defined]  # not in the stubs
from typing import Any, Literal

Key = tuple[str | bytes, int]
"""A pattern and its flags."""

Compiled = tuple[int, bytes, int, dict[str, int], tuple[str | None, ...]]
"""Flags, codes, number of groups, groups by name, names of groups."""

CODE: Literal["I", "H"] = "I" if array("I").itemsize == _sre.CODESIZE else "H"
"""How the codes are stored in memory."""


def install(made_for: object, kept: MutableMapping[Key, Compiled]) -> None:
    """Find patterns in what a file holds, if it was made for this engine."""
    if made_for == _this_engine():
        _compiler.compile = finder_of(kept, _compiler.compile)


def path_of(library: str) -> str:
    """Return the file of this interpreter in a library."""
    return f"{library}/patterns.{sys.implementation.cache_tag}.bin"


def finder_of(
    kept: MutableMapping[Key, Compiled], compile_new: Callable[..., re.Pattern[Any]]
) -> Callable[..., re.Pattern[Any]]:
    """Return what makes a kept pattern from its codes, and has any other compiled.

    What was found is forgotten: `re` keeps patterns itself, and the codes take memory.
    """

    def compile_pattern(pattern: str | bytes, flags: int = 0) -> re.Pattern[Any]:
        known = kept.pop((pattern, flags), None)
        if known is None:
            return compile_new(pattern, flags)
        all_flags, codes, groups, by_name, names = known
        made: re.Pattern[Any] = _sre.compile(
            pattern, all_flags, memoryview(codes).cast(CODE).tolist(), groups, by_name, names
        )
        return made

    return compile_pattern


def compile_to_keep(pattern: str | bytes, flags: int) -> Compiled:
    """Return what the compiler of `re` would hand to the engine."""
    made: list[Any] = []
    engine = _compiler._sre  # noqa: SLF001  # `re` has no public form of this
    try:
        _compiler._sre = _Engine(made, engine)  # noqa: SLF001
        _compiler.compile(pattern, flags)
    finally:
        _compiler._sre = engine  # noqa: SLF001
    _, all_flags, codes, groups, by_name, names = made
    return int(all_flags), array(CODE, codes).tobytes(), groups, dict(by_name), names


def dump(kept: Mapping[Key, Compiled]) -> bytes:
    """Return the content of a file."""
    return marshal.dumps((_this_engine(), dict(kept)), 2)


def _this_engine() -> tuple[int, int, str]:
    return _sre.MAGIC, _sre.CODESIZE, sys.byteorder


class _Engine:
    """Passes everything on to the engine, and notes what it is to compile."""

    def __init__(self, made: list[Any], engine: Any) -> None:
        self._made, self._engine = made, engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def compile(self, *arguments: Any) -> Any:
        self._made[:] = arguments
        return self._engine.compile(*arguments)
