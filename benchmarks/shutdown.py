"""How long the extension takes from SHUTDOWN to its exit; Lambda kills it after two seconds."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.after_response import HANDLER
from benchmarks.launchers import write_ours
from benchmarks.rows import Row, bounded
from simulator.intake import Intake
from simulator.intake.replies import Hang
from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings

TURNS = 5
AT_MOST_MS = {"healthy": 300, "hanging": 1750}


def rows() -> Iterator[Row]:
    """Measure with an endpoint that answers and one that does not, beside no extension at all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "function").mkdir()
        (folder / "function" / "handler.py").write_text(HANDLER)
        write_ours(folder / "ours")
        taken = asyncio.run(_measure(folder))
    for endpoint, at_most in AT_MOST_MS.items():
        yield bounded(
            f"SHUTDOWN to exit, {endpoint} endpoint",
            taken[endpoint],
            taken["none"],
            unit="ms",
            reference="the sandbox without an extension",
            at_most=at_most,
        )


async def _measure(folder: Path) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in ("none", *AT_MOST_MS)}
    for _ in range(TURNS):
        for name, samples in taken.items():
            samples.append(await _shutdown_ms(folder, name))
    return taken


async def _shutdown_ms(folder: Path, endpoint: str) -> float:
    """Return how long the sandbox takes to end after one invocation whose data still waits."""
    async with Intake() as intake:
        released = asyncio.Event()
        if endpoint == "hanging":
            intake.respond = lambda _: Hang(released=released)
        settings = FunctionSettings(
            code=folder / "function",
            extensions=None if endpoint == "none" else folder / "ours",
            environment={
                "DISPATCH_POST_URI": intake.url,
                "DISPATCH_FLUSH": "periodic",
                "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "27730",
            },
        )
        async with LocalLambda(settings) as function:
            await function.invoke({})
            began_s = time.perf_counter()
            await function.shutdown()
            lasted_s = time.perf_counter() - began_s
        released.set()
    return lasted_s * 1000
