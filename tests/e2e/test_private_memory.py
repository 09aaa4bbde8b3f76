"""The extension's memory, which holds secrets, is not for its neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.sandbox import running


def core_limit(pids: Iterable[int]) -> list[str]:
    """Return the soft and hard limit for core files of the extension among some processes."""
    [extension] = [
        folder
        for folder in (Path("/proc") / str(pid) for pid in pids)
        if b"extension.__main__" in (folder / "cmdline").read_bytes()
    ]
    limits = (extension / "limits").read_text().splitlines()
    [core] = [line for line in limits if line.startswith("Max core file size")]
    return core.split()[4:6]


async def test_the_running_extension_leaves_no_core(tmp_path: Path) -> None:
    """A crash writes nothing to disk, whatever limit the process was started with."""
    async with running(tmp_path, environment={}) as stage:
        await stage.function.invoke({})
        limits = core_limit(stage.function.pids)
    assert limits == ["0", "0"]
