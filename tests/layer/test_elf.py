"""What the loader needs is read from the file; what it never loads can be cut off."""

from __future__ import annotations

import importlib.machinery
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from layer.elf import Elf, read_elf, strip_file
from layer.errors import LayerError
from layer.portability import SYSTEM_LIBRARIES, check_portability
from layer.target import ARCHITECTURES, Architecture

MACHINE = next(a for a in ARCHITECTURES.values() if a.machine == platform.machine())
OTHER = next(a for a in ARCHITECTURES.values() if a != MACHINE)


def compiled_modules() -> list[Path]:
    """Return shared libraries of many makers: those of the packages of this environment."""
    packages = Path(sys.prefix) / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}"
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    found = [path for path in packages.rglob("*.so") if path.name.endswith(suffixes)]
    assert len(found) > 5
    return found


def described(path: Path) -> Elf:
    """Return the description of what is certainly a shared library."""
    elf = read_elf(path)
    assert elf is not None
    return elf


def check(folder: Path, *, architecture: Architecture, glibc: tuple[int, int]) -> tuple[int, int]:
    """Check a tree against one glibc for all of its files."""
    return check_portability(folder, architecture=architecture, glibc_of=lambda _: glibc)


def test_libraries_and_glibc_are_those_that_binutils_finds() -> None:
    """The reading agrees with objdump's."""
    objdump = shutil.which("objdump")
    if objdump is None:
        pytest.skip("objdump is not installed")
    for path in compiled_modules():
        headers = subprocess.run([objdump, "-p", path], capture_output=True, text=True, check=True)
        needed = re.findall(r"^\s+NEEDED\s+(\S+)", headers.stdout, re.MULTILINE)
        versions = re.findall(r"\sGLIBC_(\d+)\.(\d+)", headers.stdout)
        highest = max(((int(major), int(minor)) for major, minor in versions), default=(0, 0))
        elf = described(path)
        assert (elf.machine, list(elf.needed), elf.glibc) == (MACHINE.elf, needed, highest), path


def test_the_loader_of_a_program_is_read() -> None:
    """Which libraries do not name."""
    loader = described(Path(sys.executable).resolve()).loader
    assert loader.startswith("/lib")
    assert Path(loader).exists()
    assert {described(path).loader for path in compiled_modules()[:5]} == {""}


def test_other_files_are_no_libraries(tmp_path: Path) -> None:
    """Text and an empty file are distinguished, and stripping leaves them alone."""
    for content in (b"", b"#!/bin/sh\n"):
        file = tmp_path / "file"
        file.write_bytes(content)
        assert read_elf(file) is None
        strip_file(file)
        assert file.read_bytes() == content


def test_a_stripped_library_is_smaller_and_still_loads(tmp_path: Path) -> None:
    """Debug sections go; what the loader needs stays, and a second time changes nothing."""
    original = max(
        compiled_modules(), key=lambda path: path.stat().st_size - described(path).loaded_bytes
    )
    copy = tmp_path / original.name
    shutil.copyfile(original, copy)
    strip_file(copy)
    once = copy.read_bytes()
    strip_file(copy)
    assert copy.read_bytes() == once
    assert len(once) < original.stat().st_size
    assert described(copy) == described(original)
    load = "import ctypes, sys; ctypes.PyDLL(sys.argv[1])"
    subprocess.run([sys.executable, "-c", load, copy], check=True)


def test_a_tree_tells_the_glibc_it_needs(tmp_path: Path) -> None:
    """The highest version that one of its libraries needs."""
    expected: list[tuple[int, int]] = []
    for path in compiled_modules():
        if set(described(path).needed) <= SYSTEM_LIBRARIES:
            shutil.copyfile(path, tmp_path / f"{len(expected)}.so")
            expected.append(described(path).glibc)
    assert check(tmp_path, architecture=MACHINE, glibc=(9, 0)) == max(expected)


def test_a_newer_glibc_is_refused_by_name(tmp_path: Path) -> None:
    """The refusal names file, need and offer."""
    library = max(compiled_modules(), key=lambda path: described(path).glibc)
    shutil.copyfile(library, tmp_path / "needy.so")
    with pytest.raises(LayerError, match=r"needy\.so needs glibc 2\.\d+; Lambda's image has 1\.0"):
        check(tmp_path, architecture=MACHINE, glibc=(1, 0))


def test_another_machine_is_refused_by_name(tmp_path: Path) -> None:
    """A library for the wrong architecture never ships."""
    shutil.copyfile(compiled_modules()[0], tmp_path / "alien.so")
    with pytest.raises(LayerError, match=rf"alien\.so is not made for {OTHER.name}"):
        check(tmp_path, architecture=OTHER, glibc=(9, 0))


def test_a_foreign_library_is_refused_unless_the_tree_has_it(tmp_path: Path) -> None:
    """What is neither in the image nor in the layer would not be found."""
    library = tmp_path / "lonely.so"
    shutil.copyfile(compiled_modules()[0], library)
    renamed = library.read_bytes().replace(b"\0libc.so.6\0", b"\0libx.so.6\0")
    library.write_bytes(renamed)
    with pytest.raises(LayerError, match=r"lonely\.so needs libx\.so\.6"):
        check(tmp_path, architecture=MACHINE, glibc=(9, 0))
    (tmp_path / "libx.so.6").touch()
    check(tmp_path, architecture=MACHINE, glibc=(9, 0))
