"""Rotel, an OpenTelemetry collector of another project, as a judge of what is sent."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.build_cache import CACHE, built
from tests.sandbox import free_port
from tests.suites import lacks_wheel
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ENTRY = f"rotel-{PYTHON}"
AGENT = CACHE / ENTRY / "rotel" / "rotel-agent"
LIBRARIES = {"LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR") or ""}
"""The program is linked to the libpython that its wheel is for."""

NOT_INSTALLED = "rotel cannot be installed here"
SPAN = re.compile(r"^Span #\d+$", re.MULTILINE)
FIELD = re.compile(r"^\s*(Trace ID|Parent ID|ID|Name|Kind|Status code)\s*: (.*)$", re.MULTILINE)
TIME = re.compile(r"^(Start|End) time: (\d+)$", re.MULTILINE)
ATTRIBUTE = re.compile(r"^     -> ([\w.]+): \w+\((.*)\)$", re.MULTILINE)


@cache
def problem() -> str:
    """Return why rotel cannot be run here, empty if it can; installs it on first use."""
    try:
        built(ENTRY, _install)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace")
        return f"rotel has no wheel for {PYTHON}" if lacks_wheel(said) else NOT_INSTALLED
    started = subprocess.run([AGENT, "--version"], capture_output=True, env=LIBRARIES, check=False)
    said = started.stderr.decode(errors="replace").strip().partition(": ")[2]
    return "" if started.returncode == 0 else f"rotel does not run: {said}"


def _install(folder: Path) -> None:
    requirements = ROOT / "requirements" / "rotel.txt"
    command = ["pip", "install", "--quiet", "--require-hashes", "--no-deps"]
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
        env=LIBRARIES,
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
