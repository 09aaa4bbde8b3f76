"""`python -m layer.release dist/*.zip`: gathers what a release consists of in one folder.

For each zip a copy with the version in its name, its licences and its SBOM; for all of them
SHA256SUMS and the notes. The version is that of the package; a zip of another one is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from extension import __version__
from layer.commands import named
from layer.contents_of_zip import HOME, FinishedLayer, read_layer
from layer.errors import LayerError
from layer.notes import release_notes
from layer.order import ROOT
from layer.sbom import sbom

SUMS, NOTES = "SHA256SUMS", "NOTES.md"
RELEASED = re.compile(rf"{SUMS}|{NOTES}|lambda-dispatch-.*\d\.\d.*\.(zip|licenses\.txt|cdx\.json)")
"""Names of files in a release, of any version; `lambda-dispatch-x86_64.zip` of a build is none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Gather the release; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        layers = [read_layer(path) for path in options.zips]
        notes = release_notes(
            (ROOT / "CHANGELOG.md").read_text("utf-8"),
            version=__version__,
            is_draft=options.draft,
        )
        for line in gather(layers, notes=notes, folder=options.into):
            print(line)
    except (LayerError, OSError) as error:
        print(f"layer.release: {error}", file=sys.stderr)
        return 1
    return 0


def gather(layers: Sequence[FinishedLayer], *, notes: str, folder: Path) -> list[str]:
    """Write the release into `folder`, in place of an earlier one; return a line for each zip.

    Raises:
        LayerError: a zip is of another version, two of them are of one kind, or `folder` holds
            anything that is not of a release.
    """
    names = [layer.released_as for layer in layers]
    if strangers := [str(each.path) for each in layers if each.version != __version__]:
        raise LayerError(f"not of version {__version__}: {', '.join(strangers)}")
    if len(set(names)) < len(names):
        raise LayerError("two zips are of one kind and architecture")
    _empty(folder, layers)
    lines = [_add(layer, folder=folder) for layer in layers]
    (folder / NOTES).write_text(f"{notes}\n", "utf-8")
    sums = [f"{_sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(sums), "utf-8")
    return lines


def _empty(folder: Path, layers: Sequence[FinishedLayer]) -> None:
    """Remove an earlier release. `--into .` must not remove what else is there."""
    folder.mkdir(parents=True, exist_ok=True)
    inside = sorted(folder.iterdir())
    sources = [layer.path.resolve() for layer in layers]
    for path in inside:
        if not RELEASED.fullmatch(path.name) or path.is_dir() or path.resolve() in sources:
            raise LayerError(f"{folder} holds {path.name}: name a folder for the release alone")
    for path in inside:
        path.unlink()


def _add(layer: FinishedLayer, *, folder: Path) -> str:
    copy = folder / f"{layer.released_as}.zip"
    shutil.copyfile(layer.path, copy)
    with zipfile.ZipFile(copy) as archive:
        licences = archive.read(f"{HOME}/LICENSES.txt")
    copy.with_suffix(".licenses.txt").write_bytes(licences)
    document = sbom(layer, sha256=_sha256(copy))
    text = json.dumps(document, indent=1) + "\n"
    copy.with_suffix(".cdx.json").write_text(text, "utf-8")
    parts = len(document["components"])
    return f"{copy.name}: {copy.stat().st_size / 1e6:.1f} MB, {parts} components"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m layer.release", description="Gather the files of a release."
    )
    parser.add_argument("zips", nargs="+", type=named, metavar="ZIP", help="what a build has made")
    parser.add_argument("--into", type=named, default=Path("dist/release"), help="%(default)s")
    parser.add_argument("--draft", action="store_true", help="the changes are not released yet")
    return parser


if __name__ == "__main__":
    sys.exit(main())
