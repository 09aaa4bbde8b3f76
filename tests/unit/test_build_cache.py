"""What tests build is built once, and never seen half done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import build_cache
from tests.build_cache import built


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_cache, "CACHE", tmp_path)


def test_those_that_need_it_at_once_share_one_build() -> None:
    """One builds it, the others wait for all of it."""
    builds: list[Path] = []

    def build(folder: Path) -> None:
        builds.append(folder)
        (folder / "first").touch()
        (folder / "last").touch()

    def names(_: int) -> set[str]:
        return {path.name for path in built("layers/one", build).iterdir()}

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(names, range(8)))

    assert len(builds) == 1
    assert all(each >= {"first", "last"} for each in seen)


def test_a_build_that_failed_is_begun_again() -> None:
    """Nothing of the failed one is left."""

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ValueError("no compiler")

    with pytest.raises(ValueError, match="no compiler"):
        built("one", fail)
    folder = built("one", lambda folder: (folder / "whole").touch())

    assert (folder / "whole").exists()
    assert not (folder / "half").exists()
