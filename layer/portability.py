"""Refuses a tree that Lambda's images could not load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from layer.elf import Elf, read_elf
from layer.errors import LayerError
from layer.target import Architecture

SYSTEM_LIBRARIES = frozenset(
    {
        *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1"),
        *("libresolv.so.2", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"),
        *("libgcc_s.so.1", "libstdc++.so.6"),
    }
)
"""What AL2023's minimal image has, the one under provided.al2023: glibc and the compiler's own."""


def check_portability(
    folder: Path, *, architecture: Architecture, glibc_of: Callable[[str], tuple[int, int]]
) -> tuple[int, int]:
    """Return the highest glibc version that anything in `folder` needs.

    Args:
        folder: The tree, as it will be unpacked.
        architecture: What it is meant for.
        glibc_of: What the image has that will load the file of this name.

    Raises:
        LayerError: a file is for another machine, needs a newer glibc, or a library that neither
            the image nor the tree has.
    """
    highest = (0, 0)
    own = {path.name for path in folder.rglob("*.so*")}
    for path, elf in binaries(folder):
        name = path.relative_to(folder)
        if elf.machine != architecture.elf:
            raise LayerError(f"{name} is not made for {architecture.name}")
        allowed = glibc_of(path.name)
        if elf.glibc > allowed:
            raise LayerError(
                f"{name} needs glibc {_dotted(elf.glibc)}; Lambda's image has {_dotted(allowed)}"
            )
        if foreign := sorted(set(elf.needed) - SYSTEM_LIBRARIES - own):
            raise LayerError(f"{name} needs {foreign[0]}, which Lambda's image does not have")
        highest = max(highest, elf.glibc)
    return highest


def binaries(folder: Path) -> Iterator[tuple[Path, Elf]]:
    """Yield every program and shared library, sorted by path."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (elf := read_elf(path)):
            yield path, elf


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
