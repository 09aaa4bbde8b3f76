"""Imports the extension and its packages from one file of code objects; shipped in the library.

One file spares a start two thousand looks at folders and files. It holds nothing but bytecode:
sources, data and compiled modules are in their folders as ever, where tracebacks,
`importlib.resources` and the import system find them.

    magic number (4 bytes) · size of the index (4 bytes) · index · code objects

The index is a marshalled dict of (is a package, offset, size) by module; a package without code,
which is a namespace, has the size 0. The file is opened for each module, as a .pyc would be, so an
import needs no more descriptors than without it. Only built-in modules are imported here.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec  # in every interpreter
from _frozen_importlib_external import (
    MAGIC_NUMBER,
    SourceFileLoader,
)
from _imp import _fix_co_filename  # type: ignore[attr-defined]  # not in the stubs
from marshal import loads
from posix import O_CLOEXEC, O_RDONLY, close, pread
from posix import open as open_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CodeType, ModuleType
    from typing import Any

HEAD_SIZE = 8

FIRST_HEAVY = "extension.app"
"""Imported after registering: from here on patterns and generated code are compiled."""

Entry = tuple[bool, int, int]


class CodeFile:
    """Finds modules below `library` whose code is in the file at `path`; a finder of PEP 451."""

    def __init__(self, path: str, library: str, entries: Mapping[str, Entry]) -> None:
        self._path = path
        self._library = library
        self._entries = entries
        self.given: Mapping[str, Mapping[str, Any]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that is in the file."""
        del path, target
        entry = self._entries.get(name)
        if entry is None:
            return None
        if name == FIRST_HEAVY:
            self._find_what_is_kept()
        is_package, _, size = entry
        place = f"{self._library}/{name.replace('.', '/')}"
        if not size:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [place]
            return spec
        source = f"{place}/__init__.py" if is_package else f"{place}.py"
        # Not `has_location`: Python would compute the place of a .pyc for each module.
        spec = ModuleSpec(name, CodeLoader(name, source, self), origin=source)
        if is_package:
            spec.submodule_search_locations = [place]
        return spec

    def _find_what_is_kept(self) -> None:
        """Have what the build has compiled found; a start is slower where that fails, and works."""
        for find in (_find_standard_files, self._find_patterns, self._find_generated):
            try:  # noqa: SIM105  # contextlib imports more
                find()
            except Exception:  # noqa: BLE001  # there is no log yet
                pass

    def _find_patterns(self) -> None:
        import kept_patterns  # type: ignore[import-not-found]  # noqa: PLC0415  # imports re

        kept_patterns.install(*read_kept(kept_patterns.path_of(self._library)))

    def _find_generated(self) -> None:
        import kept_code  # type: ignore[import-not-found]  # noqa: PLC0415  # imports typing

        self.given = kept_code.install(*read_kept(kept_code.path_of(self._library)))

    def read(self, name: str) -> bytes:
        """Return the marshalled code object of a module."""
        _, offset, size = self._entries[name]
        return read(self._path, offset, size)


class CodeLoader(SourceFileLoader):
    """Loads a module's code from the file, and all else from beside its source."""

    def __init__(self, name: str, source: str, file: CodeFile) -> None:
        super().__init__(name, source)
        self._file = file

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code."""
        module.__file__ = self.path
        module.__dict__.update(self._file.given.get(module.__name__, ()))
        super().exec_module(module)

    def get_code(self, name: str) -> CodeType:
        """Return the code of a module, with the name of its source as it is here."""
        code: CodeType = loads(self._file.read(name))
        _fix_co_filename(code, self.path)
        return code


def _find_standard_files() -> None:
    import standard_files  # type: ignore[import-not-found]  # noqa: PLC0415

    standard_files.install()


def install(library: str) -> CodeFile | None:
    """Import from the library's file for this interpreter; return None where there is none."""
    path = f"{library}/code.{sys.implementation.cache_tag}.bin"
    try:
        head = read(path, 0, HEAD_SIZE)
        if head[:4] != MAGIC_NUMBER:
            return None
        entries = loads(read(path, HEAD_SIZE, int.from_bytes(head[4:], "little")))
    except (OSError, EOFError, ValueError):
        return None
    # Behind the finders of built-in and frozen modules, before that of folders.
    file = CodeFile(path, library, entries)
    sys.meta_path.insert(-1, file)
    return file


def read_kept(path: str) -> tuple[Any, Any]:
    """Return what a file was made for, and what the build has put into it.

    Raises:
        OSError, EOFError, ValueError, TypeError: there is no such file, or it is damaged.
    """
    with open(path, "rb") as file:  # noqa: PTH123  # pathlib costs
        made_for, kept = loads(file.read())
    return made_for, kept


def read(path: str, offset: int, size: int) -> bytes:
    """Return part of a file; raises OSError if it cannot be opened, EOFError if it is shorter."""
    descriptor = open_file(path, O_RDONLY | O_CLOEXEC)
    try:
        content = pread(descriptor, size, offset)
    finally:
        close(descriptor)
    if len(content) != size:
        raise EOFError(path)
    return content
