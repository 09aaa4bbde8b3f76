"""Time limits that a freeze does not use up."""

from __future__ import annotations

import asyncio

import pytest

from extension.process.time_limit import TimeLimit
from tests.doubles import ManualClock


async def test_ends_what_takes_too_long() -> None:
    """As asyncio's own does."""
    limit = TimeLimit(0.3, clock=ManualClock())
    with pytest.raises(TimeoutError):
        async with limit:
            await asyncio.Event().wait()
    assert not limit.was_frozen


async def test_leaves_alone_what_is_in_time() -> None:
    """Its result and its errors pass."""
    async with TimeLimit(60, clock=ManualClock()):
        await asyncio.sleep(0)
    with pytest.raises(ValueError, match="passes"):
        async with TimeLimit(60, clock=ManualClock()):
            raise ValueError("passes")


@pytest.mark.parametrize("pass_by", [ManualClock.freeze, ManualClock.advance])
async def test_freeze_costs_no_time(pass_by: object) -> None:
    """Whether or not the monotonic clock stands still: an hour counts as nothing."""
    clock = ManualClock()
    limit = TimeLimit(0.3, clock=clock)
    assert callable(pass_by)
    async with limit:
        pass_by(clock, 3600)
        await asyncio.sleep(0)
    assert limit.was_frozen


async def test_ends_in_spite_of_freezes() -> None:
    """One after the other they do not make it last for ever."""

    class Freezing(ManualClock):
        def now(self) -> object:  # type: ignore[override]  # an Instant
            self.freeze(3600)
            return super().now()

    with pytest.raises(TimeoutError):
        async with TimeLimit(0.5, clock=Freezing()):  # type: ignore[arg-type]
            await asyncio.Event().wait()
