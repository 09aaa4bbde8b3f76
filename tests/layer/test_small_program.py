"""A program of a thousand bytes runs the Python that a libpython holds."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from layer.elf import parse_elf
from layer.fetched import BUNDLED_VERSION, fetch_with_go
from layer.small_program import small_program
from layer.standalone import copy_interpreter
from layer.target import ARCHITECTURES, Architecture, this_machine

LIBRARY = f"libpython{BUNDLED_VERSION}.so.1.0"


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=list(ARCHITECTURES))
def test_its_header_says_what_the_loader_needs(architecture: Architecture) -> None:
    """Machine, loader, libraries; and no stack that can be run."""
    content = small_program(architecture, libpython=LIBRARY)
    elf = parse_elf(content)
    assert elf is not None
    assert (elf.machine, elf.needed) == (architecture.elf, (LIBRARY, "libc.so.6"))
    assert elf.loader.startswith("/lib")
    assert elf.glibc == (0, 0)
    assert elf.loaded_bytes == len(content)
    stack = struct.pack("<II", 0x6474E551, 6)
    assert content.count(stack) == 1


def test_it_runs_python(tmp_path: Path) -> None:
    """From any folder, with arguments and status, beside the standard library."""
    machine = this_machine()
    if machine is None or shutil.which("go") is None:
        pytest.skip("no interpreter can be fetched here")
    tree = fetch_with_go(BUNDLED_VERSION, machine, folder=tmp_path)
    copy_interpreter(tree, folder=tmp_path / "python")
    program = tmp_path / "python/bin/python3"
    program.chmod(0o755)
    code = "import sys, ssl; print(sys.prefix, sys.argv[1:]); sys.exit(7)"
    done = subprocess.run(
        [program, "-I", "-S", "-c", code, "a b"],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, f"{tmp_path / 'python'} ['a b']\n")
