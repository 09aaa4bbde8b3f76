"""One file of code objects in place of a .pyc for each module."""

from __future__ import annotations

import json
import marshal
import shutil
from pathlib import Path

import pytest

from tests.layer.built import LayerTree, run_python

FROM_FILE = (
    "import sys; sys.path.append(sys.argv[1]); import code_file\n"
    "installed = code_file.install(sys.argv[1]) is not None\n"
)
FROM_SOURCE = "import sys; sys.path.append(sys.argv[1])\n"

IMPORT_ALL = """
import importlib, json, pathlib, warnings
warnings.simplefilter("ignore")
library, failures = pathlib.Path(sys.argv[1]), {}
for path in sorted(library.rglob("*.py")):
    parts = path.relative_to(library).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    if name == "extension.__main__":
        continue
    try:
        module = importlib.import_module(name)
        assert module.__file__ == str(path), module.__file__
    except BaseException as error:
        failures[name] = type(error).__name__
print(json.dumps(failures))
"""

FAILS = """
def fail():
    # a comment
    raise ValueError("on line four")
"""


@pytest.fixture
def library(layer_tree: LayerTree, tmp_path: Path) -> Path:
    """A copy of the layer's library, in another place than it was compiled for."""
    return Path(shutil.copytree(layer_tree.library, tmp_path / "lib-1"))


def test_every_module_is_imported_from_it(library: Path) -> None:
    """What fails to import, because of a package that is not shipped, fails from source, too."""
    from_file = json.loads(run_python(FROM_FILE + IMPORT_ALL, library).stdout)
    from_source = json.loads(run_python(FROM_SOURCE + IMPORT_ALL, library).stdout)
    assert from_file == from_source


def test_tracebacks_name_file_and_line_and_show_the_source(library: Path) -> None:
    """Where the layer lies, whatever place it was compiled for."""
    program = f"{FROM_FILE}from extension.settings.config import read_config; read_config(1)"
    report = run_python(program, library, check=False).stderr
    line = next(each for each in report.splitlines() if f'"{library}/extension/settings/' in each)
    number, source = int(line.split("line ")[1].split(",")[0]), line.split('"')[1]
    assert Path(source).read_text().splitlines()[number - 1].strip() in report


def test_data_and_sources_are_found_beside_it(library: Path) -> None:
    """By `importlib.resources`, `pkgutil` and `inspect`, as with a module from its folder."""
    program = (
        f"{FROM_FILE}import importlib.resources, inspect, pkgutil, botocore.session, extension\n"
        "found = importlib.resources.files('botocore') / 'cacert.pem'\n"
        "assert found.read_bytes() == pkgutil.get_data('botocore', 'cacert.pem')\n"
        "assert 'class Session' in inspect.getsource(botocore.session)\n"
        "assert not extension.__spec__.cached\n"
        "print(installed)"
    )
    assert run_python(program, library).stdout == "True\n"


@pytest.mark.parametrize("damage", ["missing", "of another Python", "cut"])
def test_without_a_usable_file_modules_come_from_their_sources(damage: str, library: Path) -> None:
    """Slowly, and all the same."""
    [code] = library.glob("code.*.bin")
    content = code.read_bytes()
    if damage == "missing":
        code.unlink()
    else:
        code.write_bytes(content[:100] if damage == "cut" else b"????" + content[4:])
    program = f"{FROM_FILE}import extension.__main__ as main\nprint(installed, main.__file__)"
    assert run_python(program, library).stdout == f"False {library}/extension/__main__.py\n"


@pytest.mark.parametrize("name", ["standard_files", "kept_patterns", "kept_code"])
def test_a_start_works_without_what_makes_it_faster(name: str, library: Path) -> None:
    """Whatever is wrong with it: an extension that does not start serves nothing."""
    program = f"{FROM_FILE}sys.modules[{name!r}] = None\nimport extension.app\nprint(installed)"
    assert run_python(program, library).stdout == "True\n"


@pytest.mark.parametrize("name", ["patterns", "generated"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense", marshal.dumps(7)])
def test_a_start_works_without_what_the_build_has_kept(
    name: str, content: bytes | None, library: Path
) -> None:
    """What is missing or damaged is compiled, and the other file is used."""
    [kept] = library.glob(f"{name}.*.bin")
    kept.unlink()
    if content is not None:
        kept.write_bytes(content)
    program = (
        f"{FROM_FILE}import extension.app, re._compiler, typing\n"
        "print([re._compiler.compile.__name__ == 'compile_pattern', 'compile' in vars(typing)])"
    )
    assert run_python(program, library).stdout == f"{[name != 'patterns', name != 'generated']}\n"


def test_no_descriptor_is_held(library: Path) -> None:
    """Where few are left, an import needs one for a moment, as one from a .pyc does."""
    program = (
        f"{FROM_FILE}import os, extension.app\n"
        "print([name for name in map(os.readlink, (f'/proc/self/fd/{n}' for n in range(3, 9)\n"
        "       if os.path.exists(f'/proc/self/fd/{n}')))])"
    )
    assert "code." not in run_python(program, library).stdout
