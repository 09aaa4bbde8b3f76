"""Code that modules generate as text, compiled by the build."""

from __future__ import annotations

import collections
import dataclasses
import json
import marshal
import typing
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType

import pytest

from layer import kept_code
from layer.kept_code import SALTED, compile_new, dump, finder_of, give, install, key_of
from tests.layer.built import LayerTree, run_python

TEXTS = [
    ("lambda _cls, a, b: _tuple_new(_cls, (a, b))", "<string>", "eval"),
    ("dict[str, int | None]", "<string>", "eval"),
    ("def __eq__(self, other):\n    return self.a == other.a\n", "<attrs methods>", "exec"),
]

SPARED = ("def raise_from(", "hits, misses, ", "module_finder, name, ")
"""What is compiled all the same: `six`, and named tuples made before."""

IMPORT_ALL = """
import sys
sys.path.append(sys.argv[1])
import code_file
code_file.install(sys.argv[1])
compiled = []

def hear(event, given):
    if event == "compile":
        compiled.append(str(given[0]))

sys.addaudithook(hear)
import extension.app, importlib, json, pkgutil
for module in pkgutil.walk_packages(extension.__path__, "extension."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(json.dumps(compiled))
"""


def never(text: str, file: str, mode: str) -> CodeType:
    """Compile nothing."""
    raise AssertionError(f"{text!r} of {file} is compiled for {mode}")


def is_same(one: object, other: object) -> bool:
    """Compare code, but for the columns of tracebacks, which the build leaves out."""
    if not isinstance(one, CodeType) or not isinstance(other, CodeType):
        return one == other and type(one) is type(other)
    names = ("co_code", "co_names", "co_varnames", "co_flags", "co_filename", "co_qualname")
    pairs = zip(one.co_consts, other.co_consts, strict=True)
    return all(getattr(one, name) == getattr(other, name) for name in names) and all(
        is_same(*pair) for pair in pairs
    )


def as_stored(*keys: tuple[str, str, str]) -> dict[tuple[str, str, str], bytes]:
    """Return what a start reads of these texts."""
    made_for, kept = marshal.loads(dump({key_of(*key): compile_new(*key) for key in keys}))
    assert made_for == MAGIC_NUMBER
    return dict(kept)


@pytest.fixture
def own_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what the modules of the standard library are given."""
    monkeypatch.setitem(vars(collections), "eval", eval)
    monkeypatch.setitem(vars(typing), "compile", compile)
    monkeypatch.setitem(vars(dataclasses), "exec", exec)


@pytest.mark.parametrize("key", TEXTS)
def test_kept_code_is_the_compiled_one(key: tuple[str, str, str]) -> None:
    """By all that Python compares of two code objects, and by the file in tracebacks."""
    code = finder_of(as_stored(key), never)(*key)
    assert code == compile_new(*key)
    assert code.co_filename == key[1]


def test_every_kept_code_of_the_layer_is_the_compiled_one(layer_tree: LayerTree) -> None:
    """None was changed on its way through the file."""
    stored = Path(kept_code.path_of(str(layer_tree.library))).read_bytes()
    _, kept = marshal.loads(stored)
    assert len(kept) > 150
    for key, code in kept.items():
        if SALTED not in key[0]:
            assert is_same(marshal.loads(code), compile_new(*key))


def test_a_text_without_a_file_is_found_as_often_as_it_is_there() -> None:
    """Other code is forgotten when it is found: it takes memory."""
    annotation, method = TEXTS[1], TEXTS[2]
    of_dataclass = (method[0], "<string>", "exec")
    kept = as_stored(annotation, method, of_dataclass)
    find = finder_of(kept, never)
    assert find(*annotation) is find(*annotation)
    assert find(*of_dataclass) is find(*of_dataclass)
    assert find(*method).co_filename == method[1]
    assert kept == {}


def test_any_other_text_is_compiled() -> None:
    """The same text of another file, or for another use, is another text."""
    [(text, file, mode), *_] = TEXTS
    find = finder_of(as_stored((text, file, mode)))
    for other in (("1", file, mode), (text, "other", mode), (text, file, "exec")):
        assert find(*other) == compile_new(*other)


def test_what_is_compiled_takes_nothing_from_us() -> None:
    """Annotations are evaluated, as in the modules whose texts these are."""
    namespace: dict[str, typing.Any] = {}
    exec(compile_new("def f(x: 1 + 1): pass", "<string>", "exec"), namespace)
    assert namespace["f"].__annotations__ == {"x": 2}


def test_a_salt_does_not_matter() -> None:
    """In each process, attrs writes another number into each hash."""
    one, other = (f"def h(self):\n  return hash((\n      {n},\n  self.a,))\n" for n in (-12, 345))
    find = finder_of(as_stored((one, "file", "exec")), never)
    assert find(other, "file", "exec") == compile_new(one, "file", "exec")


@pytest.mark.usefixtures("own_functions")
def test_classes_are_as_ever() -> None:
    """Named tuples and dataclasses have their values; attrs is given what makes code."""
    asked: list[str] = []

    def compile_text(text: str, file: str, mode: str) -> CodeType:
        asked.append(text)
        return compile_new(text, file, mode)

    given = give(compile_text)
    plain = collections.namedtuple("plain", "a b", defaults=[2])
    typed = typing.NamedTuple("typed", [("a", "int"), ("b", "int | None")])  # noqa: UP014
    assert plain(1) == (1, 2)
    assert typed(1, 2) == (1, 2)
    assert asked == [
        "lambda _cls, a, b: _tuple_new(_cls, (a, b))",
        "int",
        "int | None",
        "lambda _cls, a, b: _tuple_new(_cls, (a, b))",
    ]
    data = dataclasses.make_dataclass("data", [("a", "int"), ("b", "int", 2)], repr=False, eq=False)
    assert vars(data(1)) == {"a": 1, "b": 2}
    assert [text.count("def __init__") for text in asked[4:]] == [1]
    assert given == {"attr._make": {"compile": compile_text}}


def test_a_start_compiles_no_text(layer_tree: LayerTree) -> None:
    """Whatever of the extension it imports."""
    done = run_python(IMPORT_ALL, layer_tree.library)
    left = [text for text in json.loads(done.stdout) if not any(each in text for each in SPARED)]
    assert left == []


@pytest.mark.usefixtures("own_functions")
def test_what_was_made_for_another_python_is_not_used() -> None:
    """One with other bytecode."""
    assert install(b"other", {}) == {}
    assert vars(collections)["eval"] is eval
    assert vars(typing)["compile"] is compile
