"""How long an invocation goes on after its response, in the local Lambda.

That time is billed and delays the next request. The platform hands out telemetry 25 ms after it
came into being at the earliest, so an extension that waits for it takes at least so long. The time
is the platform's, from the response to the last /next: not what the extension says of itself.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contenders import free_port
from benchmarks.launchers import write_eager, write_ours
from benchmarks.rows import Row, compare, fail
from simulator.intake import Intake
from simulator.intake.replies import Reply
from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings

TURNS = 3
INVOCATIONS = 30
SETTLED = 10
"""The last of them, which count."""

SHORT = ("end", "end, dead endpoint")
"""Each invocation exports, or would: after three failures the circuit is open, nothing is tried,
but the telemetry is waited for."""

FLUSHES = ("auto", "end", "periodic")
ENDPOINT_S = 0.2
LEARNING = 25
"""Invocations after which `auto` knows how frequent they are."""

WINDOW_S = 45.0
"""So long that data which waits 20 s for its export leaves twice meanwhile."""

FEWEST_EXPORTS = 2
"""Within the window; otherwise the figures would say nothing about exports."""

HANDLER = "def handler(event, context):\n    print('one line')\n    return {}\n"
BUSY_HANDLER = f"import time\n\n\n{HANDLER}".replace(
    "    return", "    time.sleep(0.1)\n    return"
)
"""In no more than some hundred invocations the window is over."""

EAGER = "eager, which waits for it and exports nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What each invocation of a window added, in milliseconds, and how many exports came in it."""

    added_ms: list[float]
    exports: int


def rows() -> Iterator[Row]:
    """Measure each way to flush beside a reference that waits as long and exports nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for function, handler in (("function", HANDLER), ("busy", BUSY_HANDLER)):
            (folder / function).mkdir()
            (folder / function / "handler.py").write_text(handler)
        write_ours(folder / "ours")
        write_eager(folder / "eager", "hold")
        taken = asyncio.run(_measure(folder))
        windows = asyncio.run(_measure_windows(folder))
    for flush in SHORT:
        yield compare(
            f"added after the response, DISPATCH_FLUSH={flush}",
            taken[flush],
            taken["eager"],
            unit="ms",
            reference=EAGER,
        )
    for flush in FLUSHES:
        yield from window_rows(flush, windows[flush], windows["eager"])


def window_rows(flush: str, ours: Window, eager: Window) -> Iterator[Row]:
    """Yield the median and the worst of a window in which exports happened."""
    what = f"added after the response, DISPATCH_FLUSH={flush}, endpoint of 200 ms"
    if ours.exports < FEWEST_EXPORTS:
        yield fail(what, f"{ours.exports} exports among {len(ours.added_ms)} invocations")
        return
    counted = f"{len(ours.added_ms)}, {ours.exports} exports"
    for name, choose in (("median", median), ("worst", max)):
        yield compare(
            f"{what}: {name} of {counted}",
            [choose(ours.added_ms)],
            [choose(eager.added_ms)],
            unit="ms",
            reference=EAGER,
        )


async def _measure(folder: Path) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in ("eager", *SHORT)}
    for _ in range(TURNS):
        taken["eager"].append(await _after_ms(folder, "eager"))
        for flush in SHORT:
            taken[flush].append(await _after_ms(folder, "ours", is_dead=flush != "end"))
    return taken


async def _after_ms(folder: Path, extension: str, *, is_dead: bool = False) -> float:
    """Return the median over the later invocations of one sandbox."""
    async with Intake() as intake:
        url = "http://127.0.0.1:1" if is_dead else intake.url
        settings = _settings(folder, "function", extension, url=url, flush="end")
        async with LocalLambda(settings) as function:
            await function.invoke()
            answers = [await function.invoke() for _ in range(INVOCATIONS)]
        if extension == "ours" and not is_dead and not intake.spans:
            raise RuntimeError("nothing was exported")
    return median(answer.after_response_ms for answer in answers[-SETTLED:])


async def _measure_windows(folder: Path) -> dict[str, Window]:
    """Measure all at once, which costs little: the function sleeps most of the time."""
    windows = await asyncio.gather(
        _window(folder, "eager", flush="end"),
        *(_window(folder, "ours", flush=flush) for flush in FLUSHES),
    )
    return dict(zip(("eager", *FLUSHES), windows, strict=True))


async def _window(folder: Path, extension: str, *, flush: str) -> Window:
    async with Intake(respond=lambda _: Reply(delay_s=ENDPOINT_S)) as intake:
        settings = _settings(folder, "busy", extension, url=intake.url, flush=flush)
        async with LocalLambda(settings) as function:
            for _ in range(LEARNING):
                await function.invoke()
            now = asyncio.get_running_loop().time
            earlier, ends_s, answers = len(intake.requests), now() + WINDOW_S, []
            while now() < ends_s:
                answers.append(await function.invoke())
            exports = len(intake.requests) - earlier
    return Window(added_ms=[answer.after_response_ms for answer in answers], exports=exports)


def _settings(
    folder: Path, function: str, extension: str, *, url: str, flush: str
) -> FunctionSettings:
    return FunctionSettings(
        code=folder / function,
        extensions=folder / extension,
        environment={
            "DISPATCH_POST_URI": url,
            "DISPATCH_FLUSH": flush,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port()),
        },
    )
