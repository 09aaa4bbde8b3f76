"""Repeats what may succeed a moment later; a command may pause, which the extension must not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PAUSES_S = (0.5, 1.0, 2.0)
"""Before the second, third and fourth attempt."""

LONGEST_PAUSE_S = 60.0
"""Of what an endpoint asks for in Retry-After."""

Sleep = Callable[[float], Awaitable[None]]


async def patiently(
    attempt: Callable[[], Awaitable[T]],
    *,
    wished_s: Callable[[T], float | None],
    sleep: Sleep = asyncio.sleep,
) -> T:
    """Return the first result that is final, or the last one.

    `wished_s(result)` is None if it is final, else the least pause before the next attempt.
    """
    for pause_s in PAUSES_S:
        result = await attempt()
        least_s = wished_s(result)
        if least_s is None:
            return result
        await sleep(max(pause_s, min(least_s, LONGEST_PAUSE_S)))
    return await attempt()
