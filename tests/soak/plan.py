"""The chapters of a soak: one long life, and many short ones in each flush mode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from tests.soak.chapter import Chapter, Result, live

LONG_LIFE = 0.8
"""Share of the invocations that one and the same process lives through."""

LONG_TIMEOUT_S = 60.0
"""A machine that stalls for as long would end that life."""


def chapters(invocations: int) -> list[Chapter]:
    """Divide a number of invocations among the chapters."""
    each = int(invocations * (1 - LONG_LIFE) / 3)
    return [
        Chapter(name="long life", invocations=invocations - 3 * each, timeout_s=LONG_TIMEOUT_S),
        Chapter(name="short lives", invocations=each, deaths=0.03),
        Chapter(name="short lives, end", invocations=each, deaths=0.02, flush="end"),
        Chapter(name="short lives, periodic", invocations=each, deaths=0.03, flush="periodic"),
    ]


async def run_all(
    invocations: int, *, seed: int, on_result: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """Run all chapters: the long life, and beside it the short ones, one after the other.

    Most of the time of both is waiting, for an endpoint that is late or a function that hangs.
    """
    results: dict[int, Result] = {}

    async def run_some(numbered: Iterable[tuple[int, Chapter]]) -> None:
        for number, chapter in numbered:
            results[number] = await live(chapter, seed=seed + 2 * number)
            on_result(results[number])

    long_life, *short_lives = enumerate(chapters(invocations))
    async with asyncio.TaskGroup() as group:
        group.create_task(run_some([long_life]))
        group.create_task(run_some(short_lives))
    return [results[number] for number in sorted(results)]
