"""The zip has the same bytes wherever and whenever it is made."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from layer.archive import tree_bytes, write_zip
from layer.errors import LayerError


def make_tree(folder: Path, *, names: tuple[str, ...], mode: int) -> Path:
    """Write files in this order, with this mode and a time of their own."""
    for at, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        file.chmod(mode)
        os.utime(file, (at, at))
    return folder


def test_order_times_and_modes_of_the_files_do_not_matter(tmp_path: Path) -> None:
    """Two trees with the same contents give the same bytes."""
    names = ("extensions/launcher", "home/b.py", "home/a/c.py")
    one = make_tree(tmp_path / "one", names=names, mode=0o600)
    two = make_tree(tmp_path / "two", names=names[::-1], mode=0o755)
    first = write_zip(one, destination=tmp_path / "one.zip")
    second = write_zip(two, destination=tmp_path / "two.zip")
    assert first == second
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert hashlib.sha256((tmp_path / "one.zip").read_bytes()).hexdigest() == first


def test_programs_may_be_executed_and_nothing_else(tmp_path: Path) -> None:
    """What lies in extensions/ and bin/ is a program; everybody may read the rest."""
    names = ("extensions/launcher", "home/python/bin/python3", "home/start.py")
    write_zip(make_tree(tmp_path / "tree", names=names, mode=0o600), destination=tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        modes = {entry.filename: oct(entry.external_attr >> 16) for entry in archive.infolist()}
    assert modes == dict(zip(names, ("0o100755", "0o100755", "0o100644"), strict=True))


def test_a_failure_leaves_no_zip(tmp_path: Path) -> None:
    """A zip that cannot be completed does not appear, and neither does a part of it."""
    tree = make_tree(tmp_path / "tree", names=("home/a.py",), mode=0o600)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.zip").mkdir()
    with pytest.raises(LayerError, match=r"a\.zip cannot be written"):
        write_zip(tree, destination=tmp_path / "out/a.zip")
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["a.zip"]


def test_the_size_of_a_tree_is_that_of_its_files(tmp_path: Path) -> None:
    """Folders count nothing."""
    make_tree(tmp_path, names=("a/b/c", "a/d"), mode=0o600)
    assert tree_bytes(tmp_path) == len("a/b/c") + len("a/d")
