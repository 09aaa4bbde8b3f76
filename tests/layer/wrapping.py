"""The shells that a wrapper may be run by, and programs that it may be given."""

from __future__ import annotations

import shutil
from pathlib import Path

SHELLS = ("dash", "bash", "bash --posix", "busybox sh")
FOUND = tuple(each for each in SHELLS if shutil.which(each.split()[0]))

WRONG = ("missing", "folder", "no program", "no interpreter")
"""Why a file cannot be executed."""


def program(path: Path, text: str) -> str:
    """Write a file that may be executed."""
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def wrong_program(path: Path, why: str) -> str:
    """Let there be something at a path that cannot be executed."""
    match why:
        case "folder":
            path.mkdir()
        case "no program":
            path.write_text("#!/bin/sh\n")
        case "no interpreter":
            program(path, "#!/there/is/none\n")
    return str(path)
