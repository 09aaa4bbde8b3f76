"""Interpreters are fetched by Go's client, pinned by their hash, or else by uv's."""

from __future__ import annotations

import gzip
import json
import shlex
from pathlib import Path

import pytest

from layer.errors import LayerError
from layer.fetched import RELEASES, fetch_interpreter, fetch_with_go, fetch_with_uv
from layer.target import ARCHITECTURES, VERSIONS

X86, ARM = ARCHITECTURES["x86_64"], ARCHITECTURES["arm64"]

UV = """#!/bin/sh
[ "$1 $2" = "python install" ] || exit 2
tree=$5/cpython-3.14.9-linux-$(uname -m)-gnu
mkdir -p "$tree"
echo "$6" > "$tree/asked"
ln -s "$tree" "$5/cpython-3.14-linux-$(uname -m)-gnu"
"""
"""Downloads as uv does: the tree, and a link under the name without the patch release."""


def fake(folder: Path, *, text: str) -> str:
    """Write a client and return its path."""
    program = folder / "client"
    program.write_text(text)
    program.chmod(0o755)
    return str(program)


def fake_go(folder: Path, *, said: dict[str, str], status: int = 0) -> str:
    """Write a go that answers `mod download -json`."""
    answer = f"printf '%s\\n' {shlex.quote(json.dumps(said))}"
    asked = f'echo "$4" >{folder}/asked'
    return fake(folder, text=f"#!/bin/sh\n{asked}\n{answer}\nexit {status}\n")


def write_module(folder: Path) -> Path:
    """Write a module with an interpreter for arm64; returns its folder."""
    data = folder / "module/python/internal/data/linux-arm64"
    content = {
        "bin/python3.14": b"a program",
        "bin/pip3": b"not wanted",
        "lib/libpython3.14.so.1.0": b"a library",
        "lib/libtcl9.0.so": b"not wanted",
        "lib/python3.14/os.py": b"a module",
        "lib/python3.14/test/test_os.py": b"not wanted",
    }
    for name, text in content.items():
        file = data / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in (".14", ".0"):
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(text))
        else:
            file.write_bytes(text)
    names = [*content, "lib", "lib/libpython3.14.so"]  # a folder and a link are listed, too
    (data / "files.json").write_text(json.dumps({"files": [{"name": name} for name in names]}))
    return folder / "module"


def test_what_an_interpreter_needs_is_unpacked(tmp_path: Path) -> None:
    """Program, library and modules for the architecture that was asked for, and nothing else."""
    module = write_module(tmp_path)
    said = {"Dir": str(module), "Sum": RELEASES["3.14"][1]}
    program = fake_go(tmp_path, said=said)
    tree = fetch_with_go("3.14", ARM, folder=tmp_path / "out", program=program)
    files = {
        path.relative_to(tree).as_posix(): path.read_text()
        for path in tree.rglob("*")
        if path.is_file()
    }
    assert files == {
        "bin/python3.14": "a program",
        "lib/libpython3.14.so.1.0": "a library",
        "lib/python3.14/os.py": "a module",
    }
    assert (tree / "bin/python3.14").stat().st_mode & 0o111
    assert (tmp_path / "asked").read_text().strip().endswith(f"@{RELEASES['3.14'][0]}")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"Sum": "h1:other", "Dir": "/nowhere"}, "its hash is h1:other, not h1:"),
        ({"Error": "module lookup disabled\n"}, r"\(module lookup disabled\)"),
    ],
)
def test_another_module_is_refused(said: dict[str, str], line: str, tmp_path: Path) -> None:
    """Its hash is pinned here, too, whatever the user's go checks."""
    program = fake_go(tmp_path, said=said, status=1)
    with pytest.raises(LayerError, match=line):
        fetch_with_go("3.14", X86, folder=tmp_path / "out", program=program)


def test_every_pinned_version_is_one_of_lambdas() -> None:
    """A layer for others would run nowhere."""
    assert set(RELEASES) <= set(VERSIONS)


def test_uv_brings_the_interpreter_of_the_wanted_architecture(tmp_path: Path) -> None:
    """The tree itself, whatever this machine is."""
    program = fake(tmp_path, text=UV)
    tree = fetch_with_uv(ARM, folder=tmp_path / "uv-trees", program=program)
    assert not tree.is_symlink()
    assert (tree / "asked").read_text() == "cpython-3.14-linux-aarch64-gnu\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("#!/bin/sh\necho details >&2; echo no route >&2; exit 1\n", r"\(no route\)"),
        ("#!/bin/sh\nexit 0\n", r"\(no word\)"),
        (None, "uv is not on PATH"),
    ],
)
def test_a_failure_of_uv_is_told(text: str | None, line: str, tmp_path: Path) -> None:
    """It fails, brings nothing, or is not there."""
    program = fake(tmp_path, text=text) if text else str(tmp_path / "absent")
    with pytest.raises(LayerError, match=line):
        fetch_with_uv(X86, folder=tmp_path / "uv-trees", program=program)


def test_without_a_client_the_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both clients, and the option that takes a tree."""
    monkeypatch.setenv("PATH", str(tmp_path))
    line = "go is not on PATH; uv is not on PATH; name a tree with --interpreter"
    with pytest.raises(LayerError, match=line):
        fetch_interpreter(X86, folder=tmp_path / "out")
