"""The same as `start`, from the built layer, and what the layer weighs.

The launcher is the real one; it finds the interpreter that everything else here is measured with
first in PATH, unless the layer carries one.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from benchmarks import start
from benchmarks.contenders import BOTH, PARAMETERS, ROOT, TELEMETRY
from benchmarks.rows import Row, compare, skip

NAME = "layer"
LAUNCHER = "extensions/lambda-dispatch"
INTERPRETER = str(Path(sys.base_prefix) / "bin")
"""The folder that is first in PATH: everything else here is measured with its Python."""

FLAGS = ("-I", "-S")
"""Those of the launcher, for the bare interpreter to start with the same."""

PROMISES = {
    TELEMETRY: start.Promises(next_ratio=0.34, rss_mib=35.5, warm_cpu_ms=2),
    PARAMETERS: start.Promises(next_ratio=0.30, rss_mib=34),
    BOTH: start.Promises(next_ratio=0.43, rss_mib=43.5, warm_cpu_ms=2),
}

AS_INSTALLED = "its packages as pip installs them, for one Python"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}


def rows() -> Iterator[Row]:
    """Measure starts from the layer in dist/."""
    if reason := why_not():
        yield skip(NAME, reason)
        return
    archive = built()
    yield from _sizes(archive)
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, Path(folder))
        yield from start.measure(
            NAME,
            command=(f"{folder}/{LAUNCHER}",),
            flags=FLAGS,
            promised=PROMISES,
            path=INTERPRETER,
        )


def built() -> Path:
    """Return where the layer for this machine is, once it is built."""
    return ROOT / "dist" / f"lambda-dispatch-{ARCHITECTURES.get(platform.machine())}.zip"


def why_not() -> str:
    """Return why the layer cannot be measured here; empty when it can."""
    archive = built()
    if not archive.exists():
        return f"no {archive.relative_to(ROOT)}: run ./build_layer.sh"
    if not _runs_here(archive):
        return f"{archive.name} is not compiled for {sys.implementation.cache_tag}"
    return ""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack as Lambda does: with the files' modes, which zipfile leaves out."""
    with ZipFile(archive) as packed:
        for member in packed.infolist():
            written = Path(packed.extract(member, folder))
            written.chmod(member.external_attr >> 16 or 0o644)


def _runs_here(archive: Path) -> bool:
    with ZipFile(archive) as packed:
        names = packed.namelist()
    carries_python = any(name.endswith("/bin/python3") for name in names)
    return carries_python or any(f".{sys.implementation.cache_tag}." in name for name in names)


def _sizes(archive: Path) -> Iterator[Row]:
    zipped, unzipped = _size_of(archive)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.zip"
        _zip_as_installed(plain)
        plain_zipped, plain_unzipped = _size_of(plain)
    for what, ours, theirs in (
        ("zipped", zipped, plain_zipped),
        ("unzipped", unzipped, plain_unzipped),
    ):
        yield compare(f"{NAME}: {what}", [ours], [theirs], unit="MB", reference=AS_INSTALLED)


def _size_of(archive: Path) -> tuple[float, float]:
    with ZipFile(archive) as packed:
        unpacked = sum(member.file_size for member in packed.infolist())
    return archive.stat().st_size / 1e6, unpacked / 1e6


def _zip_as_installed(target: Path) -> None:
    """Zip what pip installed of the layer's requirements into this environment."""
    lines = (ROOT / "layer" / "requirements.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines if "==" in line and line[0].isalnum()]
    with ZipFile(target, "w", ZIP_DEFLATED) as packed:
        for name in names:
            for file in distribution(name).files or ():
                path = Path(str(file.locate()))
                if path.is_file():
                    packed.write(path, str(file))
