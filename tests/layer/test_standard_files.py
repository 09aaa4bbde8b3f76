"""The standard library, imported from its .pyc files with fewer looks."""

from __future__ import annotations

import json
import os
import py_compile
from importlib.util import MAGIC_NUMBER, cache_from_source, module_from_spec
from pathlib import Path

import pytest

from layer.standard_files import StandardFiles
from tests.layer.built import LayerTree, run_python

MODE = py_compile.PycInvalidationMode

DESCRIBE = """
import sys
if sys.argv[2:]:
    sys.path.append(sys.argv[1])
    import standard_files
    standard_files.install()
import __future__, asyncio, decimal, email.message, importlib.resources, json, xml.etree.ElementTree
found = {}
for name, module in sorted(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    if spec is None or name in ("standard_files", "__main__"):
        continue
    found[name] = [
        getattr(module, "__file__", None), getattr(module, "__cached__", None),
        getattr(module, "__path__", None) and list(module.__path__), module.__package__,
        spec.origin, spec.cached, spec.has_location, spec.submodule_search_locations and
        list(spec.submodule_search_locations), spec.parent,
    ]
found["source"] = [json.__loader__.get_source("json"), json.__loader__.is_package("json")]
found["resource"] = importlib.resources.files("json").joinpath("decoder.py").read_text()
import inspect
found["function"] = [inspect.getsource(json.dumps), json.dumps.__code__.co_filename]
print(json.dumps(found))
"""


def described(library: Path, *ours: str) -> dict[str, object]:
    """Return what modules say of themselves; with an argument, when ours has imported them."""
    done = run_python(DESCRIBE, library, *ours)
    return dict(json.loads(done.stdout))


def test_modules_are_as_ever(layer_tree: LayerTree) -> None:
    """They name the same files, sources and data."""
    expected = described(layer_tree.library)
    assert described(layer_tree.library, "ours") == expected


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A module with the name of one in the standard library, without a .pyc."""
    source = tmp_path / "colorsys.py"
    source.write_text("answer = 42\n")
    return source


def compiled(source: Path, mode: MODE = MODE.TIMESTAMP) -> Path:
    """Compile a module, and return its .pyc."""
    py_compile.compile(str(source), invalidation_mode=mode, doraise=True)
    return Path(cache_from_source(source))


@pytest.mark.parametrize("mode", [MODE.TIMESTAMP, MODE.UNCHECKED_HASH])
def test_a_current_module_is_found(source: Path, mode: MODE) -> None:
    """By the time and the size of its source, or without a look at them where that is asked."""
    compiled(source, mode)
    spec = StandardFiles(str(source.parent)).find_spec("colorsys")
    assert spec is not None
    assert spec.loader is not None
    for _ in range(2):  # the second time it is read again, as `importlib.reload` does
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.answer == 42
        assert module.__file__ == str(source)


def test_a_package_and_its_modules_are_found(tmp_path: Path) -> None:
    """Each is a folder with a module in it."""
    folder = tmp_path / "json"
    folder.mkdir()
    for name in ("__init__", "decoder"):
        (folder / f"{name}.py").write_text("")
        compiled(folder / f"{name}.py")
    files = StandardFiles(str(tmp_path))
    package, module = files.find_spec("json"), files.find_spec("json.decoder")
    assert package is not None
    assert package.submodule_search_locations == [str(folder)]
    assert module is not None
    assert module.origin == str(folder / "decoder.py")
    assert module.submodule_search_locations is None


def test_what_is_not_current_is_left_to_the_import_system(source: Path) -> None:
    """A .pyc that is missing, of another Python, cut off, of another source, or to be checked."""

    def is_found() -> bool:
        return StandardFiles(str(source.parent)).find_spec("colorsys") is not None

    assert not is_found()
    pyc = compiled(source)
    content = pyc.read_bytes()
    assert is_found()
    for other in (b"", content[:12], bytes(4) + content[4:]):
        pyc.write_bytes(other)
        assert not is_found()
    assert content[:4] == MAGIC_NUMBER
    compiled(source, MODE.CHECKED_HASH)
    assert not is_found()
    compiled(source)
    assert is_found()
    os.utime(source, (1, 1))
    assert not is_found()
    compiled(source)
    assert is_found()
    source.write_text("answer = 4200\n")
    os.utime(source, (1, 1))
    assert not is_found()
    compiled(source)
    source.unlink()
    assert not is_found()


def test_other_packages_are_left_to_the_import_system(tmp_path: Path) -> None:
    """Only names of the standard library are looked for in its folder."""
    (tmp_path / "other.py").write_text("")
    compiled(tmp_path / "other.py")
    assert StandardFiles(str(tmp_path)).find_spec("other") is None
