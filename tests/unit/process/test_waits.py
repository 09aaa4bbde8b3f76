"""Waits that a freeze does not use up: a time limit, and a budget for several waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from extension.process.waits import (
    FREEZE_S,
    STEP_S,
    Budget,
    TimeLimit,
    wait_until,
    watch_for_freeze,
)
from tests.doubles import ManualClock
from tests.simulated_time import SimulatedLoop
from tests.waiting import until


async def test_ends_what_takes_too_long() -> None:
    """Like asyncio's own timeout."""
    limit = TimeLimit(0.3, clock=ManualClock())
    with pytest.raises(TimeoutError):
        async with limit:
            await asyncio.Event().wait()
    assert not limit.was_frozen


async def test_leaves_alone_what_is_in_time() -> None:
    """The result and the errors pass through."""
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
    """Repeated freezes do not extend it without end."""

    class Freezing(ManualClock):
        def now(self) -> object:  # type: ignore[override]  # an Instant
            self.freeze(3600)
            return super().now()

    with pytest.raises(TimeoutError):
        async with TimeLimit(0.5, clock=Freezing()):  # type: ignore[arg-type]
            await asyncio.Event().wait()


def test_counts_again_from_another_number() -> None:
    """In the middle of a step, too: what has passed so far does not matter any more."""
    clock = ManualClock()

    async def wait() -> None:
        async with TimeLimit(60, clock=clock) as limit:
            await asyncio.sleep(STEP_S * 1.5)
            limit.restart(1)
            await asyncio.Event().wait()

    async def story() -> None:
        began = clock.now()
        with pytest.raises(TimeoutError):
            await wait()
        assert clock.now().since(began) == pytest.approx(STEP_S * 1.5 + 1, abs=0.001)

    with closing(SimulatedLoop(clock)) as loop:
        loop.run_until_complete(story())


class Slow:
    """Takes several steps, between which the clock advances."""

    def __init__(self, clock: ManualClock, *, steps_s: list[float]) -> None:
        self._clock = clock
        self._steps_s = steps_s
        self.was_cancelled = False

    async def finish(self) -> str:
        """Return when all steps are done."""
        try:
            for seconds in self._steps_s:
                self._clock.advance(seconds)
                await asyncio.sleep(STEP_S * 1.2)  # long enough for the budget to count a step
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return "done"


async def at_once() -> str:
    """Return without waiting."""
    return "done"


async def test_what_is_ready_costs_nothing() -> None:
    """The result passes through, and the budget is unchanged."""
    budget = Budget(2.0, clock=ManualClock())
    assert await budget.wait(at_once()) == "done"
    assert budget.left_s == 2.0


async def test_several_waits_share_a_budget() -> None:
    """Each wait spends what the earlier ones left."""
    clock = ManualClock()
    budget = Budget(2.0, clock=clock)
    await budget.wait(Slow(clock, steps_s=[0.75]).finish())
    assert budget.left_s == pytest.approx(1.25)
    await budget.wait(Slow(clock, steps_s=[0.5]).finish())
    assert budget.left_s == pytest.approx(0.75)


async def test_a_spent_budget_cancels_what_it_waited_for() -> None:
    """Nothing continues after the caller has given up."""
    clock = ManualClock()
    slow = Slow(clock, steps_s=[0.9, 0.9, 0.9])
    with pytest.raises(TimeoutError):
        await Budget(1.0, clock=clock).wait(slow.finish())
    assert slow.was_cancelled


async def test_a_wait_may_have_its_own_limit() -> None:
    """It ends at that limit and leaves the rest of the budget."""
    clock = ManualClock()
    budget = Budget(10.0, clock=clock)
    with pytest.raises(TimeoutError):
        await budget.wait(Slow(clock, steps_s=[0.6] * 9).finish(), at_most_s=1.0)
    assert 8 < budget.left_s <= 9


async def test_a_freeze_costs_nothing() -> None:
    """A step that took far too long was a freeze; the operation still gets its full time."""
    clock = ManualClock()
    budget = Budget(1.0, clock=clock)
    frozen_s = STEP_S + FREEZE_S + 600
    assert await budget.wait(Slow(clock, steps_s=[frozen_s, 0.5]).finish()) == "done"
    assert budget.left_s == pytest.approx(0.5)


async def test_an_exception_passes_through() -> None:
    """The operation fails as it would without a budget."""

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Budget(1.0, clock=ManualClock()).wait(fail())


async def test_cancelling_a_wait_cancels_the_operation() -> None:
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


@pytest.mark.parametrize(
    ("late_s", "left_s", "was_frozen"), [(FREEZE_S, 10 - STEP_S - FREEZE_S, False), (1.1, 10, True)]
)
async def test_a_step_that_ends_late_enough_saw_a_freeze(
    late_s: float, left_s: float, *, was_frozen: bool
) -> None:
    """One that ends a second late may have waited for the CPU: that counts."""
    clock = ManualClock()
    limit = TimeLimit(10, clock=clock)
    async with limit:
        clock.advance(STEP_S + late_s)
    assert limit.left_s == pytest.approx(left_s)
    assert limit.was_frozen is was_frozen


