"""Gathers the licences of everything that the layer carries into one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_NAMES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "AUTHORS*")


def gather_licences(folders: Iterable[Path]) -> str:
    """Return the texts from the metadata of the packages installed in `folders`, each once."""
    texts: dict[str, str] = {}
    for folder in folders:
        for metadata in sorted(folder.glob("*.dist-info")):
            texts.setdefault(metadata.name.removesuffix(".dist-info"), _texts(metadata))
    return "".join(
        f"==== {package} ====\n\n{text}\n" for package, text in sorted(texts.items()) if text
    )


def _texts(metadata: Path) -> str:
    files = sorted({file for name in _NAMES for file in metadata.rglob(name) if file.is_file()})
    return "\n".join(file.read_text("utf-8", errors="replace") for file in files)
