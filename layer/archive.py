"""Writes a tree as a zip with the same bytes each time."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from layer.errors import LayerError

_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that the format knows."""

_REGULAR, _PROGRAM = 0o100644, 0o100755
_PROGRAM_FOLDERS = ("extensions", "bin")
_WRAPPERS = ("lambda-dispatch-env", "lambda-dispatch-tap")


def write_zip(folder: Path, *, destination: Path) -> str:
    """Write the files of `folder` and return the SHA-256 of the zip, in hex.

    The zip appears under its name only when it is complete.

    Raises:
        LayerError: the destination cannot be written, or this Python lacks zlib.
    """
    handle, name = tempfile.mkstemp(dir=destination.parent, prefix=f".{destination.name}.")
    os.close(handle)
    partial = Path(name)
    try:
        _fill(partial, folder=folder)
        partial.chmod(0o644)
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        partial.replace(destination)
    except RuntimeError as error:
        raise LayerError(f"this Python cannot write a zip: {error}") from error
    except OSError as error:
        raise LayerError(f"{destination} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return digest


def tree_bytes(folder: Path) -> int:
    """Return the sum of the sizes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _fill(path: Path, *, folder: Path) -> None:
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*")}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in sorted(files.items()):
            if file.is_file():
                archive.writestr(_entry(name), file.read_bytes())


def _entry(name: str) -> zipfile.ZipInfo:
    """Describe a file by its place alone: neither umask nor clock of this machine."""
    entry = zipfile.ZipInfo(name, date_time=_TIME)
    entry.create_system = 3  # Unix, whatever the builder runs on
    entry.compress_type = zipfile.ZIP_DEFLATED
    is_program = name in _WRAPPERS or PurePosixPath(name).parent.name in _PROGRAM_FOLDERS
    mode = _PROGRAM if is_program else _REGULAR
    entry.external_attr = mode << 16
    return entry
