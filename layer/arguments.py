"""How the commands of this folder read the name of a file or a folder."""

from __future__ import annotations

import argparse
from pathlib import Path


def named(text: str) -> Path:
    """Return the path; an empty one, as of a variable that is not set, is an error.

    Without this it would be the current folder, as `Path("")` is.
    """
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)
