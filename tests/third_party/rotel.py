"""Rotel, an OpenTelemetry collector of another project, as a judge of what is sent."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.build_cache import CACHE, built
from tests.sandbox import free_port
from tests.waiting import until

ROOT = Path(__file__).parents[2]
AGENT = CACHE / "rotel" / "rotel" / "rotel-agent"
OF_ANY_PYTHON = ("--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.13")
"""The newest that there is a wheel for; the program in it needs no Python."""

SPAN = re.compile(r"^Span #\d+$", re.MULTILINE)
FIELD = re.compile(r"^\s*(Trace ID|Parent ID|ID|Name|Kind|Status code)\s*: (.*)$", re.MULTILINE)
TIME = re.compile(r"^(Start|End) time: (\d+)$", re.MULTILINE)
ATTRIBUTE = re.compile(r"^     -> ([\w.]+): \w+\((.*)\)$", re.MULTILINE)


@cache
def problem() -> str:
    """Return why rotel cannot be run here, empty if it can; installs it on first use."""
    try:
        built("rotel", _install)
    except subprocess.CalledProcessError:
        return "rotel cannot be installed here"
    started = subprocess.run([AGENT, "--version"], capture_output=True, check=False)
    return "" if started.returncode == 0 else "rotel does not run on this machine"


def _install(folder: Path) -> None:
    requirements = ROOT / "requirements" / "rotel.txt"
    command = ["pip", "install", "--quiet", "--require-hashes", "--no-deps", *OF_ANY_PYTHON]
    subprocess.run(
        [sys.executable, "-m", *command, "--target", folder, "-r", requirements],
        capture_output=True,
        check=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSpan:
    """A span as rotel decoded and printed it."""

    fields: dict[str, str]
    start_ns: int
    end_ns: int
    attributes: dict[str, str]


@dataclass(slots=True)
class Rotel:
    """The running collector and what it printed."""

    url: str
    output: bytearray = field(default_factory=bytearray)

    @property
    def spans(self) -> list[SeenSpan]:
        """Every span that was printed whole."""
        return [_span(part) for part in SPAN.split(self.output.decode())[1:]]


def _span(text: str) -> SeenSpan:
    times = dict(TIME.findall(text))
    own = text.partition("\nEvents:")[0]
    return SeenSpan(
        fields={name: value.strip() for name, value in FIELD.findall(own)},
        start_ns=int(times["Start"]),
        end_ns=int(times["End"]),
        attributes=dict(ATTRIBUTE.findall(own)),
    )


@asynccontextmanager
async def rotel() -> AsyncIterator[Rotel]:
    """Run the collector on loopback, printing each span it receives."""
    ports = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        str(AGENT),
        "start",
        f"--otlp-http-endpoint=127.0.0.1:{ports[0]}",
        f"--otlp-grpc-endpoint=127.0.0.1:{ports[1]}",
        "--exporter=blackhole",
        "--debug-log=traces",
        "--debug-log-verbosity=detailed",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    seen = Rotel(f"http://127.0.0.1:{ports[0]}")
    reading = asyncio.create_task(_read(process, seen))
    try:
        await until(lambda: b"Starting Rotel" in seen.output)
        yield seen
    finally:
        process.kill()
        await process.wait()
        await reading


async def _read(process: asyncio.subprocess.Process, into: Rotel) -> None:
    assert process.stdout is not None
    while chunk := await process.stdout.read(65_536):
        into.output += chunk
