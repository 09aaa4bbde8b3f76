"""Starts the extension so that it tells of every file that it opens for writing or changes."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from tests.launchers import NAME, ROOT

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "tempfile.mkstemp", "tempfile.mkdtemp"}


def write_watched(folder: Path, *, report: Path) -> Path:
    """Write the executable; what the process writes is reported in the file `report`."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.dont_write_bytecode = True; "
        f"from tests.security.watched_files import watch; watch({str(report)!r}); "
        "from extension.__main__ import main; main()"
    )
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / NAME
    launcher.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, '-I', '-c', program])}\n")
    launcher.chmod(0o755)
    return launcher


def watch(report: str) -> None:
    """Tell of each file from now on; the last line is written when the process ends by itself."""
    descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"watching\n")

    def tell(event: str, arguments: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        if event in CHANGES or (opens and arguments[0] != os.devnull):
            os.write(descriptor, f"{event} {arguments[0]}\n".encode())

    sys.addaudithook(tell)
    leave = os._exit

    def say_goodbye(status: int) -> None:
        os.write(descriptor, b"the end\n")
        leave(status)

    os._exit = say_goodbye  # type: ignore[assignment]  # how the extension ends
