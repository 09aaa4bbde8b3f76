"""The marker is there as a whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extension.pump import marker
from extension.pump.marker import Marker


def test_what_could_not_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start with the same process id, after a reset, would stumble over it."""
    monkeypatch.setattr(marker, "FOLDER", str(tmp_path))
    (tmp_path / f"{marker.NAME}api:1" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        Marker("api:1").write("127.0.0.1:1", pid=os.getpid())
    assert [each.name for each in tmp_path.iterdir()] == [f"{marker.NAME}api:1"]
