"""The launcher is an executable that survives odd paths and a hostile environment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.launcher import write_launcher

if TYPE_CHECKING:
    from pathlib import Path


async def test_launcher_runs_the_extension_of_its_root(tmp_path: Path) -> None:
    """Quotes and spaces in the path, a PYTHONPATH and another current folder change nothing."""
    root = tmp_path / 'it\'s a "root" $HOME'
    package = root / "extension"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("def main() -> None:\n    print('ran', __file__)\n")
    decoy = tmp_path / "decoy" / "extension"
    decoy.mkdir(parents=True)
    (decoy / "__main__.py").write_text("raise SystemExit('the wrong one')\n")

    launcher = write_launcher(tmp_path / "opt" / "extensions", root=root)

    assert launcher.name == "lambda-dispatch"
    process = await asyncio.create_subprocess_exec(
        launcher,
        stdout=asyncio.subprocess.PIPE,
        cwd=decoy.parent,
        env={"PYTHONPATH": str(decoy.parent)},
    )
    output, _ = await process.communicate()
    assert output.decode() == f"ran {package / '__main__.py'}\n"