@pytest.mark.parametrize(("late_s", "was_frozen"), [(FREEZE_S, False), (FREEZE_S + 0.1, True)])
async def test_a_freeze_is_seen_without_a_limit(late_s: float, *, was_frozen: bool) -> None:
    """However long the wait may be."""
    clock = ManualClock()
    with watch_for_freeze(clock=clock) as watch:
        clock.freeze(STEP_S + late_s)
    assert watch.was_frozen is was_frozen


async def test_what_was_left_of_a_step_counts_as_it_was() -> None:
    """Not as long as the step was meant to be."""
    clock = ManualClock()
    limit = TimeLimit(10, clock=clock)
    async with limit:
        clock.advance(STEP_S / 5)
    assert limit.left_s == pytest.approx(10 - STEP_S / 5)


async def test_the_last_step_is_as_long_as_what_is_left() -> None:
    """A freeze in it is seen by its own length."""
    clock = ManualClock()
    limit = TimeLimit(STEP_S / 5, clock=clock)
    async with limit:
        clock.advance(STEP_S / 5 + FREEZE_S)
    assert not limit.was_frozen
    assert limit.left_s == pytest.approx(-FREEZE_S)


async def test_time_is_up_when_nothing_is_left() -> None:
    """A limit of exactly one step has no second."""
    clock = ManualClock()
    limit = TimeLimit(STEP_S, clock=clock)
    with pytest.raises(TimeoutError):
        async with limit:
            await asyncio.Event().wait()
    assert limit.left_s == 0.0


async def test_the_second_freeze_counts_as_long_as_its_step() -> None:
    """So that freezes that come again and again end some time."""
    clock = ManualClock()
    limit = TimeLimit(10, clock=clock)
    async with limit:
        left_s = [limit.left_s]
        for _ in range(2):
            clock.freeze(3600)
            after = clock.now()
            await until(lambda: limit._began >= after)  # noqa: B023
            left_s.append(limit.left_s)
    assert left_s == pytest.approx([10, 10, 10 - STEP_S])


async def test_no_timer_is_left_behind() -> None:
    """Nothing counts after the wait."""
    limit = TimeLimit(10, clock=ManualClock())
    async with limit:
        pass
    assert limit._timer.cancelled()


@pytest.mark.parametrize("left_s", [0.0, -1.0])
async def test_a_budget_that_is_spent_waits_no_longer(left_s: float) -> None:
    """And owes no more than before."""
    budget = Budget(left_s, clock=ManualClock())
    with pytest.raises(TimeoutError):
        await budget.wait(asyncio.Event().wait())
    assert budget.left_s == left_s


class Simulated:
    """A wait of five seconds for news, in a sandbox whose time passes at once."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.loop, self.clock = loop, loop.clock
        self.news = asyncio.Event()
        self.has_come = False
        self._began = self.clock.now()
        self._wait = loop.create_task(self._wait_for_it())
        loop.run_until_complete(asyncio.sleep(1))

    async def _wait_for_it(self) -> float:
        await wait_until(lambda: self.has_come, news=self.news, within_s=5.0, clock=self.clock)
        return self.clock.now().since(self._began)

    def come(self) -> None:
        """Let what is waited for come."""
        self.has_come = True
        self.news.set()

    def end(self) -> float:
        """Return how long the wait took."""
        return self.loop.run_until_complete(self._wait)


@pytest.fixture
def simulated() -> Iterator[Simulated]:
    """A wait that began a second ago."""
    with closing(SimulatedLoop(ManualClock())) as loop:
        yield Simulated(loop)


@pytest.mark.parametrize("pass_by", [ManualClock.freeze, ManualClock.advance])
def test_what_comes_after_a_freeze_is_in_time(
    simulated: Simulated, pass_by: Callable[[ManualClock, float], None]
) -> None:
    """Whichever clock shows the freeze: the wait goes on where it was."""
    pass_by(simulated.clock, 3600)
    simulated.loop.call_later(0.5, simulated.come)
    assert simulated.end() == pytest.approx(3600 + 1.5)
    assert simulated.has_come


def test_what_never_comes_is_waited_for_as_long_as_it_may_be(simulated: Simulated) -> None:
    """News of something else does not prolong it."""
    simulated.loop.call_later(2, simulated.news.set)
    assert simulated.end() == pytest.approx(5)
    assert not simulated.has_come


def test_what_comes_is_seen_at_once(simulated: Simulated) -> None:
    """By its news, without a look at any interval; what is there already is not waited for."""
    simulated.loop.call_later(0.1, simulated.come)
    assert simulated.end() == pytest.approx(1.1)
    again = wait_until(lambda: True, news=simulated.news, within_s=5, clock=simulated.clock)
    before = simulated.clock.now()
    simulated.loop.run_until_complete(again)
    assert simulated.clock.now() == before


def test_after_a_wait_nothing_is_counted(simulated: Simulated) -> None:
    """The end of its time would be news of nothing, for whoever waits next."""
    simulated.come()
    simulated.end()
    simulated.news.clear()
    simulated.loop.run_until_complete(asyncio.sleep(10))
    assert not simulated.news.is_set()
