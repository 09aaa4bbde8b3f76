"""Seconds of waiting: spent by what happens, not by a sandbox that stands still."""

from __future__ import annotations

import asyncio

import pytest

from extension.process.budget import Budget
from extension.process.time_limit import FREEZE_S, STEP_S
from tests.doubles import ManualClock


class Slow:
    """Something that takes a number of looks, between which the clock goes on."""

    def __init__(self, clock: ManualClock, *, steps_s: list[float]) -> None:
        self._clock = clock
        self._steps_s = steps_s
        self.was_cancelled = False

    async def finish(self) -> str:
        """Return when all steps are done."""
        try:
            for seconds in self._steps_s:
                self._clock.advance(seconds)
                await asyncio.sleep(STEP_S * 1.2)  # until the budget has looked
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return "done"


async def at_once() -> str:
    """Return without waiting."""
    return "done"


async def test_what_is_ready_costs_nothing() -> None:
    """The result comes through, and the budget is whole."""
    budget = Budget(2.0, clock=ManualClock())
    assert await budget.wait(at_once()) == "done"
    assert budget.left_s == 2.0


async def test_several_waits_share_a_budget() -> None:
    """Each one spends of what the others left."""
    clock = ManualClock()
    budget = Budget(2.0, clock=clock)
    await budget.wait(Slow(clock, steps_s=[0.75]).finish())
    assert budget.left_s == pytest.approx(1.25)
    await budget.wait(Slow(clock, steps_s=[0.5]).finish())
    assert budget.left_s == pytest.approx(0.75)


async def test_a_spent_budget_cancels_what_it_waited_for() -> None:
    """Nothing goes on behind the back of who gave it up."""
    clock = ManualClock()
    slow = Slow(clock, steps_s=[0.9, 0.9, 0.9])
    with pytest.raises(TimeoutError):
        await Budget(1.0, clock=clock).wait(slow.finish())
    assert slow.was_cancelled


async def test_a_wait_may_have_a_bound_of_its_own() -> None:
    """It ends then, and leaves the rest of the budget."""
    clock = ManualClock()
    budget = Budget(10.0, clock=clock)
    with pytest.raises(TimeoutError):
        await budget.wait(Slow(clock, steps_s=[0.6] * 9).finish(), at_most_s=1.0)
    assert 8 < budget.left_s <= 9


async def test_a_freeze_costs_nothing() -> None:
    """A slice that took far too long was one, and what was waited for gets its time after it."""
    clock = ManualClock()
    budget = Budget(1.0, clock=clock)
    frozen_s = STEP_S + FREEZE_S + 600
    assert await budget.wait(Slow(clock, steps_s=[frozen_s, 0.5]).finish()) == "done"
    assert budget.left_s == pytest.approx(0.5)


async def test_an_exception_comes_through() -> None:
    """What is waited for fails as it would without a budget."""

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Budget(1.0, clock=ManualClock()).wait(fail())


async def test_who_waits_is_cancelled_with_what_it_waits_for() -> None:
    """A cancelled wait leaves no task behind."""
    clock = ManualClock()
    slow = Slow(clock, steps_s=[0.1] * 100)
    waiting = asyncio.ensure_future(Budget(60.0, clock=clock).wait(slow.finish()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert slow.was_cancelled
