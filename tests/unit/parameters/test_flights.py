"""Callers that want the same at the same time share one task."""

from __future__ import annotations

import asyncio
import gc

import pytest

from extension.aws.errors import BUSY, UpstreamError
from extension.parameters.flights import MAX_FLIGHTS, Flights, UnderWay
from tests.doubles import ManualClock
from tests.waiting import PATIENCE_S, until


class Runway:
    """Counts what begins, and lets it land on request."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_land = asyncio.Event()
        self.error: Exception | None = None

    async def fly(self) -> int:
        """Wait, then return the number of this flight."""
        self.begun += 1
        number = self.begun
        await self.may_land.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_callers_share_a_flight() -> None:
    """One begins, all get its result; the next caller begins another."""
    runway, flights = Runway(), Flights[int]()
    callers = [asyncio.create_task(flights.join("k", runway.fly)) for _ in range(5)]
    await until(lambda: runway.begun)
    runway.may_land.set()
    assert await asyncio.gather(*callers) == [1] * 5
    assert not flights.under_way("k")
    assert await flights.join("k", runway.fly) == 2


async def test_first_caller_may_be_cancelled() -> None:
    """The others still get the result."""
    runway, flights = Runway(), Flights[int]()
    first = asyncio.create_task(flights.join("k", runway.fly))
    await until(lambda: runway.begun)
    second = asyncio.create_task(flights.join("k", runway.fly))
    first.cancel()
    await asyncio.wait([first])
    runway.may_land.set()
    assert await second == 1


async def test_failure_that_nobody_waits_for_is_silent() -> None:
    """With every caller gone, no `exception was never retrieved`."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    runway, flights = Runway(), Flights[int]()
    caller = asyncio.create_task(flights.join("k", runway.fly))
    await until(lambda: runway.begun)
    caller.cancel()
    runway.error = ValueError("lost")
    runway.may_land.set()
    await until(lambda: not flights.under_way("k"))
    del caller
    gc.collect()  # asyncio complains when the task is collected
    assert complaints == []


async def test_failure_goes_to_all() -> None:
    """Everybody who waited gets it; it is not kept."""
    runway, flights = Runway(), Flights[int]()
    runway.error = UpstreamError("No")
    runway.may_land.set()
    callers = [flights.join("k", runway.fly) for _ in range(3)]
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(result) for result in results] == ["No"] * 3
    runway.error = None
    assert await flights.join("k", runway.fly) == 2


async def test_flights_are_bounded() -> None:
    """Callers that hang up at once cannot pile up work without end."""
    runway, flights = Runway(), Flights[int]()
    callers = [asyncio.create_task(flights.join(n, runway.fly)) for n in range(MAX_FLIGHTS)]
    await until(lambda: runway.begun == MAX_FLIGHTS)
    with pytest.raises(UpstreamError, match=BUSY):
        await flights.join("one more", runway.fly)
    runway.may_land.set()
    assert len(await asyncio.gather(*callers)) == MAX_FLIGHTS


async def test_a_thousand_flights_are_the_most() -> None:
    """As many as the cache has entries; one that is under way is joined nevertheless."""
    runway, flights = Runway(), Flights[int]()
    for number in range(1000):
        flights.begin(number, runway.fly)
    flights.begin(0, runway.fly)
    with pytest.raises(UpstreamError) as raised:
        flights.begin("one more", runway.fly)
    assert raised.value.transient
    runway.may_land.set()
    await until(lambda: not flights._tasks)
    assert runway.begun == 1000


async def test_a_flight_that_is_cancelled_is_over() -> None:
    """As the loop cancels all tasks at its end."""
    runway, flights = Runway(), Flights[int]()
    flights.begin("k", runway.fly)
    flights._tasks["k"].cancel()
    await until(lambda: not flights.under_way("k"))


async def test_waiting_for_what_is_under_way() -> None:
    """Until all of it has ended, that which began meanwhile included."""
    clock = ManualClock()
    under_way, ended = UnderWay(clock=clock), []
    with under_way.one():
        first = asyncio.create_task(under_way.settle(within_s=PATIENCE_S))
        await asyncio.sleep(0)
        second = under_way.one()
        second.__enter__()
    first.add_done_callback(lambda _: ended.append(1))
    await asyncio.sleep(0)
    assert not ended
    clock.advance(3)
    second.__exit__(None, None, None)
    assert await first == 3
    assert await under_way.settle(within_s=PATIENCE_S) == 0


async def test_a_fetch_delays_the_end_of_an_invocation_once() -> None:
    """One that takes longer is not waited for again."""
    clock = ManualClock()
    under_way = UnderWay(clock=clock)
    with under_way.one():
        await under_way.settle(within_s=0.01)
        clock.advance(1)
        assert await under_way.settle(within_s=PATIENCE_S) == 0
