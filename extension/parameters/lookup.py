"""One key's way through the cache: fresh from memory, else one flight to AWS, else stale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from extension.parameters.answer import Result, Served
from extension.parameters.cache import Cache, Entry, Found
from extension.aws.errors import UpstreamError
from extension.parameters.flights import Flights
from extension.parameters.keys import Key, Service
from extension.parameters.request import Query
from extension.process.clock import Clock, Instant
from extension.process.frozen import Frozen
from extension.process.log import Log

REFRESH_INTERVAL_S = 1.0
"""A key is refreshed at most this often: a retry loop with refresh=true must not flood AWS."""

BACK_OFF_S = 5.0
"""After a stale answer AWS is left alone this long, so an outage does not slow every GET."""


class Fetch(Protocol):
    """Asks AWS; `batchable`: the call may be held back a moment to share one with others."""

    async def __call__(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        """Return the body, or raise UpstreamError."""


class Policy(Frozen):
    """How long what is kept; a TTL of 0 means that nothing is."""

    ttl_s: Mapping[Service, float]
    jitter: float
    max_stale_s: float
    size: int

    def keeps(self, key: Key) -> bool:
        """Whether the cache is used for this key at all."""
        return self.size > 0 and self.ttl_s[key.service] > 0

    def lifetime_s(self, key: Key, *, draw: float) -> float:
        """Return the TTL of a new entry: shorter by up to `jitter` of it, for a draw in [0, 1)."""
        return self.ttl_s[key.service] * (1 - self.jitter * draw)


class Lookup:
    """Answers queries; `kept` is called when the cache takes a body, `gone` when it has none.

    `passed` is called with the key of each body that goes past the cache.
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
        passed: Callable[[Key], None] = lambda _: None,
    ) -> None:
        self._policy = policy
        self._cache = Cache(size=policy.size, max_stale_s=policy.max_stale_s, gone=gone)
        self._kept = kept
        self._passed = passed
        self._fetch = fetch
        self._clock = clock
        self._draw = draw
        self._log = log
        self._flights: Flights[Served] = Flights()

    async def get(
        self, query: Query, *, traceparent: str | None = None, keep: bool = True
    ) -> Served:
        """Return the body for a query; raises UpstreamError when AWS fails and nothing is kept.

        Without `keep` the cache is neither read nor written.
        """
        key = query.key
        if not keep or not self._policy.keeps(key):
            body = await self._fetch(key, traceparent=traceparent, batchable=False)
            self._passed(key)
            return Served(body, Result.BYPASS)
        now = self._clock.now()
        found = self._cache.find(key, now=now)
        if found is not None and (result := _at_once(found, now=now, refresh=query.refresh)):
            return Served(found.entry.body, result, found.age_s)
        # A plain GET joins a refresh that is under way; a refresh never joins a plain GET, whose
        # answer may be older than the change that the caller knows of.
        refresh = query.refresh or self._flights.under_way((key, True))
        return await self._flights.join(
            (key, refresh), lambda: self._renew(key, refresh=refresh, traceparent=traceparent)
        )

    def close(self) -> None:
        """End every flight."""
        self._flights.cancel()

    async def _renew(self, key: Key, *, refresh: bool, traceparent: str | None) -> Served:
        started = self._clock.now()
        try:
            body = await self._fetch(key, traceparent=traceparent, batchable=not refresh)
        except UpstreamError as error:
            return self._instead(key, error)
        self._keep(key, body, refresh=refresh, started=started)
        return Served(body, Result.REFRESH if refresh else Result.MISS)

    def _keep(self, key: Key, body: bytes, *, refresh: bool, started: Instant) -> None:
        """Store an answer, unless a refresh that began later has overtaken it."""
        now = self._clock.now()
        newest = self._cache.find(key, now=now)
        if newest and newest.entry.fetched_at.monotonic_ns > started.monotonic_ns:
            return
        lifetime_s = self._policy.lifetime_s(key, draw=self._draw())
        entry = Entry(body=body, fetched_at=now, ttl_s=lifetime_s, refreshed=refresh)
        self._cache.store(key, entry)
        self._kept(key, body)

    def _instead(self, key: Key, error: UpstreamError) -> Served:
        """Return the stale value where that is allowed; a definite no ends an expired one."""
        now = self._clock.now()
        found = self._cache.find(key, now=now)
        if found is None or self._policy.max_stale_s == 0:
            raise error
        if not error.transient:
            if not found.fresh:
                self._cache.discard(key)
            raise error
        self._cache.store(key, found.entry._replace(failed_at=now))
        self._log.warning(
            "serving a stale value", name=key.name, code=error.code, age_s=round(found.age_s)
        )
        return Served(found.entry.body, Result.STALE, found.age_s)


def _at_once(found: Found, *, now: Instant, refresh: bool) -> Result | None:
    """Return how an entry answers without asking AWS, None when AWS must be asked."""
    entry = found.entry
    if refresh and entry.refreshed and found.age_s < REFRESH_INTERVAL_S:
        return Result.HIT
    if found.fresh and not refresh:
        return Result.HIT
    if entry.failed_at is not None and now.since(entry.failed_at) < BACK_OFF_S:
        return Result.STALE
    return None
