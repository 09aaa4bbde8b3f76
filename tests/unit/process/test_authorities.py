"""Where certificate authorities are looked for."""

from __future__ import annotations

from pathlib import Path

from extension.process.authorities import Places


def test_the_first_folder_with_hashed_names_is_found(tmp_path: Path) -> None:
    """A missing folder, and one with other names, is none; the image's goes before the layer's."""
    missing, unhashed, first, second = (tmp_path / name for name in "abcd")
    for folder, name in (
        (unhashed, "ca-bundle.crt"),
        (first, "0a1b2c3d.0"),
        (second, "0a1b2c3d.1"),
    ):
        folder.mkdir()
        (folder / name).touch()
    (first / "ca-bundle.crt").touch()  # images have both in one folder
    folders = tuple(map(str, (missing, unhashed, first, second)))
    assert Places(folders=folders).find_folder() == str(first)
    assert Places(folders=folders[:2]).find_folder() == ""


def test_the_first_bundle_that_exists_is_found(tmp_path: Path) -> None:
    """Or none: then OpenSSL is left to itself."""
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    assert Places(bundles=(str(tmp_path / "missing"), str(bundle))).find_bundle() == str(bundle)
    assert Places(bundles=(str(tmp_path / "missing"),)).find_bundle() == ""
