"""Brings an interpreter of its own into the layer.

Made for python-build-standalone (layer/fetched.py), and for others that run from any folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from layer.elf import read_elf, strip_file
from layer.errors import LayerError
from layer.portability import binaries
from layer.prune import remove_empty_folders, remove_matches
from layer.small_program import small_program
from layer.target import ARCHITECTURES, COMING, VERSIONS

UNREAD = (
    # Programs and interfaces for people.
    *("idlelib", "tkinter", "turtledemo", "turtle.py", "curses", "_pyrepl", "webbrowser.py"),
    *("pdb.py", "bdb.py", "cmd.py", "code.py", "rlcompleter.py", "antigravity.py", "this.py"),
    # What installs, builds, measures, tests and documents.
    *("ensurepip", "venv", "distutils", "lib2to3", "config-*", "_sysconfig*", "build-details.json"),
    *("sysconfig/__main__.py", "zipapp.py", "compileall.py", "modulefinder.py", "_osx_support.py"),
    *("_aix_support.py", "_android_support.py", "_apple_support.py", "_ios_support.py"),
    *("unittest", "doctest.py", "profile.py", "cProfile.py", "pstats.py", "profiling", "trace.py"),
    *("timeit.py", "tabnanny.py", "pyclbr.py", "symtable.py", "pydoc.py", "pydoc_data"),
    # Formats, protocols and servers that neither job speaks.
    *("xmlrpc", "wsgiref", "sqlite3", "dbm", "shelve.py", "mailbox.py", "imaplib.py", "smtplib.py"),
    *("poplib.py", "ftplib.py", "nntplib.py", "telnetlib.py", "cgi.py", "http/server.py"),
    *("http/cookiejar.py", "urllib/robotparser.py", "xml/dom", "xml/sax", "plistlib.py", "wave.py"),
    *("tarfile.py", "tomllib", "crypt.py", "optparse.py", "getopt.py", "fileinput.py"),
    # Processes of our own; pure-Python forms of what is compiled; tools for numbers and texts.
    *("multiprocessing", "concurrent/futures/process.py", "concurrent/interpreters", "_pyio.py"),
    *("_pydecimal.py", "_pydatetime.py", "fractions.py", "statistics.py", "difflib.py"),
    *("pickletools.py", "colorsys.py", "ctypes/_aix.py", "ctypes/macholib", "ctypes/wintypes.py"),
    *("asyncio/windows_*.py", "asyncio/tools.py", "asyncio/__main__.py", "zoneinfo"),
    # Character sets that no locale of Linux has.
    *("encodings/cp[!1]*.py", "encodings/cp1[01]*.py", "encodings/mac_*.py", "encodings/mbcs.py"),
    *("encodings/palmos.py", "encodings/hp_roman8.py", "encodings/oem.py"),
    # Compiled modules of what is above.
    *("lib-dynload/_test*", "lib-dynload/xx*", "lib-dynload/_tkinter*", "lib-dynload/_crypt*"),
    *("lib-dynload/_sqlite3*", "lib-dynload/_curses*", "lib-dynload/readline*"),
    *("lib-dynload/_dbm*", "lib-dynload/_gdbm*", "lib-dynload/nis*", "lib-dynload/ossaudiodev*"),
    *("lib-dynload/_ctypes_test*", "lib-dynload/_bz2*", "lib-dynload/_lzma*", "lib-dynload/_uuid*"),
    *("**/*.exe", "**/*.a", "**/*.o", "**/*.rst", "**/*.bat", "**/tests"),
)
"""Of the standard library: what neither we nor our packages import, also not late."""

SMALLER = 0.75
"""A libpython of less than this share of the program takes its place (layer/small_program.py)."""


def version_of(tree: Path) -> str:
    """Return the Python version of a tree, as "3.13"; raises LayerError when it is none of ours."""
    known = (*VERSIONS, *COMING)
    for version in known:
        if any((tree / f"lib/python{version}/os{ending}").is_file() for ending in (".py", ".pyc")):
            return version
    raise LayerError(f"{tree} holds no Python {', '.join(known)}: lib/python*/os.py is missing")


def copy_interpreter(tree: Path, *, folder: Path) -> None:
    """Copy program, standard library and needed libraries of `tree` into `folder`, pruned.

    The file `loader` names the program's dynamic loader, by which the launcher finds out whether
    the program starts in this image.

    Raises:
        LayerError: `tree` is not an interpreter.
    """
    version = version_of(tree)
    loader = _copy_program(tree, version=version, folder=folder)
    (folder / "loader").write_text(f"{loader}\n", "utf-8")
    library = folder / f"lib/python{version}"
    bulky = shutil.ignore_patterns("site-packages", "dist-packages", "test", "__pycache__")
    shutil.copytree(tree / f"lib/python{version}", library, ignore=bulky)
    for pattern in UNREAD:
        remove_matches(library, pattern)
    _copy_libraries(tree / "lib", folder=folder)
    for path, _ in binaries(folder):
        strip_file(path)
    remove_empty_folders(folder)


def _copy_program(tree: Path, *, version: str, folder: Path) -> str:
    """Copy the program, or write a small one; returns the path of its dynamic loader."""
    program = tree / f"bin/python{version}"
    elf = read_elf(program)
    if elf is None:
        raise LayerError(f"{program} is not a program")
    copy = folder / "bin/python3"
    copy.parent.mkdir(parents=True)
    libpython = tree / f"lib/libpython{version}.so.1.0"
    [architecture] = [each for each in ARCHITECTURES.values() if each.elf == elf.machine]
    if libpython.is_file() and libpython.stat().st_size < SMALLER * program.stat().st_size:
        copy.write_bytes(small_program(architecture, libpython=libpython.name))
    else:
        shutil.copyfile(program, copy)
    return elf.loader


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
