"""Waiting on a condition with a deadline, so that no test sleeps and none hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

POLL_S = 0.005
PATIENCE_S = 120.0
"""Longer than any machine stalls: a deadline ends a test that hangs, it judges no speed."""


async def until(condition: Callable[[], object], *, deadline_s: float = PATIENCE_S) -> None:
    """Return as soon as `condition()` is true; fail when it is not within the deadline."""
    try:
        async with asyncio.timeout(deadline_s):
            while not condition():  # noqa: ASYNC110  # conditions live in other processes too
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s} s: {condition}") from None
