"""Imports the standard library from its .pyc files with fewer looks; shipped in the library.

The import system lists folders, tries endings, and asks for the times of folders and files: half of
the time that reading a module takes. Where a module of the standard library is, is known, so this
finder opens its .pyc at once. It checks what the import system checks: that the .pyc was made
by this Python, from the source beside it. Whatever is not as expected is left to the import system.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import ModuleSpec  # in every interpreter
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from _imp import _fix_co_filename  # type: ignore[attr-defined]  # not in the stubs
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

HEAD_SIZE = 16
"""Of a .pyc: magic number, flags, time and size of the source, or its hash (PEP 552)."""

TIMED, UNCHECKED = 0, 1
"""Flags of a .pyc with the time and size of its source, and with a hash that is not checked."""


def install() -> None:
    """Ask this finder before the import system looks at folders, unless others come before."""
    folder = os.path.dirname(os.__file__)  # noqa: PTH120  # pathlib costs
    is_first = folder == next(filter(os.path.exists, sys.path), "")
    has_bytecode = os.path.isdir(f"{folder}/__pycache__")  # noqa: PTH112
    if is_first and has_bytecode and not sys.flags.optimize:
        sys.meta_path.insert(-1, StandardFiles(folder))


class StandardFiles:
    """Finds modules of the standard library in `folder`; a finder of PEP 451."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._end = f".{sys.implementation.cache_tag}.pyc"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module whose .pyc is current."""
        del path, target
        if name.partition(".")[0] not in sys.stdlib_module_names:
            return None
        place = f"{self._folder}/{name.replace('.', '/')}"
        parent, _, last = place.rpartition("/")
        return self._spec(name, parent, last) or self._spec(name, place, "__init__")

    def _spec(self, name: str, folder: str, stem: str) -> ModuleSpec | None:
        source, cached = f"{folder}/{stem}.py", f"{folder}/__pycache__/{stem}{self._end}"
        try:
            content = read(cached)
            if not is_current(content, source):
                return None
        except OSError:
            return None
        spec = ModuleSpec(name, StandardLoader(name, source, content), origin=source)
        spec.cached = cached
        spec.has_location = True
        if stem == "__init__":
            spec.submodule_search_locations = [folder]
        return spec


class StandardLoader(SourceFileLoader):
    """Loads a module once from the content of its .pyc, and all else as ever."""

    def __init__(self, name: str, source: str, content: bytes) -> None:
        super().__init__(name, source)
        self._content = content

    def get_code(self, name: str) -> CodeType | None:
        """Return the code of a module."""
        content, self._content = self._content, b""
        if not content:
            return super().get_code(name)
        code: CodeType = loads(memoryview(content)[HEAD_SIZE:])
        _fix_co_filename(code, self.path)
        return code


def is_current(content: bytes, source: str) -> bool:
    """Return whether a .pyc is of this Python and, where its flags ask for that, of the source.

    Raises:
        OSError: there is no source.
    """
    if len(content) < HEAD_SIZE or content[:4] != MAGIC_NUMBER:
        return False
    found = os.stat(source)  # noqa: PTH116  # pathlib costs
    recorded = [int.from_bytes(content[at : at + 4], "little") for at in (4, 8, 12)]
    return recorded[0] == UNCHECKED or recorded == [
        TIMED,
        int(found.st_mtime) & 0xFFFF_FFFF,
        found.st_size & 0xFFFF_FFFF,
    ]


def read(path: str) -> bytes:
    """Return the content of a file; raises OSError if it cannot be opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)
