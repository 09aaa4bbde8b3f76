"""Compiles a tree of modules; runs in the interpreter that the bytecode is for.

One process, sorted files: what marshal writes depends on what the process has seen before, so a
pool of workers would give other bytes each time. The names in the code are those that the sources
will have where they are unpacked, or each import would have to correct them.
"""

from __future__ import annotations

import ast
import importlib.util
import marshal
import py_compile
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

# Beside this program, whose folder Python looks into first.
from defer import defer  # type: ignore[import-not-found]
from deferred import DEFERRED  # type: ignore[import-not-found]
from leaner import make_leaner  # type: ignore[import-not-found]

FINDER = "code_file.py"
"""What imports from the file is itself imported from its .pyc."""

_UNCHECKED = (1).to_bytes(4, "little")
"""The flags of a .pyc that identifies its source by a hash, which is not checked (PEP 552)."""


def compile_library(
    folder: Path, *, home: str, deferred: Mapping[str, Iterable[str]] = DEFERRED
) -> None:
    """Write the code of every module below `folder`, to be unpacked at `home`, into one file.

    `layer/code_file.py` describes it. Imports in `deferred` are put off (`layer/defer.py`).

    Raises:
        ValueError: one cannot be put off.
    """
    sources = {
        _name(path.relative_to(folder)): path
        for path in folder.rglob("*.py")
        if path != folder / FINDER
    }
    entries: dict[str, tuple[bool, int, int]] = {}
    codes: list[bytes] = []
    for name, source in sorted(sources.items()):
        shown = f"{home}/{source.relative_to(folder).as_posix()}"
        tree = make_leaner(source.read_bytes(), shown)
        if name in deferred:
            _defer(tree, name, deferred[name])
        codes.append(marshal.dumps(compile(tree, shown, "exec", dont_inherit=True)))
        entries[name] = (source.name == "__init__.py", sum(map(len, codes[:-1])), len(codes[-1]))
    for package in sorted({each for name in sources for each in _parents(name)} - sources.keys()):
        entries[package] = (True, 0, 0)
    _write(folder / f"code.{sys.implementation.cache_tag}.bin", entries, codes)
    _write_pyc(folder / FINDER, home=home, folder=folder)


def _defer(tree: ast.Module, name: str, sources: Iterable[str]) -> None:
    try:
        defer(tree, sources)
    except ValueError as error:
        raise ValueError(f"{name} in layer/deferred.py: {error}") from error


def compile_standard(folder: Path, *, home: str) -> None:
    """Put in the place of every module below `folder`, unpacked at `home`, its bytecode.

    Python imports a .pyc without a source as fast as one beside it, and tracebacks still name
    file and line: the sources would be a third of what is left of the standard library. Docstrings
    are left out as `python -OO` does it, which CPython's own tests run with.
    """
    for source in sorted(folder.rglob("*.py")):
        shown = f"{home}/{source.relative_to(folder).as_posix()}"
        content = source.read_bytes()
        code = compile(content, shown, "exec", dont_inherit=True, optimize=2)
        head = importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(content)
        source.with_suffix(".pyc").write_bytes(head + marshal.dumps(code))
        source.unlink()


def _write_pyc(source: Path, *, home: str, folder: Path) -> None:
    """Write it unchecked: Python then loads it without a look at the source or its time."""
    py_compile.compile(
        str(source),
        cfile=importlib.util.cache_from_source(source),
        dfile=f"{home}/{source.relative_to(folder).as_posix()}",
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _write(path: Path, entries: dict[str, tuple[bool, int, int]], codes: list[bytes]) -> None:
    """Write the file; offsets in it count from its beginning, so their size has to be known."""
    size = -1
    shifted = entries
    while size != len(index := marshal.dumps(shifted, 2)):
        size = len(index)
        begin = 8 + size
        shifted = {name: (kind, begin + at, n) for name, (kind, at, n) in entries.items()}
    head = importlib.util.MAGIC_NUMBER + size.to_bytes(4, "little")
    path.write_bytes(b"".join((head, index, *codes)))


def _name(path: Path) -> str:
    """Return the name of the module in a source."""
    parts = path.parent.parts if path.name == "__init__.py" else (*path.parent.parts, path.stem)
    return ".".join(parts)


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


KINDS: Mapping[str, Callable[..., None]] = {
    "library": compile_library,
    "library-as-it-is": partial(compile_library, deferred={}),
    "standard": compile_standard,
}

if __name__ == "__main__":
    try:
        KINDS[sys.argv[1]](Path(sys.argv[2]), home=sys.argv[3])
    except py_compile.PyCompileError as error:
        sys.exit(f"{error.file}: {error.exc_value}")
    except SyntaxError as error:
        sys.exit(f"{error.filename}: {error}")
    except ValueError as error:
        sys.exit(str(error))
