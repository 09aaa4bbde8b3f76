"""Callers that want the same at the same time share one task."""

from __future__ import annotations

import asyncio
import gc

import pytest

from extension.aws.errors import BUSY, UpstreamError
from extension.parameters.flights import MAX_FLIGHTS, Flights
from tests.waiting import until


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
