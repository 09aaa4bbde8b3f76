"""Looks a key up: a fresh value from memory, else one call to AWS, else a stale value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from extension.aws.call import Service
from extension.aws.errors import UpstreamError
from extension.parameters.answer import Result, Served
from extension.parameters.cache import AgedEntry, Cache, Entry
from extension.parameters.flights import Flights
from extension.parameters.request import Key, Query
from extension.process.clock import Clock, Instant
from extension.process.frozen import Frozen
from extension.process.log import Log

REFRESH_INTERVAL_S = 1.0
"""Shortest time between refreshes of a key: retries with refresh=true must not flood AWS."""

BACK_OFF_S = 5.0
"""How long AWS is not asked after a stale answer, so an outage does not slow down every GET."""


class Fetch(Protocol):
    """Asks AWS; `batchable`: the call may wait a moment to be combined with others."""

    async def __call__(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        """Return the body, or raise UpstreamError."""


class Policy(Frozen):
    """What is cached and for how long; with a TTL of 0 a service's values are not cached."""

    ttl_s: Mapping[Service, float]
    jitter: float
    max_stale_s: float
    size: int

    def keeps(self, key: Key) -> bool:
        """Whether the cache is used for a key."""
        return self.size > 0 and self.ttl_s[key.service] > 0

    def lifetime_s(self, key: Key, *, draw: float) -> float:
        """Return the TTL of a new entry; a draw in [0, 1) shortens it by up to `jitter` of it."""
        return self.ttl_s[key.service] * (1 - self.jitter * draw)


class Lookup:
    """Answers queries; `kept` is called when a body is cached, `gone` when an entry is removed.

    `bypassed` is called with the key of each body that was fetched without the cache.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        fetch: Fetch,
        clock: Clock,
        draw: Callable[[], float],
        log: Log,
        kept: Callable[[Key, bytes], None] = lambda *_: None,
        gone: Callable[[Key], None] = lambda _: None,
        bypassed: Callable[[Key], None] = lambda _: None,
    ) -> None:
        self._policy = policy
        self._cache = Cache(size=policy.size, max_stale_s=policy.max_stale_s, gone=gone)
        self._kept = kept
        self._bypassed = bypassed
        self._fetch = fetch
        self._clock = clock
        self._draw = draw
        self._log = log
        self._flights: Flights[Served] = Flights()

    async def get(
        self, query: Query, *, traceparent: str | None = None, keep: bool = True
    ) -> Served:
        """Return the body for a query; raises UpstreamError if AWS fails and nothing is cached.

        Without `keep` the cache is neither read nor written.
        """
        key = query.key
        if not keep or not self._policy.keeps(key):
            body = await self._fetch(key, traceparent=traceparent, batchable=False)
            self._bypassed(key)
            return Served(body, Result.BYPASS)
        now = self._clock.now()
        cached = self._cache.find(key, now=now)
        if cached is not None and (result := _at_once(cached, now=now, refresh=query.refresh)):
            return Served(cached.entry.body, result, cached.age_s)
        # A plain GET joins a refresh that is under way; a refresh never joins a plain GET, whose
        # answer may be older than the change that the caller knows about.
        refresh = query.refresh or self._flights.under_way((key, True))
        return await self._flights.join(
            (key, refresh), lambda: self._renew(key, refresh=refresh, traceparent=traceparent)
        )

    async def _renew(self, key: Key, *, refresh: bool, traceparent: str | None) -> Served:
        started = self._clock.now()
        try:
            body = await self._fetch(key, traceparent=traceparent, batchable=not refresh)
        except UpstreamError as error:
            return self._stale(key, error)
        self._store(key, body, refresh=refresh, started=started)
        return Served(body, Result.REFRESH if refresh else Result.MISS)

    def _store(self, key: Key, body: bytes, *, refresh: bool, started: Instant) -> None:
        """Store a body, unless a refresh that began later has stored a newer one."""
        now = self._clock.now()
        newest = self._cache.find(key, now=now)
        if newest and newest.entry.fetched_at.monotonic_ns > started.monotonic_ns:
            return
        lifetime_s = self._policy.lifetime_s(key, draw=self._draw())
        entry = Entry(body=body, fetched_at=now, ttl_s=lifetime_s, refreshed=refresh)
        self._cache.store(key, entry)
        self._kept(key, body)

    def _stale(self, key: Key, error: UpstreamError) -> Served:
        """Return the stale value if that is allowed; a refusal by AWS discards an expired one."""
        now = self._clock.now()
        cached = self._cache.find(key, now=now)
        if cached is None or self._policy.max_stale_s == 0:
            raise error
        if not error.transient:
            if not cached.fresh:
                self._cache.discard(key)
            raise error
        self._cache.store(key, cached.entry._replace(failed_at=now))
        self._log.warning(
            "serving a stale value", name=key.name, code=error.code, age_s=round(cached.age_s)
        )
        return Served(cached.entry.body, Result.STALE, cached.age_s)


def _at_once(cached: AgedEntry, *, now: Instant, refresh: bool) -> Result | None:
    """Return how an entry answers a query without AWS, None if AWS must be asked."""
    entry = cached.entry
    if refresh and entry.refreshed and cached.age_s < REFRESH_INTERVAL_S:
        return Result.HIT
    if cached.fresh and not refresh:
        return Result.HIT
    if entry.failed_at is not None and now.since(entry.failed_at) < BACK_OFF_S:
        return Result.STALE
    return None
