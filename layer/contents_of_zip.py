"""What a finished zip says of itself: its version, what it is for, and what it carries.

Everything is read from the zip alone, so that a zip of any build can be released or published.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from layer.errors import LayerError

HOME = "lambda-dispatch"
_ARCHITECTURES = ("x86_64", "arm64")
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
_LINKED = re.compile(r"^==== (.+) \(in the interpreter\) ====$", re.MULTILINE)
_PACKAGE = re.compile(r"^==== (.+)-([^-\n]+) ====$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedLayer:
    """A zip that a build has made.

    Attributes:
        path: The zip.
        version: Of the extension in it.
        architecture: `x86_64` or `arm64`.
        runtimes: Lambda's names of the Python runtimes that it has bytecode for.
        interpreter: Version of the Python that it brings, as "3.13"; empty if it brings none.
        packages: Names and versions of the packages that were installed into it.
        linked: Names of the libraries that its interpreter holds.
        files: The names of all files.
    """

    path: Path
    version: str
    architecture: str
    runtimes: tuple[str, ...]
    interpreter: str
    packages: tuple[tuple[str, str], ...]
    linked: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the layer: the same for each version, another for each kind of zip."""
        kind = "-standalone" if self.interpreter else ""
        return f"{HOME}{kind}{'-arm64' if self.architecture == 'arm64' else ''}"

    @property
    def released_as(self) -> str:
        """The file name in a release, without its ending."""
        kind = "-standalone" if self.interpreter else ""
        return f"{HOME}{kind}-{self.version}-{self.architecture}"


def read_layer(path: Path) -> FinishedLayer:
    """Read a zip; raises LayerError if it is none of a build."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = tuple(archive.namelist())
            source = _text(archive, rf"{HOME}/lib-[^/]+/extension/__init__\.py")
            licences = _text(archive, rf"{HOME}/LICENSES\.txt")
    except FileNotFoundError:
        raise LayerError(f"there is no {path}: ./build_layer.sh writes the zips") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise LayerError(f"{path} cannot be read: {error}") from error
    version = _VERSION.search(source)
    [*architectures] = (each for each in _ARCHITECTURES if each in path.name)
    if version is None or len(architectures) != 1:
        raise LayerError(f"{path} is no layer of this project")
    numbers = _found(files, rf"{HOME}/lib-[^/]+/code\.cpython-3(\d+)\.bin")
    interpreter = _found(files, rf"{HOME}/python/lib/python(3\.\d+)/.*")
    return FinishedLayer(
        path=path,
        version=version[1],
        architecture=architectures[0],
        runtimes=() if interpreter else tuple(f"python3.{number}" for number in numbers),
        interpreter=interpreter[0] if interpreter else "",
        packages=tuple(_PACKAGE.findall(licences)),
        linked=tuple(_LINKED.findall(licences)),
        files=files,
    )


def _text(archive: zipfile.ZipFile, pattern: str) -> str:
    names = [name for name in archive.namelist() if re.fullmatch(pattern, name)]
    return archive.read(names[0]).decode("utf-8") if len(names) == 1 else ""


def _found(files: tuple[str, ...], pattern: str) -> list[str]:
    """Return the first group of each match, once, in order of numbers."""
    found = {match[1] for name in files if (match := re.fullmatch(pattern, name))}
    return sorted(found, key=lambda text: [int(part) for part in text.split(".")])
