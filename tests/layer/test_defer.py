"""Imports that the build puts off to their first use."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from layer.defer import defer

PACKAGE = {
    "heavy.py": "class Thing:\n    pass\nclass Problem(Exception):\n    pass\nvalue = 3\n",
    "__init__.py": "",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with a module `heavy`; its modules are forgotten afterwards."""
    folder = tmp_path / "deferring"
    folder.mkdir()
    for name, text in PACKAGE.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield "deferring"
    for name in [each for each in sys.modules if each.startswith("deferring")]:
        del sys.modules[name]


def load(source: str, *sources: str, name: str = "deferring.light") -> ModuleType:
    """Return the module that a source makes once `sources` are put off."""
    tree = ast.parse(source)
    defer(tree, sources)
    module = ModuleType(name)
    module.__package__ = "deferring"
    exec(compile(tree, "light.py", "exec"), vars(module))
    return module


def is_loaded() -> bool:
    """Tell whether what is heavy was imported."""
    return "deferring.heavy" in sys.modules


def test_an_import_waits_for_its_first_use(package: str) -> None:
    """In a function, a method, a comprehension, a lambda, or an except clause."""
    module = load(
        "from __future__ import annotations\n"
        "from .heavy import Thing, Problem as Trouble\n"
        "import sys\n"
        "class Light:\n"
        "    def make(self):\n"
        "        return [Thing for _ in range(1)] + [(lambda: Thing)()]\n"
        "def handle():\n"
        "    try:\n"
        "        raise Trouble\n"
        "    except Trouble:\n"
        "        return 'handled'\n",
        ".heavy",
    )
    assert not is_loaded()
    made = module.Light().make()
    assert is_loaded()
    assert made == [sys.modules[f"{package}.heavy"].Thing] * 2
    assert module.handle() == "handled"
    assert module.sys is sys


@pytest.mark.parametrize(
    ("source", "named", "name"),
    [
        ("from .heavy import value", ".heavy", "value"),
        ("from .heavy import value, Thing as Other", ".heavy.value", "value"),
        ("from . import heavy", ".heavy", "heavy"),
        ("import deferring.heavy", "deferring.heavy", "deferring"),
        ("import deferring.heavy as heavy", "deferring.heavy", "heavy"),
    ],
)
def test_other_modules_find_the_name(package: str, source: str, named: str, name: str) -> None:
    """As an attribute, which is what `from light import name` reads."""
    module = load(source, named)
    assert name not in vars(module)
    assert getattr(module, name) is not None
    assert is_loaded()
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        module.unknown  # noqa: B018  # the question is what matters


def test_a_package_puts_off_a_module_of_its_own(package: str, tmp_path: Path) -> None:
    """`from . import heavy` in `__init__`, where the import system asks for it by the same hook."""
    module = load("from . import heavy", ".heavy", name=package)
    sys.modules[package] = module
    module.__path__ = [str(tmp_path / package)]
    from deferring import heavy  # type: ignore[import-not-found]  # noqa: PLC0415  # made above

    assert heavy.value == 3


@pytest.mark.usefixtures("package")
def test_a_hook_of_the_source_goes_on_working() -> None:
    """It is asked for what was not put off."""
    module = load(
        "from .heavy import value\ndef __getattr__(name):\n    return name.upper()\n", ".heavy"
    )
    assert (module.value, module.other) == (3, "OTHER")


@pytest.mark.parametrize(
    "source",
    [
        "from .heavy import Thing\nclass Light(Thing):\n    pass",
        "from .heavy import Thing\n@Thing\ndef light():\n    pass",
        "from .heavy import Thing\ndef light(kind=Thing):\n    pass",
        "from .heavy import Thing\nlight = lambda kind=Thing: kind",
        "from .heavy import Thing\nLight = Thing()",
        "from .heavy import Thing\nclass Light:\n    kind: Thing",
        "from .heavy import Thing\ndef light(Thing):\n    return Thing",
        "from .heavy import Thing\ndef light():\n    Thing = 1\n    return Thing",
        "from .heavy import Thing\ndef light():\n    global Thing",
        "from .heavy import Thing\ndef light():\n    from os import path as Thing",
        "from .heavy import Thing\ndef light():\n    def Thing():\n        pass",
        "if True:\n    from .heavy import Thing",
        "import heavier",
    ],
)
def test_what_cannot_be_put_off_ends_the_build(source: str) -> None:
    """A name that is used during the import, has two meanings, or is not imported at the top."""
    with pytest.raises(ValueError, match=r"Thing|does not import \.heavy"):
        defer(ast.parse(source), [".heavy"])
