"""Runs a command of a document to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from tests.waiting import PATIENCE_S


async def output_of(*command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Return what a command printed; it has to end well, and in time."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return output.decode()
