"""What is left out of the bytecode of the layer, and what must not be."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from layer.leaner import make_leaner

MODULE = '''
"""A module."""
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

def documented(a: int, /, b: str = "b", *rest: int, c: int = 1, **more: str) -> int:
    """A function."""
    return a

async def empty() -> None:
    """Nothing else."""

class Plain:
    """A class."""

@dataclass
class Data:
    """Two fields."""
    x: int
    y: str = "y"

class Pair(NamedTuple):
    """A tuple."""
    first: int
    second: int = 2

class Shape(TypedDict):
    key: str

def fail():
    """Raise."""
    assert False, "kept"
'''


def run() -> Any:
    """Return what a module gives once it is leaner."""
    names: dict[str, object] = {"__name__": __name__}
    exec(compile(make_leaner(MODULE.encode(), "module"), "module", "exec"), names)
    return SimpleNamespace(**names)


def test_docstrings_are_left_out() -> None:
    """Of modules, functions and classes; a function that has nothing else does nothing."""
    module = run()
    for each in (module.documented, module.empty, module.Plain, module.Pair):
        assert not (each.__doc__ or "").startswith("A ")
    assert inspect.iscoroutinefunction(module.empty)


def test_annotations_of_functions_are_left_out() -> None:
    """Every kind of parameter keeps its name, kind and default."""
    documented = run().documented
    assert documented.__annotations__ == {}
    assert str(inspect.signature(documented)) == "(a, /, b='b', *rest, c=1, **more)"


def test_fields_stay_fields() -> None:
    """Dataclasses, named tuples and typed dicts read the annotations of their class."""
    module = run()
    assert (module.Data(1).y, module.Data.__doc__) == ("y", "Two fields.")
    assert module.Pair(1) == (1, 2)
    assert module.Shape.__required_keys__ == {"key"}


def test_lines_keep_their_numbers_and_assertions_stay() -> None:
    """A traceback points to the source as it is."""
    with pytest.raises(AssertionError, match="kept") as failed:
        run().fail()
    assert "kept" in MODULE.splitlines()[failed.traceback[-1].lineno]
