"""Put a mutant's code where the module's was: into functions that are loaded, or at its import.

A module's functions get new code as they stand, which costs nothing. What runs when the module is
imported, as the bodies of classes and the defaults of arguments, takes a process that has not
imported it.
"""

from __future__ import annotations

import gc
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FunctionType

Place = tuple[str, str, int]


class NotLoadedError(Exception):
    """The change is in what runs at import, or in a function that no test has imported yet."""


class Functions:
    """The functions of a folder that are loaded."""

    def __init__(self, root: Path) -> None:
        self._loaded: defaultdict[Place, list[FunctionType]] = defaultdict(list)
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(str(root)):
                self._loaded[_place(each.__code__)].append(each)

    def change(self, old: CodeType, new: CodeType) -> None:
        """Give the functions of a module the code of another version of it.

        Raises:
            NotLoadedError: that would not change all that the new version changes.
        """
        swaps = list(_differences(old, new))
        for place, code in swaps:
            for function in self._loaded.get(place, ()):
                if function.__code__.co_freevars != code.co_freevars:
                    raise NotLoadedError
        if not any(place in self._loaded for place, _ in swaps):
            raise NotLoadedError
        for place, code in swaps:
            for function in self._loaded.get(place, ()):
                function.__code__ = code


def _place(code: CodeType) -> Place:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _differences(old: CodeType, new: CodeType) -> Iterator[tuple[Place, CodeType]]:
    is_function = bool(old.co_flags & CO_OPTIMIZED)
    if not is_function and _own(old) != _own(new):
        raise NotLoadedError
    before, after = _nested(old), _nested(new)
    if len(before) != len(after) and not is_function:
        raise NotLoadedError
    if is_function and old != new:
        yield _place(old), new
    for inner_old, inner_new in zip(before, after, strict=False):
        if inner_old.co_qualname == inner_new.co_qualname and inner_old != inner_new:
            yield from _differences(inner_old, inner_new)


def _nested(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _own(code: CodeType) -> tuple[object, ...]:
    """Return what a code object does itself, without the functions in it."""
    constants = [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]
    return code.co_code, code.co_names, constants


class ChangedAtImport(MetaPathFinder):
    """Gives one module other code when it is imported."""

    def __init__(self, name: str, file: Path, code: CodeType) -> None:
        self._name, self._file, self._code = name, str(file), code

    def install(self) -> None:
        """Ask this finder first."""
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Find that module alone."""
        del path, target
        if name != self._name:
            return None
        code = self._code

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                del fullname
                return code

        return spec_from_file_location(name, self._file, loader=Loader(name, self._file))
