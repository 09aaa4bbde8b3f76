"""How commands read the name of a file or a folder, and write a number with its noun."""

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


def counted(count: int, noun: str, *, ending: str = "s") -> str:
    """Return "1 span", but "0 spans" and "2 spans"; `ending` is that of the plural."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{ending}"
