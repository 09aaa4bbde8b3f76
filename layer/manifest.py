"""The list of what a layer is made of, by which a finished tree is held against its build.

One line a file: 16 hex digits of its SHA-256, two blanks, its path below /opt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

MANIFEST = "lambda-dispatch/files.txt"


def write_manifest(tree: Path) -> None:
    """List every file of `tree`, which will be /opt."""
    lines = [f"{fingerprint(file.read_bytes())}  {name}\n" for name, file in _files(tree)]
    (tree / MANIFEST).write_text("".join(lines), "utf-8")


def read_manifest(text: str) -> Mapping[str, str]:
    """Return the fingerprint of each file by its path."""
    pairs = (line.split("  ", 1) for line in text.splitlines())
    return {name: known for known, name in pairs}


def fingerprint(content: bytes) -> str:
    """Return what distinguishes one content of a file from another."""
    return hashlib.sha256(content).hexdigest()[:16]


def digest_of(tree: Path) -> str:
    """Return a hash, in hex, of all names and contents below `tree`."""
    digest = hashlib.sha256()
    for name, file in _files(tree):
        digest.update(f"{name}\0{fingerprint(file.read_bytes())}\n".encode())
    return digest.hexdigest()


def _files(tree: Path) -> list[tuple[str, Path]]:
    return sorted((p.relative_to(tree).as_posix(), p) for p in tree.rglob("*") if p.is_file())
