"""How long an invocation goes on after its response, in the local Lambda.

That time is billed and delays the next request. The platform hands out telemetry 25 ms after it
came into being at the earliest, so whoever waits for it takes at least so long.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.launchers import write_eager, write_ours
from benchmarks.rows import Row, compare
from simulator.intake import Intake
from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings

TURNS = 3
INVOCATIONS = 30
SETTLED = 10
"""The last of them, which count: `auto` first has to learn how frequent they are."""

FLUSHES = ("end", "periodic", "auto")
DEAD = "end, dead endpoint"
"""After three failures the circuit is open: nothing is tried, but the telemetry is waited for."""

HANDLER = "def handler(event, context):\n    print('one line')\n    return {}\n"


def rows() -> Iterator[Row]:
    """Measure each way to flush beside a reference that waits as long and exports nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "function").mkdir()
        (folder / "function" / "handler.py").write_text(HANDLER)
        write_ours(folder / "ours")
        write_eager(folder / "eager", "hold")
        taken = asyncio.run(_measure(folder))
    for flush in (*FLUSHES, DEAD):
        yield compare(
            f"added after the response, DISPATCH_FLUSH={flush}",
            taken[flush],
            taken["eager"],
            unit="ms",
            reference="eager, which waits for it and exports nothing",
        )


async def _measure(folder: Path) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in ("eager", *FLUSHES, DEAD)}
    for _ in range(TURNS):
        taken["eager"].append(await _after_ms(folder, "eager"))
        for flush in FLUSHES:
            taken[flush].append(await _after_ms(folder, "ours", flush=flush))
        taken[DEAD].append(await _after_ms(folder, "ours", is_dead=True))
    return taken


async def _after_ms(
    folder: Path, extension: str, *, flush: str = "end", is_dead: bool = False
) -> float:
    """Return the median over the later invocations of one sandbox."""
    async with Intake() as intake:
        settings = FunctionSettings(
            code=folder / "function",
            extensions=folder / extension,
            environment={
                "DISPATCH_POST_URI": "http://127.0.0.1:1" if is_dead else intake.url,
                "DISPATCH_FLUSH": flush,
            },
        )
        async with LocalLambda(settings) as function:
            await function.invoke()
            answers = [await function.invoke() for _ in range(INVOCATIONS)]
        if extension == "ours" and not is_dead and not intake.spans:
            raise RuntimeError("nothing was exported")
    return median(answer.after_response_ms for answer in answers[-SETTLED:])
