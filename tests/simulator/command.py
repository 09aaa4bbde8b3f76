"""`python -m simulator` as a process of its own, with warnings as errors."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of the command left."""

    code: int
    output: str
    errors: str


async def start(
    *arguments: str, stdout: int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    """Start the command."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "simulator",
        *arguments,
        cwd=ROOT,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(*arguments: str) -> Result:
    """Run the command to its end."""
    process = await start(*arguments)
    output, errors = await process.communicate()
    assert process.returncode is not None
    return Result(code=process.returncode, output=output.decode(), errors=errors.decode())
