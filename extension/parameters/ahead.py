"""Renewals ahead: an entry near its expiry is fetched beside the answer, so that no caller waits.

Nothing depends on such a renewal. It may be cut by a freeze, or fail: the entry stays as it is, the
failure reaches no caller, and a GET that finds the entry expired asks AWS itself. Only while a
renewal is young does such a GET wait for it, so that one call serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from typing import Any

from extension.aws.errors import UpstreamError
from extension.parameters.answer import Served
from extension.parameters.cache import AgedEntry, Entry
from extension.parameters.flights import Flights
from extension.parameters.keys import Key
from extension.process.clock import Clock, Instant
from extension.process.waits import TimeLimit

YOUNG_S = 2.0
"""How old a renewal may be that a GET still waits for. A freeze of this length may have cut its
connection, and the GET would wait for nothing."""

PAUSE_S = 5.0
"""Shortest time between two attempts to renew an entry."""

Renew = Callable[[], Coroutine[Any, Any, Served | None]]
"""Fetches and stores a value; returns None if that failed."""


class RenewalsAhead:
    """The renewals that are under way: at most one for each key."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._flights: Flights[Served | None] = Flights()
        self._begun: dict[Key, Instant] = {}

    def begin(self, key: Key, renew: Renew, *, now: Instant) -> None:
        """Start a renewal, unless there is one for this key, or too many in all."""
        if self._flights.under_way(key):
            return
        with suppress(UpstreamError):
            self._flights.begin(key, renew)
            under_way = filter(self._flights.under_way, self._begun)
            self._begun = {each: self._begun[each] for each in under_way}
            self._begun[key] = now

    async def join(self, key: Key, *, now: Instant, at_most_s: float = inf) -> Served | None:
        """Return what a young renewal has fetched; None if there is none, or it failed.

        It is waited for only while it is young: the caller's own call may take long, too.
        """
        if not self._flights.under_way(key):
            return None
        wait_s = min(YOUNG_S - now.since(self._begun[key]), at_most_s)
        if wait_s <= 0:
            return None
        with suppress(TimeoutError):
            async with TimeLimit(wait_s, clock=self._clock):
                return await self._flights.result(key)
        return None


def postponed(cached: AgedEntry, error: UpstreamError) -> Entry:
    """Return an entry whose renewal failed: the next attempt is made in half of the time left.

    So a failing service is not asked more often than it would be after the expiry. A refusal by AWS
    is final; the GET that finds the entry expired reports it.
    """
    entry, age_s = cached.entry, cached.age_s
    pause_s = max((entry.ttl_s - age_s) / 2, PAUSE_S) if error.transient else inf
    return entry._replace(ahead_s=age_s + pause_s)
