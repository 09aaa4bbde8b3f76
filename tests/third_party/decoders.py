"""A Go program with the OpenTelemetry collector's decoders, built where Go and its modules are.

It is a stand-in for the collector's awss3receiver: it looks for the same names, and decodes with
the same package (go.opentelemetry.io/collector/pdata). Versions are pinned in go.mod and go.sum.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.build_cache import locked

SOURCE = Path(__file__).parent / "collector"
BUILD_S = 600


class NotHereError(Exception):
    """Go or the modules are not to be had on this machine."""


def build() -> Path:
    """Return the program; Go itself knows what has changed since the last time."""
    go = shutil.which("go")
    if not go:
        raise NotHereError("this machine has no go")
    with locked("collector") as folder:
        fetched = _run(go, "mod", "download")
        if fetched.returncode:
            raise NotHereError(f"go cannot fetch: {fetched.stdout[-300:]}")
        program = folder / "collector"
        built = _run(go, "build", "-buildvcs=false", "-o", str(program), ".")
        assert built.returncode == 0, built.stdout
        return program


async def replay(program: Path, *arguments: str, environment: Mapping[str, str]) -> list[str]:
    """Run the program; return the keys of the files that it has posted."""
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    keys, problem = await process.communicate()
    assert process.returncode == 0, problem.decode()
    return keys.decode().splitlines()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True, timeout=BUILD_S, check=False,
    )  # fmt: skip
