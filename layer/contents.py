"""Reads a finished layer wherever it is: a zip, a folder, or the file system of an image."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from layer.errors import LayerError

_OPT = "opt/"
_SYSTEM = ("bin", "usr", "etc", "lib")
"""What an image has and a layer has not."""
_UNIX = 3
_MOST_LINKS = 200


@dataclass(frozen=True, slots=True)
class File:
    """One file of a layer; `mode` holds its rights."""

    mode: int
    read: Callable[[], bytes]

    @property
    def is_program(self) -> bool:
        """Whether everyone may run it; Lambda runs extensions as an unprivileged user."""
        return self.mode & 0o555 == 0o555


@dataclass(frozen=True, slots=True)
class Contents:
    """What was given.

    Attributes:
        files: By their path below what will be /opt.
        top: Where that is supposed to be in what was given: "" or, in an image, "opt/".
        image: The root of the image.
        unix: Whether rights are known; a zip made on Windows has none.
    """

    files: Mapping[str, File]
    top: str
    image: Image | None = None
    unix: bool = True


@dataclass(frozen=True, slots=True)
class Image:
    """The file system of an image."""

    root: Path

    def find(self, *patterns: str) -> list[Path]:
        """Return the files that match one of the patterns, through links inside of the image."""
        found: list[Path] = []
        for pattern in patterns:
            matches = [self.root]
            for part in pattern.split("/"):
                matches = [each for folder in matches for each in self._matches(folder, part)]
            found += [real for match in matches if (real := self._real(match)).is_file()]
        return found

    def _matches(self, folder: Path, part: str) -> list[Path]:
        real = self._real(folder)
        if not real.is_dir():
            return []
        return [entry for entry in sorted(real.iterdir()) if fnmatch(entry.name, part)]

    def _real(self, path: Path) -> Path:
        """Follow links as the image's own processes would: an absolute one starts at its root."""
        at = self.root
        todo = list(path.relative_to(self.root).parts)
        for _ in range(_MOST_LINKS):
            if not todo:
                return at
            at = at.parent if todo[0] == ".." else at / todo[0]
            del todo[0]
            if at.is_symlink():
                target = PurePosixPath(at.readlink())
                todo[:0] = [part for part in target.parts if part != "/"]
                at = self.root if target.is_absolute() else at.parent
        return self.root / "a circle of links"


def read_contents(path: Path) -> Contents:
    """Return what is in a zip, folder or root of an image.

    Raises:
        LayerError: it is none of them.
    """
    if path.is_file():
        return _read_zip(path)
    if not path.is_dir():
        raise LayerError(f"{path} is neither a zip nor a folder")
    if any((path / name).exists() for name in _SYSTEM):
        image = Image(path.resolve())
        ours = ("extensions", "lambda-dispatch", "lambda-dispatch-env", "lambda-dispatch-tap")
        return Contents(_walk(path, [path / _OPT / name for name in ours]), _OPT, image)
    return Contents(_walk(path, [path]), "")


def _read_zip(path: Path) -> Contents:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise LayerError(f"{path} is not a zip: {error}") from error
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    files = {
        entry.filename: File(entry.external_attr >> 16, lambda entry=entry: archive.read(entry))  # type: ignore[misc]
        for entry in entries
    }
    return Contents(files, "", unix=any(entry.create_system == _UNIX for entry in entries))


def _walk(root: Path, folders: list[Path]) -> dict[str, File]:
    tried = [path for folder in folders for path in (folder, *sorted(folder.rglob("*")))]
    found = [path for path in tried if path.is_file()]
    return {
        path.relative_to(root).as_posix(): File(stat.S_IMODE(path.stat().st_mode), path.read_bytes)
        for path in found
    }
