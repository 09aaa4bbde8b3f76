"""The build of the layer: a wheel that names places outside of its folder puts nothing there."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from layer.archive import write_zip
from layer.errors import LayerError
from layer.target import ARCHITECTURES
from layer.wheels import install_wheels

OUTSIDE = "outside.py"
INFORMATION = "evil-1.0.dist-info"


def make_wheel(folder: Path, *, places: list[str]) -> Path:
    """Write a wheel, well-formed but for its files' places, and requirements that pin it."""
    files = dict.fromkeys(places, b"x = 1\n")
    files[f"{INFORMATION}/METADATA"] = b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"
    files[f"{INFORMATION}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    lines = [f"{place},sha256={_digest(data)},{len(data)}" for place, data in files.items()]
    wheel = folder / "evil-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for place, data in files.items():
            archive.writestr(place, data)
        archive.writestr(f"{INFORMATION}/RECORD", "\n".join([*lines, f"{INFORMATION}/RECORD,,"]))
    pinned = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel} --hash=sha256:{pinned}\n")
    return requirements


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def install(requirements: Path, folder: Path) -> None:
    """Install as the build does."""
    install_wheels(
        requirements, version="3.13", architecture=ARCHITECTURES["x86_64"], folder=folder
    )


def test_an_honest_wheel_is_installed(tmp_path: Path) -> None:
    """Otherwise the refusals below would show nothing."""
    requirements = make_wheel(tmp_path, places=["evil/__init__.py"])
    install(requirements, tmp_path / "deep" / "tree")
    assert (tmp_path / "deep" / "tree" / "evil" / "__init__.py").exists()


@pytest.mark.parametrize(
    "place",
    [
        f"../../{OUTSIDE}",
        f"evil/../../{OUTSIDE}",
        f"evil-1.0.data/data/../../../{OUTSIDE}",
        f"evil-1.0.data/scripts/../../{OUTSIDE}",
    ],
)
def test_a_wheel_stays_in_its_folder(tmp_path: Path, place: str) -> None:
    """The build ends with a reason, and nothing lies outside."""
    requirements = make_wheel(tmp_path, places=["evil/__init__.py", place])
    with pytest.raises(LayerError, match="evil"):
        install(requirements, tmp_path / "deep" / "tree")
    assert list(tmp_path.rglob(OUTSIDE)) == []


def test_names_in_the_zip_stay_below_it(tmp_path: Path) -> None:
    """Who unpacks the layer gets nothing outside of the place where he unpacks it."""
    tree = tmp_path / "tree"
    strange = ["a", "..b", "c..", "..."]
    for name in strange:
        (tree / name).mkdir(parents=True)
        (tree / name / "f").write_text("x")
    write_zip(tree, destination=tmp_path / "layer.zip")
    with zipfile.ZipFile(tmp_path / "layer.zip") as archive:
        names = archive.namelist()
    assert sorted(names) == sorted(f"{name}/f" for name in strange)
    assert not any(name.startswith("/") or ".." in name.split("/") for name in names)
