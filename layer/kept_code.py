"""Code that modules generate as text, compiled by the build; shipped in the library.

Named tuples, dataclasses and attrs write their methods as text and have it compiled, and `typing`
compiles annotations that are texts: a twentieth of a start. These modules get a `compile`, `eval`
or `exec` of their own, which finds the code by its text. Any other text is compiled as ever, as all
are in a Python with other bytecode.
"""

from __future__ import annotations

import collections
import marshal
import sys
import typing
from _frozen_importlib_external import MAGIC_NUMBER  # in every interpreter
from collections.abc import Callable, Mapping, MutableMapping
from types import CodeType
from typing import Any

Key = tuple[str, str, str]
"""A text, the name of its file, and `exec` or `eval`."""

Compile = Callable[[str, str, str], CodeType]

Given = Mapping[str, Mapping[str, Any]]
"""By module, what it has besides its own names before it runs."""

NO_FILE = "<string>"
"""What Python names the file of a text that is not of one."""

SALTED = "return hash(("
"""attrs writes a number after it that differs from one process to the next, on a line of its own.

It distinguishes values of one class from those of another. The build's number does the same.
"""


def install(made_for: object, kept: MutableMapping[Key, bytes]) -> Given:
    """Find code in what a file holds, if it was made for this Python.

    Returns:
        What modules of the library are to be given.
    """
    return give(finder_of(kept)) if made_for == MAGIC_NUMBER else {}


def give(compile_text: Compile) -> Given:
    """Have the standard library's texts compiled by it; return what to give to other modules."""

    def evaluate(text: str, namespace: dict[str, Any]) -> Any:
        return eval(compile_text(text, NO_FILE, "eval"), namespace)

    def execute(text: str, *namespaces: dict[str, Any]) -> None:
        exec(compile_text(text, NO_FILE, "exec"), *namespaces)

    vars(collections)["eval"] = evaluate
    vars(typing)["compile"] = compile_text
    import dataclasses  # noqa: PLC0415  # what it imports itself makes named tuples

    vars(dataclasses)["exec"] = execute
    return {"attr._make": {"compile": compile_text}}


def compile_new(text: str, file: str, mode: str) -> CodeType:
    """Compile without what this module imports from __future__."""
    code: CodeType = compile(text, file, mode, dont_inherit=True)
    return code


def finder_of(kept: MutableMapping[Key, bytes], compile_new: Compile = compile_new) -> Compile:
    """Return what makes code from what is kept, and has any other text compiled.

    Kept code is forgotten when it is found. Texts that name no file, annotations and methods of
    dataclasses, are there many times, and share theirs.
    """
    found: dict[Key, CodeType] = {}

    def compile_text(text: str, file: str, mode: str) -> CodeType:
        key = key_of(text, file, mode)
        if (shared := found.get(key)) is not None:
            return shared
        if (known := kept.pop(key, None)) is None:
            return compile_new(text, file, mode)
        code: CodeType = marshal.loads(known)
        if file == NO_FILE:
            found[key] = code
        return code

    return compile_text


def key_of(text: str, file: str, mode: str) -> Key:
    """Return by what a text is found: itself without its salt."""
    before, salted, behind = text.partition(SALTED)
    if salted and mode == "exec":
        text = before + salted + behind.lstrip().lstrip("-0123456789")
    return text, file, mode


def path_of(library: str) -> str:
    """Return the file of this interpreter in a library."""
    return f"{library}/generated.{sys.implementation.cache_tag}.bin"


def dump(kept: Mapping[Key, CodeType]) -> bytes:
    """Return the content of a file."""
    return marshal.dumps(
        (MAGIC_NUMBER, {key: marshal.dumps(code) for key, code in kept.items()}), 2
    )
