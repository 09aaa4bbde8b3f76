"""Where the extension cannot run, the function lives all the same."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from simulator.errors import SimulatorError
from simulator.local_lambda import LocalLambda
from simulator.sandbox.output import OutputLine
from simulator.settings import FunctionSettings
from tests.layer.built import LayerTree
from tests.sandbox import FUNCTIONS, GENEROUS


def path_with(folder: Path, *programs: str) -> str:
    """Return a PATH on which only these programs are found; skips when one is not installed."""
    folder.mkdir()
    for name in programs:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        (folder / name).symlink_to(found)
    if Path("/var/lang/bin/python3").exists():
        pytest.skip("this machine has the interpreter of a Lambda runtime")
    return str(folder)


def settings(tree: LayerTree, *, path: str) -> FunctionSettings:
    """Return a function beside the layer, with this PATH."""
    return FunctionSettings(
        code=FUNCTIONS, extensions=tree.extensions, environment={"PATH": path}, **GENEROUS
    )


def causes(lines: list[OutputLine]) -> list[str]:
    """Return what the stand-in said."""
    texts = [line.text for line in lines if line.source == "extension"]
    return [json.loads(text)["cause"] for text in texts]


@pytest.mark.parametrize("tools", [("bash", "sleep"), ("curl", "sleep")], ids=" ".join)
async def test_without_an_interpreter(
    tools: tuple[str, ...], layer_tree: LayerTree, tmp_path: Path
) -> None:
    """One line says so; invocations succeed, none waits for the stand-in, and it ends in order."""
    lines: list[OutputLine] = []
    path = path_with(tmp_path / "bin", *tools)
    async with LocalLambda(settings(layer_tree, path=path), on_line=lines.append) as function:
        answers = [await function.invoke({}) for _ in range(3)]
    assert [answer.status for answer in answers] == ["success"] * 3
    assert causes(lines) == ["no Python in this image"]
    [stand_in] = [each for each in function.exits if each.kind == "extension"]
    assert (stand_in.returncode, stand_in.killed) == (0, False)


async def test_with_nothing_that_could_register(layer_tree: LayerTree, tmp_path: Path) -> None:
    """Neither bash nor curl: the function cannot be saved, but the log says why."""
    lines: list[OutputLine] = []
    path = path_with(tmp_path / "bin", "sleep")
    with pytest.raises(SimulatorError, match="lambda-dispatch"):
        async with LocalLambda(settings(layer_tree, path=path), on_line=lines.append) as function:
            await function.start()
    assert causes(lines) == [
        "no Python in this image",
        "neither bash nor curl: nothing here can register",
    ]


async def test_with_an_interpreter_that_cannot_import_it(
    layer_tree: LayerTree, tmp_path: Path
) -> None:
    """As one that is too old; here the package is broken. The line names Python and cause."""
    root = tmp_path / "opt"
    shutil.copytree(layer_tree.extensions, root / "extensions")
    broken = root / "lambda-dispatch/lib/extension"
    broken.mkdir(parents=True)
    (broken / "__main__.py").write_text('raise SyntaxError("no \\"match\\"\\nhere")\n')
    for name in ("start.py", "stand-in.sh"):
        shutil.copy(layer_tree.root / "lambda-dispatch" / name, root / "lambda-dispatch")
    lines: list[OutputLine] = []
    tree = LayerTree(root=root, zip=layer_tree.zip)
    chosen = settings(tree, path=layer_tree.environment["PATH"])
    async with LocalLambda(chosen, on_line=lines.append) as function:
        answer = await function.invoke({})
    assert answer.status == "success"
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert causes(lines) == [f"Python {version}: no 'match' here"]


def old_python() -> Path | None:
    """Return an interpreter that cannot run the extension, if this machine has one."""
    for minor in (10, 9, 8, 7, 6):
        on_path = shutil.which(f"python3.{minor}")
        trees = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3"))
        for found in [*trees, *([Path(on_path)] if on_path else [])]:
            return found
    return None


async def test_with_an_old_interpreter(layer_tree: LayerTree, tmp_path: Path) -> None:
    """A Python too old for the extension understands how to step aside."""
    old = old_python()
    if old is None:
        pytest.skip("no Python older than 3.11 is installed")
    path = path_with(tmp_path / "bin", "bash", "sleep")
    (tmp_path / "bin/python3").symlink_to(old)
    lines: list[OutputLine] = []
    async with LocalLambda(settings(layer_tree, path=path), on_line=lines.append) as function:
        answer = await function.invoke({})
    assert answer.status == "success"
    [cause] = causes(lines)
    assert cause.startswith("Python 3.")
    assert cause.endswith(": the extension needs 3.11 or newer")
