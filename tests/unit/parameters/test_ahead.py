"""Renewals beside an answer: how long one is waited for, and when the next is due."""

from __future__ import annotations

import asyncio
from functools import partial
from math import inf

import pytest

from extension.aws.errors import UpstreamError
from extension.parameters.ahead import RenewalsAhead, postponed
from extension.parameters.answer import Result, Served
from extension.parameters.cache import AgedEntry, Entry
from extension.parameters.keys import ParameterKey
from tests.doubles import ManualClock
from tests.waiting import PATIENCE_S, until

KEY = ParameterKey("a")
RENEWED = Served(b"new", Result.MISS)


def is_over(ahead: RenewalsAhead, key: ParameterKey) -> bool:
    """Whether no renewal of a key is under way."""
    return not ahead._flights.under_way(key)


class Renewals:
    """Renewals of one key that end when the test says so."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ahead = RenewalsAhead(clock=self.clock)
        self.begun = 0
        self.end = asyncio.Event()

    async def renew(self) -> Served:
        """Wait for the end."""
        self.begun += 1
        await self.end.wait()
        return RENEWED

    def begin(self) -> None:
        """Begin a renewal now."""
        self.ahead.begin(KEY, self.renew, now=self.clock.now())

    async def join(self) -> Served | None:
        """Return what a GET gets that comes now, once the renewal has ended."""
        joining = asyncio.create_task(self.ahead.join(KEY, now=self.clock.now()))
        await asyncio.sleep(0)
        self.end.set()
        async with asyncio.timeout(PATIENCE_S):
            return await joining


async def test_a_young_renewal_serves_a_get() -> None:
    """One call to AWS is for both."""
    renewals = Renewals()
    renewals.begin()
    renewals.clock.advance(1)
    assert await renewals.join() == RENEWED


async def test_a_get_waits_only_while_a_renewal_is_young() -> None:
    """Then it asks AWS itself; the renewal goes on."""
    renewals = Renewals()
    renewals.begin()
    renewals.clock.advance(1.9)
    async with asyncio.timeout(PATIENCE_S):
        assert await renewals.ahead.join(KEY, now=renewals.clock.now()) is None
    renewals.end.set()
    assert await renewals.ahead._flights.result(KEY) == RENEWED


async def test_a_get_does_not_wait_for_an_older_one() -> None:
    """After two seconds a freeze may have cut its connection."""
    renewals = Renewals()
    renewals.begin()
    renewals.clock.advance(2)
    assert await renewals.join() is None


async def test_without_a_renewal_there_is_nothing_to_wait_for() -> None:
    """Neither before the first one nor after one that has ended."""
    renewals = Renewals()
    assert await renewals.join() is None
    renewals.begin()
    assert await renewals.join() == RENEWED
    assert await renewals.join() is None


async def test_a_key_is_renewed_once_at_a_time() -> None:
    """A second attempt changes neither the first nor its age."""
    renewals = Renewals()
    renewals.begin()
    renewals.clock.advance(1.5)
    renewals.begin()
    renewals.clock.advance(0.5)
    assert await renewals.join() is None
    assert renewals.begun == 1


async def test_nothing_is_kept_of_renewals_that_have_ended() -> None:
    """A sandbox may renew more keys in its life than its cache has entries."""
    renewals = Renewals()
    renewals.end.set()
    for number in range(10):
        key = ParameterKey(str(number))
        renewals.ahead.begin(key, renewals.renew, now=renewals.clock.now())
        assert await renewals.ahead.join(key, now=renewals.clock.now()) == RENEWED
        await until(partial(is_over, renewals.ahead, key))
    assert len(renewals.ahead._begun) <= 1


@pytest.mark.parametrize(
    ("age_s", "transient", "ahead_s"),
    [(240.0, True, 270.0), (296.0, True, 301.0), (290.0, True, 295.0), (240.0, False, inf)],
)
def test_after_a_failure_half_of_the_time_left_passes(
    age_s: float, transient: bool, ahead_s: float
) -> None:
    """At least five seconds; what AWS has refused is not asked for again before the expiry."""
    now = ManualClock().now()
    entry = Entry(body=b"v", asked_at=now, fetched_at=now, ttl_s=300)
    error = UpstreamError("X", transient=transient)
    found = postponed(AgedEntry(entry, age_s, fresh=True), error)
    assert found == entry._replace(ahead_s=ahead_s)
