"""Small zips with the shape of a built layer, for tests of what is done with zips."""

from __future__ import annotations

import zipfile
from pathlib import Path

LIBRARY = "lambda-dispatch/lib-0123456789ab"


def write_layer(
    folder: Path,
    *,
    version: str = "9.8.7",
    architecture: str = "x86_64",
    interpreter: str = "",
    packages: dict[str, str] | None = None,
    files: tuple[str, ...] = (),
) -> Path:
    """Write a zip as a build names it, and return its path.

    `packages`: names and versions in LICENSES.txt; `files`: further files of the library.
    """
    kind = "-standalone" if interpreter else ""
    path = folder / f"lambda-dispatch{kind}-{architecture}.zip"
    licences = "".join(f"==== {name}-{number} ====\n\nText.\n" for name, number in
                       (packages or {}).items())  # fmt: skip
    if interpreter:
        licences += "==== OpenSSL (in the interpreter) ====\n\nText.\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("extensions/lambda-dispatch", "#!/bin/sh\n")
        archive.writestr(f"{LIBRARY}/extension/__init__.py", f'__version__ = "{version}"\n')
        archive.writestr("lambda-dispatch/LICENSES.txt", licences)
        for number in ("312", "313", "399"):
            archive.writestr(f"{LIBRARY}/code.cpython-{number}.bin", "")
        for file in files:
            archive.writestr(f"{LIBRARY}/{file}", "")
        if interpreter:
            archive.writestr(f"lambda-dispatch/python/lib/python{interpreter}/os.py", "")
            archive.writestr("lambda-dispatch/python/lib/libssl.so.3", "")
    return path
