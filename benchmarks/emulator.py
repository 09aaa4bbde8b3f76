"""What an extension adds to init in AWS's own emulator, as that reports it.

Classic mode: the real Extensions API and the real Python runtime client, no Telemetry API. With an
extension, init lasts until the runtime and every extension have asked for the first event.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.launchers import write_eager, write_ours
from benchmarks.rows import Row, compare, skip
from tests.fidelity.emulator import Emulator, why_not

TURNS = 7
NAME = "init in AWS's emulator"
REPORT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)")

FUNCTIONS = {
    "trivial function": "",
    "function that imports boto3": "import boto3\nboto3.client('s3')\n",
}
HANDLER = "def handler(event, context):\n    return {}\n"

PROMISES = {
    ("trivial function", "telemetry only"): 0.45,
    ("trivial function", "both"): 0.75,
    ("function that imports boto3", "telemetry only"): 0.12,
    ("function that imports boto3", "both"): 0.35,
}
ALONE = "no extension"
EAGER = "eager"
CACHE_PORT = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "2773"}
"""Any variable of the cache means that the AWS clients are wanted in init."""

EXPORT = {"DISPATCH_POST_URI": "http://127.0.0.1:9"}
OURS: Mapping[str, Mapping[str, str]] = {
    "telemetry only": EXPORT,
    "both": EXPORT | CACHE_PORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """One sandbox to measure."""

    extensions: Path | None
    environment: Mapping[str, str]


def rows() -> Iterator[Row]:
    """Measure each function alone, with the reference, and with ours in each mode."""
    if reason := why_not():
        yield skip(NAME, reason)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        eager, ours = write_eager(folder / "eager"), write_ours(folder / "ours")
        sets = {
            ALONE: Set(extensions=None, environment={}),
            EAGER: Set(extensions=eager, environment={}),
            **{mode: Set(extensions=ours, environment=env) for mode, env in OURS.items()},
        }
        for function, prelude in FUNCTIONS.items():
            code = folder / function.replace(" ", "-")
            code.mkdir()
            (code / "handler.py").write_text(prelude + HANDLER)
            yield from _rows(function, asyncio.run(_measure(code, sets)))


def _rows(function: str, init_ms: Mapping[str, list[float]]) -> Iterator[Row]:
    alone = median(init_ms[ALONE])
    for mode in OURS:
        yield compare(
            f"{NAME}: {mode} adds to a {function} ({alone:.0f} ms alone)",
            _added(init_ms[mode], init_ms[ALONE]),
            _added(init_ms[EAGER], init_ms[ALONE]),
            unit="ms",
            reference=EAGER,
            at_most=PROMISES[function, mode],
        )


def _added(with_it: list[float], without: list[float]) -> list[float]:
    return [mine - its for mine, its in zip(with_it, without, strict=True)]


async def _measure(function: Path, sets: Mapping[str, Set]) -> dict[str, list[float]]:
    init_ms: dict[str, list[float]] = {name: [] for name in sets}
    for turn in range(TURNS + 1):
        for name, each in sets.items():
            taken = await _init_ms(function, each)
            if turn:  # the first one fills caches
                init_ms[name].append(taken)
    return init_ms


async def _init_ms(function: Path, each: Set) -> float:
    emulator = Emulator(
        function=function,
        extensions=each.extensions,
        environment=each.environment,
        log_level="info",
    )
    async with emulator:
        await emulator.invoke()
    found = [match for line in emulator.output if (match := REPORT.search(line))]
    if not found:
        raise RuntimeError(f"the emulator reported no init: {emulator.output}")
    return float(found[0][1])
