"""The layer with an interpreter serves functions in any language."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from extension import __version__
from layer.build import build
from layer.errors import LayerError
from layer.standalone import copy_interpreter, version_of
from layer.target import ARCHITECTURES
from tests.layer.built import LayerTree, order, released_layer
from tests.layer.stage import read_only_opt, staged
from tests.waiting import until

FUNCTIONS = Path(__file__).parent / "functions"
RUNTIMES = {
    "sh": ("/bin/sh", str(FUNCTIONS / "runtime.sh")),
    "node": ("node", str(FUNCTIONS / "runtime.mjs")),
}
NEEDED = {"sh": "curl", "node": "node"}


@pytest.mark.parametrize("language", RUNTIMES)
async def test_a_function_in_another_language(language: str, standalone_tree: LayerTree) -> None:
    """The cache answers it, a span tells of it, and the process is the layer's own Python."""
    program = shutil.which(NEEDED[language])
    if program is None:
        pytest.skip(f"{NEEDED[language]} is not installed")
    environment = {"PATH": f"{Path(program).parent}:/usr/bin:/bin"}
    command = (shutil.which(RUNTIMES[language][0]) or "", *RUNTIMES[language][1:])
    async with staged(
        standalone_tree.extensions, environment=environment, code=FUNCTIONS, runtime=command
    ) as stage:
        answer = await stage.function.invoke({})
        interpreter = stage.interpreter
        await until(lambda: stage.intake.spans)
    assert json.loads(answer.payload)["Parameter"]["Value"] == "hello"
    assert interpreter == str(standalone_tree.root / "lambda-dispatch/python/bin/python3")
    assert stage.clean


async def test_its_interpreter_runs_read_only_without_rights_or_home(
    standalone_tree: LayerTree, tmp_path: Path
) -> None:
    """At /opt, whatever the function's LD_LIBRARY_PATH says."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    extensions = read_only_opt(standalone_tree, tmp_path)
    environment = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/nowhere"}
    async with staged(
        extensions, environment=environment, code=FUNCTIONS, runtime=RUNTIMES["sh"]
    ) as stage:
        answer = await stage.function.invoke({})
        interpreter = stage.interpreter
    assert json.loads(answer.payload)["Parameter"]["Value"] == "hello"
    assert interpreter == "/opt/lambda-dispatch/python/bin/python3"
    assert stage.clean


def test_it_carries_what_it_needs_of_python(standalone_tree: LayerTree) -> None:
    """One program and its standard library, as bytecode alone; no tests, no pip, no headers."""
    python = standalone_tree.root / "lambda-dispatch/python"
    library = python / f"lib/python{version_of(python)}"
    assert [entry.name for entry in (python / "bin").iterdir()] == ["python3"]
    assert (library / "asyncio/events.pyc").is_file()
    assert [file for file in library.rglob("*") if file.suffix == ".py"] == []
    assert list(library.rglob("__pycache__")) == []  # they would differ from build to build
    for gone in ("test", "site-packages", "ensurepip", "tkinter", "idlelib"):
        assert not (library / gone).exists()
    assert not (python / "include").exists()


def test_tls_trusts_what_the_image_trusts(standalone_tree: LayerTree) -> None:
    """The interpreter was built elsewhere, so OpenSSL in it does not know where authorities lie."""
    python = standalone_tree.root / "lambda-dispatch/python"
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from extension.process.authorities import Places\n"
        "print(Places().find_folder() or Places().find_bundle())"
    )
    done = subprocess.run(
        [python / "bin/python3", "-I", "-S", "-B", "-c", program, standalone_tree.library],
        env={"LD_LIBRARY_PATH": str(python / "lib")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).exists()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_is_small_enough(architecture: str) -> None:
    """At most 16 MB zipped, with the Python that a release carries; Lambda takes 50."""
    layer = released_layer(architecture)
    if layer is None:
        pytest.skip("its interpreter cannot be fetched")
    assert layer.zip.name == f"lambda-dispatch-standalone-{architecture}.zip"
    assert layer.zip.stat().st_size < 16_000_000


def test_it_carries_the_licences_of_the_interpreter(standalone_tree: LayerTree) -> None:
    """CPython's, and those of what it is linked to."""
    texts = (standalone_tree.root / "lambda-dispatch/LICENSES.txt").read_text()
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in texts
    for part in ("OpenSSL", "libffi", "zlib", "Expat", "SQLite", "ncurses", "Zstandard"):
        assert f"==== {part} (in the interpreter) ====" in texts


def test_it_tells_its_version(standalone_tree: LayerTree) -> None:
    """That of the extension."""
    version = (standalone_tree.root / "lambda-dispatch/version").read_text()
    assert version == f"{__version__}\n"


def test_an_interpreter_that_needs_more_than_the_image_has_is_refused(
    standalone_tree: LayerTree, tmp_path: Path
) -> None:
    """The build names the file, and leaves no zip."""
    tree = standalone_tree.root / "lambda-dispatch/python"
    program = tmp_path / "tree/bin" / f"python{version_of(tree)}"
    shutil.copytree(tree / "lib", tmp_path / "tree/lib")
    program.parent.mkdir()
    shutil.copy("/bin/sh", program)
    wanted = order(tmp_path / "out", standalone=True, interpreter=tmp_path / "tree", glibc=(2, 0))
    with pytest.raises(LayerError, match=r"needs glibc 2\.\d+; Lambda's image has 2\.0"):
        build(wanted, say=lambda _: None)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_without_an_interpreter_is_refused(tmp_path: Path) -> None:
    """A standard library alone is none, and neither is a script in the program's place."""
    with pytest.raises(LayerError, match="holds no Python"):
        version_of(tmp_path)
    (tmp_path / "lib/python3.12").mkdir(parents=True)
    (tmp_path / "lib/python3.12/os.py").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3.12").write_text("#!/bin/sh\n")
    with pytest.raises(LayerError, match=r"bin/python3\.12 is not a program"):
        copy_interpreter(tmp_path, folder=tmp_path / "copy")
