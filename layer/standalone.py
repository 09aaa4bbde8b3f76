"""Brings an interpreter of its own into the layer.

Made for python-build-standalone, whose trees run from any folder and on any glibc since 2.17.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from layer.elf import read_elf, strip_file
from layer.errors import LayerError
from layer.portability import binaries
from layer.prune import remove_empty_folders, remove_matches
from layer.target import VERSIONS, Architecture

BUNDLED_VERSION = "3.13"
"""What `uv` is asked for; the newest patch it knows is taken."""

UNREAD = (
    *("idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "venv", "lib2to3"),
    *("pydoc_data", "distutils", "config-*", "unittest", "xmlrpc", "wsgiref"),
    *("curses", "sqlite3", "dbm", "crypt.py", "_sysconfigdata_*.py", "pdb.py", "doctest.py"),
    *("lib-dynload/_test*", "lib-dynload/xx*", "lib-dynload/_tkinter*", "lib-dynload/_crypt*"),
    *("lib-dynload/_sqlite3*", "lib-dynload/_curses*", "lib-dynload/readline*"),
    *("lib-dynload/_dbm*", "lib-dynload/_gdbm*", "lib-dynload/nis*", "lib-dynload/ossaudiodev*"),
    *("**/*.exe", "**/*.a", "**/*.o", "**/tests"),
)
"""Of the standard library: what neither we nor our packages import."""


def fetch_interpreter(architecture: Architecture, *, folder: Path, program: str = "uv") -> Path:
    """Have `uv` download a relocatable interpreter; returns the root of its tree.

    Raises:
        LayerError: there is no `uv`, or it cannot download one.
    """
    uv = shutil.which(program)
    if uv is None:
        raise LayerError(
            "--standalone takes its Python from uv, which is not on PATH; "
            "install it or name a tree with --interpreter"
        )
    wanted = f"cpython-{BUNDLED_VERSION}-linux-{architecture.machine}-gnu"
    done = subprocess.run(
        [uv, "python", "install", "--no-bin", "--install-dir", folder, wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    trees = sorted(folder.glob("cpython-*"))
    if done.returncode != 0 or not trees:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1].strip()
        raise LayerError(f"uv cannot download {wanted} ({last}); name a tree with --interpreter")
    return next(tree for tree in trees if not tree.is_symlink())


def version_of(tree: Path) -> str:
    """Return the Python version of a tree, as "3.13"; raises LayerError when it is none of ours."""
    for version in VERSIONS:
        if (tree / f"lib/python{version}/os.py").is_file():
            return version
    raise LayerError(f"{tree} holds no Python {', '.join(VERSIONS)}: lib/python*/os.py is missing")


def copy_interpreter(tree: Path, *, folder: Path) -> None:
    """Copy program, standard library and needed libraries of `tree` into `folder`, pruned.

    The file `loader` names the program's dynamic loader, by which the launcher finds out whether
    the program starts in this image.

    Raises:
        LayerError: `tree` is not an interpreter.
    """
    version = version_of(tree)
    program = tree / f"bin/python{version}"
    elf = read_elf(program)
    if elf is None:
        raise LayerError(f"{program} is not a program")
    (folder / "bin").mkdir(parents=True)
    shutil.copyfile(program, folder / "bin/python3")
    (folder / "loader").write_text(f"{elf.loader}\n", "utf-8")
    library = folder / f"lib/python{version}"
    bulky = shutil.ignore_patterns("site-packages", "dist-packages", "test", "__pycache__")
    shutil.copytree(tree / f"lib/python{version}", library, ignore=bulky)
    for pattern in UNREAD:
        remove_matches(library, pattern)
    _copy_libraries(tree / "lib", folder=folder)
    for path, _ in binaries(folder):
        strip_file(path)
    remove_empty_folders(folder)


def _copy_libraries(source: Path, *, folder: Path) -> None:
    """Copy from `source` the shared libraries that what is in `folder` needs, and theirs."""
    while True:
        needed = {name for _, elf in binaries(folder) for name in elf.needed}
        absent = [name for name in sorted(needed) if not (folder / "lib" / name).exists()]
        found = [name for name in absent if (source / name).is_file()]
        if not found:
            return
        for name in found:
            shutil.copyfile(source / name, folder / "lib" / name)
